/** Running gateway processes, by their sockets. */
import { askLiveness, listProcesses } from "../platform/process-sockets.ts";

type FoundGateway = { id: string; started_at: string; ok: boolean };

export async function findGateways(runFolder: string): Promise<FoundGateway[]> {
  const ids = await listProcesses(runFolder);
  const found = await Promise.all(
    ids.map(async (id) => ({ id, liveness: await askLiveness(runFolder, id) })),
  );
  return found
    .filter(({ liveness }) => liveness !== "dead")
    .map(({ id, liveness }) => ({
      id,
      started_at: new Date(startedAtMs(id)).toISOString(),
      ok: liveness === "alive",
    }));
}

/** A gateway's id is drawn when it starts, and the first 48 bits of a UUID of version 7 are the time (RFC 9562). */
const startedAtMs = (id: string): number =>
  Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
