import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { picos } from "../../lib/money.ts";
import {
  addDeployment,
  createModel,
  createProvider,
  importKnownPrices,
  listPrices,
  priceAt,
  readCatalog,
  readModel,
  removeModel,
  setPrice,
  termsFor,
} from "./index.ts";
import type { KnownModel } from "./knowledge/known-model.ts";
import type { ImportOptions } from "./price-setting-store.ts";

const actor = "test";
const sealKey = "00".repeat(32);
const page = { limit: 100 };

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
  for (const name of ["primary", "second"]) {
    await createProvider(db.database, {
      ...{ name, dialect: "openai-chat", baseUrl: `https://${name}.example/v1` },
      ...{ allowPrivate: false, quirks: {}, sealKey, actor },
    });
  }
});
afterAll(() => db[Symbol.asyncDispose]());

const at = (input: bigint) => ({ uncached_input: picos(input), output_text: picos(9n) });

async function newModel(name: string, options: { input?: bigint; source?: string } = {}) {
  const { input, source } = options;
  const versions = input === undefined ? [] : [{ terms: at(input), source }];
  await createModel(db.database, { name, provider: "primary", versions, actor });
}

const set = (model: string, order: Partial<Parameters<typeof setPrice>[1]>) =>
  setPrice(db.database, { model, terms: at(1n), nowMs: Date.now(), actor, ...order });

const pricesOf = async (model: string) =>
  (await listPrices(db.database, { ...page, model })).rows.map(({ picos: units, source }) => [
    Number(units.uncached_input),
    source,
  ]);

describe("what a provider charges us", () => {
  test("is a price of its deployment, and callers never pay by it", async () => {
    await newModel("costly", { input: 5n });
    await addDeployment(db.database, {
      ...{ model: "costly", provider: "second", upstream: "theirs", actor },
    });
    await set("costly", { deployment: { provider: "second" }, terms: at(3n) });
    await set("costly", { deployment: { provider: "second" }, terms: at(4n) });

    const model = (await readCatalog(db.database, sealKey)).get("costly");
    const soon = Date.now() + 1_000;
    const [primary, second] = model?.deployments ?? [];
    expect(priceAt(model?.prices ?? [], soon)?.picos.uncached_input).toBe(picos(5n));
    expect(primary?.prices).toEqual([]);
    expect(second?.prices.map((price) => price.picos.uncached_input)).toEqual([
      picos(4n),
      picos(3n),
    ]);
    expect((await readModel(db.database, "costly")).price?.picos.uncached_input).toBe(picos(5n));
    const { rows } = await listPrices(db.database, { ...page, model: "costly" });
    expect(rows.map(({ deployment, validTo }) => [deployment?.provider, validTo === null])).toEqual(
      [
        ["second", true],
        ["second", false],
        [undefined, true],
      ],
    );
  });

  test("is asked for by name where a provider serves a model under several", async () => {
    await newModel("twice");
    await addDeployment(db.database, {
      ...{ model: "twice", provider: "primary", upstream: "twice-v2", actor },
    });

    await expect(set("twice", { deployment: { provider: "primary" } })).rejects.toThrow(
      "under several names",
    );
    const deployment = { provider: "primary", upstream: "twice-v2" };
    expect((await set("twice", { deployment })).deployment?.upstreamModel).toBe("twice-v2");
    await expect(set("twice", { deployment: { provider: "second" } })).rejects.toThrow(
      "does not serve 'twice'",
    );
  });
});

