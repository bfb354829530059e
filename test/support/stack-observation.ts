/** What tests look at from the outside: gateways' metrics, the sandbox's own counts, posted usage, open leases. */
import { join } from "node:path";
import type { RunningGateway } from "../../src/gateway/start.ts";
import {
  inputTokensOf,
  outputTokensOf,
  type Quantities,
  quantityNames,
} from "../../src/lib/quantities.ts";
import type { Database } from "../../src/platform/db/database.ts";
import { until } from "./until.ts";

/** What the sandbox says it has served; `GET /v1/served`. */
export type ServedTotals = {
  calls: number;
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  attempts: ServedAttempt[];
};
export type ServedAttempt = {
  id: string;
  state: string;
  outcome: string;
  prompt_tokens: number;
  completion_tokens: number;
};

/** One row of `usage_event`, as far as tests look at it. */
export type PostedEvent = {
  eventId: string;
  requestId: string;
  attempt: number;
  keyId: string;
  outcome: string;
  source: string;
  inputTokens: number;
  outputTokens: number;
  /** By kind; what is zero is left out. */
  quantities: Quantities;
  costPicos: bigint;
  chargeNanos: bigint;
  uncoveredPicos: bigint;
};

type Posting = { home: string; database: Database; gateways: readonly RunningGateway[] };

/** From the outside: each gateway's own metrics, and what PostgreSQL has acknowledged of its journal. */
export async function untilPosted({ home, database, gateways }: Posting): Promise<void> {
  const seen: unknown[] = [];
  await until(
    "that everything is posted",
    async () => {
      seen.length = 0;
      const { rows } = await database.pool.query<{ gateway_id: string; acked_sequence: bigint }>(
        "select gateway_id, acked_sequence from gateway_process where state = 'running'",
      );
      const running = gateways.filter(({ gatewayId }) =>
        rows.some((row) => row.gateway_id === gatewayId),
      );
      for (const { gatewayId } of running) {
        const metrics = await readMetrics(join(home, "run", `gateway-${gatewayId}.sock`));
        const acked = rows.find((row) => row.gateway_id === gatewayId)?.acked_sequence ?? 0n;
        seen.push({ gatewayId, acked, ...metrics });
        if (metrics.underWay > 0 || acked < BigInt(metrics.sequence)) return false;
      }
      return true;
    },
    { describe: () => seen },
  );
}

async function readMetrics(socketPath: string): Promise<{ underWay: number; sequence: number }> {
  const response = await fetch("http://gateway/metrics", { unix: socketPath });
  const text = await response.text();
  const sampleOf = (name: string) =>
    Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  const underWay =
    sampleOf("baseload_calls_in_flight") +
    sampleOf("baseload_unsettled_attempts") +
    sampleOf("baseload_held_usd");
  return { underWay, sequence: sampleOf("baseload_journal_sequence") };
}

export async function untilIdle(database: Database): Promise<void> {
  await until("that all leases are given back", async () => {
    const { rows } = await database.pool.query<{ open: bigint }>(
      "select count(*) as open from lease where state <> 'closed'",
    );
    return rows[0]?.open === 0n;
  });
}

export async function readServed(sandbox: { url: string }, token: string): Promise<ServedTotals> {
  const response = await fetch(`${sandbox.url}/served`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await response.json()) as ServedTotals;
}

export async function readEvents(
  database: Database,
  filter: { keyId?: string; requestId?: string },
): Promise<PostedEvent[]> {
  const { rows } = await database.pool.query<{
    event_id: string;
    request_id: string;
    attempt: number;
    key_id: string;
    outcome: string;
    usage_source: string;
    quantities: Quantities;
    cost_picos: string;
    charge_nanos: bigint;
    uncovered_picos: string;
  }>(
    `select event_id, request_id, attempt, key_id, outcome, usage_source,
       json_build_object(${quantityNames.map((name) => `'${name}', ${name}`).join(", ")}) as quantities,
       cost_picos, charge_nanos, uncovered_picos
     from usage_event
     where ($1::text is null or key_id = $1) and ($2::uuid is null or request_id = $2)
     order by started_at, event_id`,
    [filter.keyId ?? null, filter.requestId ?? null],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    requestId: row.request_id,
    attempt: row.attempt,
    keyId: row.key_id,
    outcome: row.outcome,
    source: row.usage_source,
    inputTokens: inputTokensOf(row.quantities),
    outputTokens: outputTokensOf(row.quantities),
    quantities: Object.fromEntries(Object.entries(row.quantities).filter(([, count]) => count > 0)),
    costPicos: BigInt(row.cost_picos),
    chargeNanos: row.charge_nanos,
    uncoveredPicos: BigInt(row.uncovered_picos),
  }));
}
