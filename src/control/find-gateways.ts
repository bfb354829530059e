/** Running gateway processes, by their sockets. A socket that refuses connections is left over from a dead process. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

type FoundGateway = { id: string; started_at: string; ok: boolean };

const SOCKET_NAME =
  /^gateway-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\.sock$/;
const HEALTH_TIMEOUT_MS = 2_000;
/** More processes than a machine has cores by far. */
const GATEWAYS_MAX = 512;

export async function findGateways(runFolder: string): Promise<FoundGateway[]> {
  const names = await readdir(runFolder).catch(() => []);
  const sockets = names.filter((name) => SOCKET_NAME.test(name)).slice(0, GATEWAYS_MAX);
  const found = await Promise.all(
    sockets.sort().map((name) => askHealth(join(runFolder, name), name)),
  );
  return found.filter((gateway) => gateway !== undefined);
}

async function askHealth(socket: string, name: string): Promise<FoundGateway | undefined> {
  const id = SOCKET_NAME.exec(name)?.[1] ?? name;
  const gateway = { id, started_at: new Date(startedAtMs(id)).toISOString() };
  try {
    const response = await fetch("http://gateway/healthz", {
      unix: socket,
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    return { ...gateway, ok: response.ok };
  } catch (error) {
    const isSlow = error instanceof Error && error.name === "TimeoutError";
    return isSlow ? { ...gateway, ok: false } : undefined;
  }
}

/** A gateway's id is drawn when it starts, and the first 48 bits of a UUID of version 7 are the time (RFC 9562). */
const startedAtMs = (id: string): number =>
  Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