test("service tiers alone are set beside what holds then, and keep where that came from", async () => {
  await newModel("tiered", { input: 5n, source: "genai-prices 0.1.8" });
  const later = new Date(Date.now() + 3_600_000);
  await set("tiered", { terms: at(7n), validFrom: later });

  const now = await set("tiered", { terms: { serviceTiers: { batch: at(2n) } } });
  const then = await set("tiered", {
    terms: { serviceTiers: { flex: at(3n) } },
    validFrom: new Date(later.getTime() + 1_000),
  });

  expect([now.source, Number(now.picos.uncached_input)]).toEqual(["genai-prices 0.1.8", 5]);
  expect([then.source, Number(then.picos.uncached_input)]).toEqual(["operator", 7]);
  expect(termsFor(now, "batch")).toMatchObject(at(2n));
  expect(termsFor(then, "batch")).toBeUndefined();
  await newModel("bare");
  await expect(set("bare", { terms: { serviceTiers: { batch: at(2n) } } })).rejects.toThrow(
    "at least one quantity",
  );
});

describe("an import", () => {
  const known = (input: bigint): KnownModel => ({
    ...{ source: "genai-prices 0.1.8", provider: "list", model: "m", notes: [] },
    contextTokens: undefined,
    prices: [{ validFrom: undefined, terms: at(input) }],
  });
  const run = (options: Partial<ImportOptions> = {}) =>
    importKnownPrices(db.database, {
      ...{ withCosts: false, isDryRun: false, nowMs: Date.now(), actor },
      listIdOf: ({ name }) => `list of ${name}`,
      find: async ({ listId, upstreamModel }) =>
        listId === "list of primary" && upstreamModel.startsWith("listed") ? known(6n) : undefined,
      ...options,
    });
  const stateOf = (rows: Awaited<ReturnType<typeof run>>, model: string) =>
    rows.find((row) => row.model === model)?.state;

  test("changes what came from a list, and says what it left alone", async () => {
    await newModel("listed", { input: 5n, source: "genai-prices 0.1.2" });
    await newModel("listed-own", { input: 5n });
    await newModel("listed-bare");
    await newModel("unlisted", { input: 5n, source: "genai-prices 0.1.2" });
    await newModel("listed-gone", { input: 5n, source: "genai-prices 0.1.2" });
    await removeModel(db.database, { name: "listed-gone", actor });

    const dry = await run({ isDryRun: true });
    expect(await pricesOf("listed")).toEqual([[5, "genai-prices 0.1.2"]]);
    const done = await run();
    const again = await run();

    for (const rows of [dry, done]) {
      expect(stateOf(rows, "listed")).toBe("changed");
      expect(stateOf(rows, "listed-own")).toBe("own");
      expect(stateOf(rows, "listed-bare")).toBe("unpriced");
      expect(stateOf(rows, "unlisted")).toBe("unknown");
      expect(stateOf(rows, "listed-gone")).toBeUndefined();
    }
    expect(stateOf(again, "listed")).toBe("unchanged");
    expect(await pricesOf("listed")).toEqual([
      [6, "genai-prices 0.1.8"],
      [5, "genai-prices 0.1.2"],
    ]);
    expect(await pricesOf("listed-own")).toEqual([[5, "operator"]]);
  });

  test("of one provider looks at models that it serves first", async () => {
    await addDeployment(db.database, { model: "listed", provider: "second", actor });

    const rows = await run({ provider: "second" });
    const costs = await run({ provider: "second", withCosts: true });

    expect(rows).toEqual([]);
    expect(costs.map(({ model, of, state }) => [model, of, state])).toEqual([
      ["costly", "provider", "unknown"],
      ["listed", "provider", "unknown"],
    ]);
  });

  test("made by two at once adds each version once", async () => {
    await newModel("listed-twice", { input: 5n, source: "genai-prices 0.1.2" });

    const rows = (await Promise.all([run(), run(), run()])).flat();

    const ofModel = rows.filter(({ model }) => model === "listed-twice");
    const states = ofModel.map(({ state }) => state as string).sort();
    expect(states).toEqual(["changed", "unchanged", "unchanged"]);
    expect(await pricesOf("listed-twice")).toHaveLength(2);
  });

  test("leaves an audit event for each version", async () => {
    const { rows } = await db.database.pool.query(
      "select detail ->> 'source' as source from audit_event where action = 'price.import' and subject = 'listed'",
    );

    expect(rows).toEqual([{ source: "genai-prices 0.1.8" }]);
  });
});
