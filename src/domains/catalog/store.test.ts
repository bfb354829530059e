import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { picos } from "../../lib/money.ts";
import {
  addDeployment,
  createModel,
  createProvider,
  listModels,
  listPrices,
  listProviders,
  priceAt,
  readCatalog,
  readForSettlement,
  readProvider,
  removeModel,
  removeProvider,
  setPrice,
} from "./index.ts";

const sealKey = "3c".repeat(32);
const actor = "test";
const page = { limit: 100 };
const terms = { uncached_input: picos(150_000n), output_text: picos(600_000n) };

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const newProvider = (name: string, more: Partial<Parameters<typeof createProvider>[1]> = {}) =>
  createProvider(db.database, {
    name,
    dialect: "openai-chat",
    baseUrl: "https://api.example.com/v1/",
    allowPrivate: false,
    quirks: {},
    sealKey,
    actor,
    ...more,
  });

const newModel = (name: string, provider: string, more = {}) =>
  createModel(db.database, { name, provider, terms, actor, ...more });

describe("a provider", () => {
  test("keeps its credential sealed: the database and the lists never show it", async () => {
    const record = await newProvider("sealed", { credential: "sk-upstream-secret" });

    expect(record).toMatchObject({
      credentials: ["default"],
      baseUrl: "https://api.example.com/v1",
    });
    const { rows } = await db.database.pool.query<{ text: string; sealed_value: Buffer }>(
      `select p::text || c::text as text, sealed_value
       from provider p join provider_credential c using (provider_id) where p.name = 'sealed'`,
    );
    expect(rows[0]?.text).not.toContain("upstream-secret");
    expect(rows[0]?.sealed_value.toString("latin1")).not.toContain("upstream");
    const read = await readProvider(db.database, { name: "sealed", sealKey });
    expect(read.credentials).toMatchObject([
      { name: "default", value: "sk-upstream-secret", weight: 1 },
    ]);
  });

  test("whose credential was sealed with another key says what to restore", async () => {
    await newProvider("foreign", { credential: "x", sealKey: "4d".repeat(32) });

    await expect(readProvider(db.database, { name: "foreign", sealKey })).rejects.toThrow(
      "secrets.json",
    );
    await removeProvider(db.database, { name: "foreign", actor });
  });

  test("is connected once, unless it is told to replace itself", async () => {
    const first = await newProvider("moved");

    await expect(newProvider("moved")).rejects.toThrow("already a provider 'moved'");
    const second = await newProvider("moved", {
      baseUrl: "http://127.0.0.1:9/v1",
      allowPrivate: true,
      replace: true,
    });

    expect(second).toMatchObject({
      providerId: first.providerId,
      baseUrl: "http://127.0.0.1:9/v1",
    });
  });

  test("connected by many at the same moment exists once", async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => newProvider("crowd")));

    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  });

  test("that serves a model cannot be removed; after it, it can, and its name is free", async () => {
    await newProvider("leaving", { credential: "sk-old" });
    await newModel("leaving-model", "leaving");

    await expect(removeProvider(db.database, { name: "leaving", actor })).rejects.toThrow(
      "still serves 'leaving-model'",
    );
    await removeModel(db.database, { name: "leaving-model", actor });
    const removed = await removeProvider(db.database, { name: "leaving", actor });

    expect(removed).toMatchObject({ credentials: [] });
    expect(removed.removedAt).not.toBeNull();
    const names = (await listProviders(db.database, page)).rows.map((row) => row.name);
    expect(names).not.toContain("leaving");
    expect((await newProvider("leaving")).credentials).toEqual([]);
  });

  test("that does not exist is answered with the nearest name", async () => {
    await newProvider("local-vllm");

    await expect(newModel("m", "local-vlm")).rejects.toThrow("Did you mean 'local-vllm'?");
  });

  test("whose address carries a password, a query or a fragment is refused", async () => {
    for (const baseUrl of ["https://u:p@example.com/v1", "https://example.com/v1?key=1"]) {
      await expect(newProvider("bad-url", { baseUrl })).rejects.toThrow("address and a path only");
    }
  });
});

