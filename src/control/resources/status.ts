import * as contract from "../../contract/status.ts";
import { countCatalog } from "../../domains/catalog/index.ts";
import { countIdentity } from "../../domains/identity/index.ts";
import type { Control } from "../control.ts";
import { findGateways } from "../find-gateways.ts";
import { type Route, route } from "../route.ts";

const nothingKnown = { organizations: null, keys: null, providers: null, models: null };

export const statusRoutes: readonly Route[] = [
  // Status answers when other parts do not: that is what it is for.
  route(contract.readStatus, async (control) => {
    const problems: string[] = [];
    const gateways = await findGateways(control.runFolder);
    const database = await readDatabase(control);
    if (!database.ok) {
      problems.push(
        "The database cannot be reached. See logs/postgres.log in the home folder, or check DATABASE_URL.",
      );
    }
    if (gateways.length === 0)
      problems.push("No gateway process is running. Start with: baseload up");
    for (const gateway of gateways.filter(({ ok }) => !ok)) {
      problems.push(
        `Gateway ${gateway.id} does not answer its health check. See logs/gateway.log in the home folder.`,
      );
    }
    return {
      ok: problems.length === 0,
      version: control.version,
      database: { ok: database.ok, latency_ms: database.latencyMs },
      gateways,
      ...database.counts,
      problems,
    };
  }),
];

async function readDatabase(control: Control) {
  const startedMs = control.clock.monotonicMs();
  try {
    await control.database.pool.query("select 1");
    const latencyMs = control.clock.monotonicMs() - startedMs;
    const [identity, catalog] = await Promise.all([
      countIdentity(control.database),
      countCatalog(control.database),
    ]);
    return { ok: true, latencyMs, counts: { ...identity, ...catalog } };
  } catch (error) {
    control.log.warn("status could not read the database", { error });
    return { ok: false, latencyMs: null, counts: nothingKnown };
  }
}
