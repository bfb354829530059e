/**
 * The private socket of a data-plane process: `<home>/run/gateway-<id>.sock`.
 *
 * A process listens there before it makes its journal and until after it has closed it; the kernel refuses
 * connections once the process is gone. So that a socket refuses is the proof that its process has ended.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

export type Liveness = "alive" | "slow" | "dead";

const SOCKET_NAME =
  /^gateway-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\.sock$/;
/** More processes than a machine has cores by far. */
const PROCESSES_MAX = 512;
const TIMEOUT_MS = 2_000;
/** What connecting to a socket without a listener, or to none at all, is called. */
const REFUSALS = new Set(["ECONNREFUSED", "ENOENT", "ConnectionRefused", "FailedToOpenSocket"]);

export const runFolderOf = (home: string): string => join(home, "run");

export const processSocketOf = (runFolder: string, id: string): string =>
  join(runFolder, `gateway-${id}.sock`);

/** Ids of all processes that have a socket, ended ones included, in the order of their starts. */
export async function listProcesses(runFolder: string): Promise<string[]> {
  const names = await readdir(runFolder).catch(() => []);
  const ids = names.flatMap((name) => SOCKET_NAME.exec(name)?.[1] ?? []);
  return ids.sort().slice(0, PROCESSES_MAX);
}

/** Anything but a refusal counts as alive: a process that cannot answer in time may still write. */
export async function askLiveness(runFolder: string, id: string): Promise<Liveness> {
  try {
    const response = await askProcess(runFolder, id, "/healthz");
    return response.ok ? "alive" : "slow";
  } catch (error) {
    return isRefused(error) ? "dead" : "slow";
  }
}

/** Nobody listens on the socket: nothing was sent. */
export const isRefused = (error: unknown): boolean =>
  REFUSALS.has(String((error as { code?: unknown } | null)?.code));

export const askProcess = (runFolder: string, id: string, path: string): Promise<Response> =>
  fetch(`http://gateway${path}`, {
    unix: processSocketOf(runFolder, id),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
