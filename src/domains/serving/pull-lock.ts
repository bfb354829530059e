/**
 * One pull of a model at a time on this machine: two would write into the same part. A lock whose process
 * is gone is taken over.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../lib/errors.ts";

/** A process restarted in a container may have the number of the one that left the lock. */
const heldHere = new Set<string>();

export async function holdPullLock(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, ".pull.lock");
  for (let tries = 0; tries < 2; tries++) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx", mode: 0o600 });
      heldHere.add(path);
      return { [Symbol.asyncDispose]: () => release(path) };
    } catch (cause) {
      if (!isThere(cause)) throw cause;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder === process.pid ? heldHere.has(path) : isAlive(holder)) {
      throw new Failure("conflict", `Process ${holder} is already pulling this model.`, {
        code: "pull_in_progress",
      });
    }
    await rm(path, { force: true });
  }
  throw new Failure("conflict", "Another process is already pulling this model.", {
    code: "pull_in_progress",
  });
}

async function release(path: string): Promise<void> {
  await rm(path, { force: true });
  heldHere.delete(path);
}

const isThere = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EEXIST";

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // Somebody else's process is alive too.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
