/** One call, posted to the ledger as the worker would, for tests of what reads it. */
import { ledgerStore } from "../../src/domains/ledger/index.ts";
import { newRequestId } from "../../src/lib/ids.ts";
import { nanos, picos } from "../../src/lib/money.ts";
import type { Database } from "../../src/platform/db/database.ts";

export type PostedCall = {
  organization: string;
  model: string;
  keyId: string;
  startedAt: Date;
  costPicos: bigint;
};

const LEASE_NANOS = 1_000_000_000n;

/**
 * 100 uncached and 20 cached input tokens, 50 output tokens. The organization needs at least one dollar, one
 * project and one deployment of the model.
 *
 * @returns the request id.
 */
export async function postCall(database: Database, call: PostedCall): Promise<string> {
  const { rows } = await database.pool.query<Record<string, bigint>>(
    `select organization_id, project_id, o.wallet_id, model_id, deployment.deployment_id, price_version_id
     from organization o join project using (organization_id), deployment join model m using (model_id)
     join price_version using (model_id)
     where o.name = $1 and m.name = $2`,
    [call.organization, call.model],
  );
  const id = (name: string) => rows[0]?.[name] ?? 0n;
  const ledger = ledgerStore(database);
  const gatewayId = Bun.randomUUIDv7();
  const requestId = newRequestId();
  await ledger.registerGateway(gatewayId);
  const lease = await ledger.takeLease({
    gatewayId,
    walletId: id("wallet_id"),
    leaseId: undefined,
    need: nanos(LEASE_NANOS),
    demand: nanos(LEASE_NANOS),
    want: nanos(LEASE_NANOS),
    gateways: 1,
    expiresAt: new Date(Date.now() + 60_000),
  });
  await ledger.post({
    gatewayId,
    closedLeaseIds: [],
    ackedSequence: 1n,
    events: [
      {
        requestId,
        attempt: 0,
        organizationId: id("organization_id"),
        projectId: id("project_id"),
        keyId: call.keyId,
        modelId: id("model_id"),
        deploymentId: id("deployment_id"),
        priceVersionId: id("price_version_id"),
        serviceTier: "standard",
        leaseIds: [lease.leaseId],
        startedAtMs: call.startedAt.getTime(),
        endedAtMs: call.startedAt.getTime() + 500,
        outcome: "completed",
        source: "provider",
        quantities: { uncached_input: 100, cache_read: 20, output_text: 50 },
        costPicos: picos(call.costPicos),
        chargeNanos: nanos(call.costPicos / 1_000n),
        uncoveredPicos: picos(0n),
        raw: undefined,
      },
    ],
  });
  return requestId;
}
