/**
 * What runs on a data directory. A postmaster writes `postmaster.pid`; after `kill -9` or a power cut the file
 * stays behind, and its number may by then belong to any other process.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";

export type Postmaster = { pid: number; ready: boolean };

/** Lines of postmaster.pid: https://www.postgresql.org/docs/18/storage-file-layout.html */
const PID_LINE = 0;
const STATUS_LINE = 7;

const pidFile = (dataDirectory: string): string => join(dataDirectory, "postmaster.pid");

/** The server that runs on this data directory now, if any. */
export function findPostmaster(dataDirectory: string): Postmaster | undefined {
  const lines = readLines(pidFile(dataDirectory));
  const pid = Number(lines[PID_LINE]);
  if (!Number.isInteger(pid) || pid <= 1 || !worksIn(pid, dataDirectory)) return undefined;
  return { pid, ready: lines[STATUS_LINE]?.trim() === "ready" };
}

/**
 * Removes a pid file that a dead server left behind. PostgreSQL does so itself, except when the number now
 * belongs to another process of the same user, as it does after the restart of a container.
 *
 * Only safe while `processesOn` is empty: a backend that survived its postmaster may still write.
 */
export function removeStalePidFile(dataDirectory: string): void {
  if (findPostmaster(dataDirectory) === undefined) rmSync(pidFile(dataDirectory), { force: true });
}

/** Server processes, backends included, that still work on the data directory: their working directory is it. */
export function processesOn(dataDirectory: string): number[] {
  return readNames("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && worksIn(pid, dataDirectory));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readState(pid) !== "Z";
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}

/** A zombie answers signals but is dead; its parent has not noticed yet. */
function readState(pid: number): string | undefined {
  const [stat = ""] = readLines(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}

function worksIn(pid: number, dataDirectory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDirectory) && isAlive(pid);
  } catch {
    return false;
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
