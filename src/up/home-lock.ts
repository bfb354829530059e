/**
 * One supervisor for each home. The lock names a process by its number and its start time, because numbers are
 * used again, in containers within seconds.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../lib/errors.ts";
import { runFolderOf } from "../platform/process-sockets.ts";

export type HomeLock = { release(): void };

/** Two that find the same dead owner at once both write; after this long the last one stands. */
const SETTLE_MS = 30;

export async function lockHome(home: string): Promise<HomeLock> {
  const path = join(runFolderOf(home), "up.lock");
  const own = `${process.pid} ${startTimeOf(process.pid)}\n`;
  for (;;) {
    const owner = readOwner(path);
    if (owner !== undefined && isOwnerAlive(owner)) throw alreadyRunning(home, owner);
    if (owner !== undefined) rmSync(path, { force: true });
    if (!writeNew(path, own)) continue;
    await Bun.sleep(SETTLE_MS);
    if (readOwner(path) === own) return { release: () => rmSync(path, { force: true }) };
  }
}

function alreadyRunning(home: string, owner: string): Failure {
  const [pid = ""] = owner.split(" ");
  return new Failure(
    "conflict",
    `Baseload already runs on ${home} (process ${pid}). See 'baseload status', or choose another home with --home.`,
  );
}

function isOwnerAlive(owner: string): boolean {
  const [pid, startTime] = owner.trim().split(" ");
  return startTime !== undefined && startTimeOf(Number(pid)) === startTime;
}

/** In clock ticks since the machine started; the 22nd field of /proc/<pid>/stat (proc(5)). Empty when there is no such process. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function readOwner(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function writeNew(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false;
    throw error;
  }
}
