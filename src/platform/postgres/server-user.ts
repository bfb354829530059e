/**
 * PostgreSQL refuses to run as root. As root we run it as the system user `postgres`, which is made when it is
 * missing; where users cannot be made, as `nobody`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../../lib/errors.ts";

export type ServerUser = { name: string; uid: number; gid: number };

/** Undefined: this process is not root, and the server runs as the same user. */
export function readServerUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = findUser("postgres") ?? createUser("postgres") ?? findUser("nobody");
  if (user !== undefined) return user;
  throw new Failure(
    "forbidden",
    "PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as. " +
      "Run Baseload as an ordinary user, or set DATABASE_URL to a PostgreSQL server.",
  );
}

function findUser(name: string): ServerUser | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined || Number(uid) === 0) return undefined;
  return { name, uid: Number(uid), gid: Number(gid) };
}

function createUser(name: string): ServerUser | undefined {
  const made = spawnSync("useradd", ["--system", "--user-group", "--no-create-home", name], {
    stdio: "ignore",
  });
  return made.status === 0 ? findUser(name) : undefined;
}

/** Whether every folder on the way, and the path itself, may be entered or read by others. */
export function isReachableByOthers(path: string): boolean {
  if ((statSync(path).mode & 0o005) !== 0o005) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