describe("a model", () => {
  test("appears in the catalog with its deployments in order and all of its prices", async () => {
    await newProvider("primary", { credential: "sk-1", region: "eu" });
    await newProvider("backup");
    const record = await newModel("chat-large", "primary", {
      upstream: "vendor/chat-large",
      maxOutputTokens: 4_096,
    });
    await addDeployment(db.database, { model: "chat-large", provider: "backup", actor });

    const model = (await readCatalog(db.database, sealKey)).get("chat-large");

    expect(model).toMatchObject({ modelId: record.modelId, maxOutputTokens: 4_096 });
    expect(
      model?.deployments.map(({ upstreamModel, provider }) => [provider.name, upstreamModel]),
    ).toEqual([
      ["primary", "vendor/chat-large"],
      ["backup", "chat-large"],
    ]);
    expect(model?.deployments[0]?.provider).toMatchObject({
      credentials: [{ value: "sk-1" }],
      region: "eu",
    });
    expect(model?.prices).toHaveLength(1);
    expect(model?.prices[0]?.picos).toMatchObject({
      uncached_input: picos(150_000n),
      cache_read: picos(150_000n),
      reasoning: picos(600_000n),
      requests: picos(0n),
    });
  });

  test("is offered once, and deployed once by the same provider under the same name", async () => {
    await newProvider("once");
    await newModel("once-model", "once");

    await expect(newModel("once-model", "once")).rejects.toThrow("already a model 'once-model'");
    await expect(
      addDeployment(db.database, { model: "once-model", provider: "once", actor }),
    ).rejects.toThrow("already serves 'once-model'");
  });

  test("that was removed leaves the catalog, and comes back with its history", async () => {
    await newProvider("history");
    const { modelId } = await newModel("history-model", "history");
    await removeModel(db.database, { name: "history-model", actor });

    expect((await readCatalog(db.database, sealKey)).has("history-model")).toBe(false);
    await expect(removeModel(db.database, { name: "history-model", actor })).rejects.toThrow(
      "no model 'history-model'",
    );
    const again = await newModel("history-model", "history");

    expect(again.modelId).toBe(modelId);
    const prices = await listPrices(db.database, { ...page, model: "history-model" });
    expect(prices.rows).toHaveLength(2);
  });

  test("that was removed can still be settled: its price and its provider are known by id", async () => {
    await newProvider("settled", { credential: "sk-gone" });
    const model = await newModel("settled-model", "settled", { upstream: "theirs" });
    const ids = {
      priceVersionIds: [model.price?.priceVersionId ?? 0n, 999_999n],
      deploymentIds: [model.deployments[0]?.deploymentId ?? 0n, 999_999n],
    };
    await removeModel(db.database, { name: "settled-model", actor });
    await removeProvider(db.database, { name: "settled", actor });

    const { prices, deployments } = await readForSettlement(db.database, { sealKey, ...ids });

    expect([...prices.values()]).toMatchObject([{ picos: terms }]);
    expect([...deployments.values()]).toMatchObject([
      { upstreamModel: "theirs", provider: { name: "settled", credentials: [] } },
    ]);
  });

  test("without a price is listed with none", async () => {
    await newProvider("unpriced");
    await newModel("unpriced-model", "unpriced", { terms: undefined });

    const listed = (await listModels(db.database, page)).rows.find(
      (model) => model.name === "unpriced-model",
    );

    expect(listed?.price).toBeNull();
    expect((await readCatalog(db.database, sealKey)).get("unpriced-model")?.prices).toEqual([]);
  });
});

describe("prices", () => {
  const setTo = (model: string, input: bigint, validFrom?: Date) =>
    setPrice(db.database, {
      model,
      terms: { uncached_input: picos(input), output_text: picos(1n) },
      validFrom,
      nowMs: Date.now(),
      actor,
    });

  test("follow one another without a gap, and one can be announced ahead", async () => {
    await newProvider("priced");
    await newModel("priced-model", "priced");
    await setTo("priced-model", 2n);
    await setTo("priced-model", 3n, new Date(Date.now() + 86_400_000));

    const { rows } = await listPrices(db.database, { ...page, model: "priced-model" });

    expect(rows.map((row) => row.picos.uncached_input)).toEqual([
      picos(3n),
      picos(2n),
      picos(150_000n),
    ]);
    expect(rows.map((row) => row.validTo)).toEqual([
      null,
      rows[0]?.validFrom ?? null,
      rows[1]?.validFrom ?? null,
    ]);
    const prices = (await readCatalog(db.database, sealKey)).get("priced-model")?.prices ?? [];
    expect(priceAt(prices, Date.now() + 1_000)?.picos.uncached_input).toBe(picos(2n));
    expect(priceAt(prices, Date.now() + 90_000_000)?.picos.uncached_input).toBe(picos(3n));
    const listed = (await listModels(db.database, page)).rows.find(
      (model) => model.name === "priced-model",
    );
    expect(listed?.price?.picos.uncached_input).toBe(picos(2n));
  });

  test("are never changed or deleted, not even by hand", async () => {
    for (const sql of [
      "update price_component set picos_per_unit = 0",
      "delete from price_component",
      "update price_version set valid_from = now()",
    ]) {
      await expect(db.database.pool.query(sql)).rejects.toThrow("never changed or deleted");
    }
  });

  test("set by many at the same moment are all kept, one after the other", async () => {
    await newProvider("busy");
    await newModel("busy-model", "busy");

    await Promise.all(Array.from({ length: 10 }, (_, i) => setTo("busy-model", BigInt(i))));

    const { rows } = await listPrices(db.database, { ...page, model: "busy-model" });
    expect(rows).toHaveLength(11);
    for (const [index, row] of rows.entries()) {
      expect(row.validTo).toEqual(index === 0 ? null : (rows[index - 1]?.validFrom ?? null));
    }
  });

  test("that begin at the same later moment are refused, as is one in the past", async () => {
    await newProvider("clash");
    await newModel("clash-model", "clash");
    const later = new Date(Date.now() + 3_600_000);
    await setTo("clash-model", 1n, later);

    await expect(setTo("clash-model", 2n, later)).rejects.toThrow("same moment");
    await expect(setTo("clash-model", 2n, new Date("2020-01-01"))).rejects.toThrow("in the past");
  });

  test("are listed page by page", async () => {
    await newProvider("paged");
    await newModel("paged-model", "paged");
    for (let i = 0; i < 4; i++) await setTo("paged-model", BigInt(i));

    const ids: bigint[] = [];
    let after: string | undefined;
    do {
      const prices = await listPrices(db.database, { limit: 2, after, model: "paged-model" });
      ids.push(...prices.rows.map((row) => row.priceVersionId));
      after = prices.nextAfter ?? undefined;
    } while (after !== undefined);

    expect(ids).toHaveLength(5);
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? 1 : -1)));
  });
});
