/**
 * Any charge can be computed again from its quantities, its price version and its service tier alone: by the code
 * that rated it, and by `ledger check` in SQL, which shares no line with it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { completeTerms, type PriceComponents, termsFor } from "../../src/domains/catalog/price.ts";
import { insertPrice, readPrices } from "../../src/domains/catalog/price-store.ts";
import { checkLedger } from "../../src/domains/ledger/index.ts";
import { rate, type UsageEvent, usageEventId } from "../../src/domains/metering/index.ts";
import { nanos, picos } from "../../src/lib/money.ts";
import { type Quantities, type QuantityName, quantityNames } from "../../src/lib/quantities.ts";
import { type ServiceTier, serviceTiers } from "../../src/lib/service-tiers.ts";
import { openPostgresBench, type PostgresBench } from "../support/ledger-bench.ts";
import { drawSeed } from "../support/seeded-random.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

const GATEWAY = gatewayIdOf(1);
const PRICES = 12;
const EVENTS = 400;

let bench: PostgresBench;
let leaseId: bigint;

beforeAll(async () => {
  bench = await openPostgresBench();
  const wallet = await bench.openWallet("organization");
  const amount = nanos(10n ** 17n);
  await bench.grant(wallet, amount);
  const { pool } = bench.database;
  await pool.query("insert into organization (name, wallet_id) values ('Acme', $1)", [wallet]);
  await bench.store.registerGateway(GATEWAY);
  const lease = await bench.store.takeLease({
    ...{ gatewayId: GATEWAY, walletId: wallet, leaseId: undefined, gateways: 1 },
    ...{ need: amount, demand: amount, want: nanos(0n), expiresAt: new Date("2100-01-01") },
  });
  leaseId = lease.leaseId;
});
afterAll(() => bench[Symbol.asyncDispose]());

const units = (names: readonly QuantityName[], most: bigint) =>
  fc.record(
    Object.fromEntries(
      names.map((name) => [name, fc.bigInt({ min: 0n, max: most }).map(picos)]),
    ) as Record<QuantityName, fc.Arbitrary<ReturnType<typeof picos>>>,
    { requiredKeys: ["uncached_input"] },
  );

const components = fc
  .record({
    base: units(quantityNames, 10n ** 8n),
    tiers: fc.uniqueArray(
      fc.record({
        aboveInputTokens: fc.integer({ min: 1, max: 60 }),
        picos: units(quantityNames, 10n ** 8n),
      }),
      { maxLength: 3, selector: (tier) => tier.aboveInputTokens },
    ),
  })
  .map(({ base, tiers }): PriceComponents => ({ ...base, contextTiers: tiers }));

const price = fc.record({ standard: components, batch: components, priority: components });

/** Small numbers, so that totals lie on, below and above the tiers' bounds. */
const usage = fc.record({
  serviceTier: fc.constantFrom<ServiceTier>("standard", "batch", "priority"),
  version: fc.nat({ max: PRICES - 1 }),
  quantities: fc.record(
    Object.fromEntries(quantityNames.map((name) => [name, fc.nat({ max: 20 })])) as Record<
      QuantityName,
      fc.Arbitrary<number>
    >,
    { requiredKeys: [] },
  ),
});

async function addPrices(seed: number): Promise<bigint[]> {
  const prices = fc.sample(price, { numRuns: PRICES, seed });
  return await bench.database.transact(async (client) => {
    const ids: bigint[] = [];
    for (const { standard, batch, priority } of prices) {
      const terms = completeTerms({ ...standard, serviceTiers: { batch, priority } });
      ids.push(await insertPrice(client, { modelId: 1n, terms }));
    }
    return ids;
  });
}

const readBack = (ids: readonly bigint[]) =>
  bench.database.transact((client) => readPrices(client, ids));

describe("a booked event", () => {
  test("costs what its row and its price version say, in every tier", async () => {
    const seed = drawSeed();
    const ids = await addPrices(seed);
    const prices = new Map((await readBack(ids)).map((one) => [one.priceVersionId, one]));
    const events = fc.sample(usage, { numRuns: EVENTS, seed }).map((one, number): UsageEvent => {
      const priceVersionId = ids[one.version] as bigint;
      const terms = termsFor(prices.get(priceVersionId) as never, one.serviceTier);
      const cost = rate(terms as PriceComponents, one.quantities);
      const { serviceTier, quantities } = one;
      return usageEvent(number + 1, {
        ...{ leaseIds: [leaseId], priceVersionId, serviceTier, quantities },
        ...{ costPicos: cost, chargeNanos: nanos(cost / 1_000n) },
      });
    });
    await bench.store.post({
      ...{ gatewayId: GATEWAY, events, closedLeaseIds: [], ackedSequence: 1n },
    });

    expect({ seed, problems: await priceProblems() }).toEqual({ seed, problems: [] });
    expect(await rateAgain()).toEqual(new Map(events.map((e) => [usageEventId(e), e.costPicos])));
    expect(new Set(events.map((event) => event.serviceTier)).size).toBe(3);
  });

  test("that is said to be of another service tier is found", async () => {
    const { rows } = await bench.database.pool.query(
      `update usage_event set service_tier = case service_tier when 'batch' then 'priority' else 'batch' end
       where cost_picos > 0 returning 1`,
    );

    expect(rows.length).toBeGreaterThan(EVENTS / 2);
    expect((await priceProblems()).length).toBeGreaterThan(0);
  });
});

const priceProblems = async () =>
  (await checkLedger(bench.database)).problems.filter((problem) => /price version/.test(problem));

/** From what PostgreSQL has, and nothing else. */
async function rateAgain(): Promise<Map<string, bigint>> {
  type Row = Record<QuantityName, bigint> & {
    event_id: string;
    price_version_id: bigint;
    service_tier: ServiceTier;
  };
  const { rows } = await bench.database.pool.query<Row>("select * from usage_event");
  const ids = [...new Set(rows.map((row) => row.price_version_id))];
  const prices = new Map((await readBack(ids)).map((one) => [one.priceVersionId, one]));
  return new Map(
    rows.map((row) => {
      const quantities: Quantities = Object.fromEntries(
        quantityNames.map((name) => [name, Number(row[name])]),
      );
      expect(serviceTiers).toContain(row.service_tier);
      const terms = termsFor(prices.get(row.price_version_id) as never, row.service_tier);
      return [row.event_id, rate(terms as PriceComponents, quantities)];
    }),
  );
}
