/**
 * The index that pip is configured for, and the address of one wheel in it, for machines without Python.
 * https://packaging.python.org/en/latest/specifications/simple-repository-api/
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import { messageOf } from "./fetch-file.ts";

const PAGE_BYTES_MAX = 8 << 20;
const PAGE_TIMEOUT_MS = 10_000;

/** Undefined when no file of pip's configuration names an index. */
export async function readPipIndex(home: string = homedir()): Promise<string | undefined> {
  const paths = [
    join(home, ".config/pip/pip.conf"),
    join(home, ".pip/pip.conf"),
    "/etc/xdg/pip/pip.conf",
    "/etc/pip.conf",
  ];
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch(() => "");
    const index = /^\s*index-url\s*[=:]\s*(\S+)/m.exec(text)?.[1];
    if (index !== undefined) return index;
  }
  return undefined;
}

/** The address of the wheel that runs on any machine. */
export async function findWheel(options: {
  index: string;
  name: string;
  version: string;
  signal: AbortSignal;
}): Promise<string> {
  const { index, name, version } = options;
  const normal = name.toLowerCase().replace(/[-_.]+/g, "-");
  const page = `${index.replace(/\/+$/, "")}/${normal}/`;
  const wheel = `${normal.replaceAll("-", "_")}-${version}-py3-none-any.whl`;
  const links = await readLinks(page, options.signal);
  const link = links.find((candidate) => fileNameOf(candidate) === wheel);
  if (link === undefined) throw new Failure("upstream", `the package index has no ${wheel}`);
  return new URL(link, page).href.replace(/#.*$/, "");
}

const pageSchema = z.object({ files: z.array(z.object({ url: z.string() })) });

async function readLinks(page: string, signal: AbortSignal): Promise<string[]> {
  const response = await fetch(page, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(PAGE_TIMEOUT_MS)]),
    headers: { accept: "application/vnd.pypi.simple.v1+json, text/html;q=0.5" },
  }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new Failure("upstream", `the package index: ${messageOf(cause)}`, { cause });
  });
  const text = await response.text();
  if (!response.ok || text.length > PAGE_BYTES_MAX) {
    throw new Failure("upstream", `the package index answered HTTP ${response.status}`);
  }
  if (response.headers.get("content-type")?.includes("json")) {
    const parsed = pageSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.files.map((file) => file.url) : [];
  }
  return [...text.matchAll(/<a\s[^>]*href="([^"]+)"/gi)].map((match) =>
    (match[1] ?? "").replaceAll("&amp;", "&"),
  );
}

const fileNameOf = (link: string): string => link.replace(/[?#].*$/, "").replace(/^.*\//, "");
