/** What every operation of the control plane needs. Wired once in `start.ts`. */
import type { Clock } from "../lib/clock.ts";
import type { Database } from "../platform/db/database.ts";
import type { Log } from "../platform/log.ts";

export type Control = {
  database: Database;
  /** Hexadecimal, as in `secrets.json`. */
  keyPepper: string;
  sealKey: string;
  adminToken: string;
  /** The folder in which running gateway processes have their sockets. */
  runFolder: string;
  version: string;
  clock: Clock;
  log: Log;
};
