/** Limits and scarce models at real gateways: what is let in, who waits for whom, and what everybody is told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type LimitSubject, type NewLimits, setLimits } from "../../src/domains/identity/index.ts";
import {
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

/** By then every gateway knows of a change. */
const SEEN_BY_ALL_MS = 1_000;

let stack: Stack;
let upstream: ScriptedUpstream;
/** Calls that the upstream works on, by the organization's prompt, in the order in which they came. */
let seen: string[] = [];
let underWay = 0;
let mostUnderWay = 0;

beforeAll(async () => {
  stack = await startStack({ gateways: 2, limits: { queueTimeoutMs: 3_000, queueMax: 400 } });
  upstream = startScriptedUpstream();
  upstream.answer = async ({ body }) => {
    seen.push(String((body["messages"] as { content: string }[])[0]?.content));
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await Bun.sleep(20);
    underWay -= 1;
    return Response.json(completion("Done.", wireUsage(10, 5)));
  };
  await stack.provider({ name: "slow", url: upstream.url });
  await stack.provider({ name: "roomy", url: upstream.url });
  await stack.model({ name: "scarce", provider: "slow" });
  await stack.model({ name: "other", provider: "roomy" });
});
afterEach(() => {
  seen = [];
  mostUnderWay = 0;
  stack.assertNoErrors();
});
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const limit = (subject: LimitSubject, limits: NewLimits) =>
  setLimits(stack.database, { subject, limits, actor: "test" });

/** A gateway knows of a change within a second; this one is seen when the limit is told. */
async function untilTold(key: CreatedKey, header: string, value: string): Promise<void> {
  await until(`${header}: ${value}`, async () => {
    const { headers } = await call(key, "other", "warm-up");
    return headers.get(header) === value;
  });
}

const call = (key: CreatedKey, model: string, content: string) =>
  stack.chat(key.key, { model, messages: [{ role: "user", content }], max_tokens: 10 });

describe("a limit", () => {
  test("of an organization holds over its keys and over all gateways, and is told", async () => {
    const one = await stack.key({ organization: "limited" });
    const other = await stack.key({ organization: "limited", project: "second" });
    await limit({ scope: "organization", organization: "limited" }, { rpm: 1_000, tpm: 50_000 });
    await untilTold(one, "x-ratelimit-limit-requests", "1000");

    const first = await call(one, "other", "x");
    const second = await call(other, "other", "x");
    const left = (headers: Headers) =>
      Number.parseInt(headers.get("x-ratelimit-remaining-requests") ?? "", 10);

    expect(left(second.headers)).toBe(left(first.headers) - 1);
    expect(first.headers.get("x-ratelimit-limit-tokens")).toBe("50000");
    expect(first.headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+\.\d{3}s$/);
  });

  test("of calls at once refuses the next, and every way in which a call ends lets one in", async () => {
    const key = await stack.key({ organization: "narrow" });
    await limit({ scope: "organization", organization: "narrow" }, { rpm: 5_000, concurrency: 3 });
    await untilTold(key, "x-ratelimit-limit-requests", "5000");

    const many = await Promise.all(Array.from({ length: 20 }, () => call(key, "other", "x")));
    const statuses = many.map(({ status }) => status);
    const refused = many.find(({ status }) => status === 429);

    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(3);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(refused?.body["error"]).toMatchObject({ code: "concurrency_limit_exceeded" });
    expect(refused?.headers.get("retry-after")).toBe("1");
    expect(refused?.headers.get("x-ratelimit-limit-requests")).toBe("5000");

    // Refused by the plan, left by the client, and broken at the provider.
    await call(key, "no-such-model", "x");
    const leaving = new AbortController();
    const left = fetch(`${stack.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}` },
      body: JSON.stringify({ model: "other", messages: [{ role: "user", content: "x" }] }),
      signal: leaving.signal,
    }).catch(() => undefined);
    await Bun.sleep(10);
    leaving.abort();
    await left;
    for (let i = 0; i < 5; i++) {
      await until(
        "that a call is let in",
        async () => (await call(key, "other", "x")).status === 200,
      );
    }
  });
});

describe("a model that answers only so many calls at once", () => {
  test("answers no more at once, and all who wait in time", async () => {
    const key = await stack.key({ organization: "waiting", creditUsd: "100.00" });
    await limit({ scope: "model", model: "scarce" }, { concurrency: 4 });
    await Bun.sleep(SEEN_BY_ALL_MS);

    const answered = await Promise.all(Array.from({ length: 60 }, () => call(key, "scarce", "x")));

    expect(answered.map(({ status }) => status)).toEqual(Array(60).fill(200));
    expect(mostUnderWay).toBeLessThanOrEqual(4);
  });

  test("lets a modest organization in between the calls of a greedy one", async () => {
    const greedy = await stack.key({ organization: "greedy", creditUsd: "100.00" });
    const modest = await stack.key({ organization: "modest" });
    await limit({ scope: "model", model: "scarce" }, { concurrency: 4 });
    await call(modest, "scarce", "warm-up");
    seen = [];

    const all = Array.from({ length: 200 }, () => call(greedy, "scarce", "greedy"));
    await until("that the greedy one waits", () => Promise.resolve(seen.length >= 8));
    const before = seen.length;
    await call(modest, "scarce", "modest");
    const at = seen.indexOf("modest");
    await Promise.all(all);

    expect(at - before).toBeLessThan(20);
    expect(mostUnderWay).toBeLessThanOrEqual(4);
  });

  test("is not waited for where another candidate of the plan has room", async () => {
    const key = await stack.key({ organization: "routed", creditUsd: "100.00" });
    await limit({ scope: "model", model: "scarce" }, { concurrency: 1 });
    await stack.route("either", {
      tiers: [{ name: "all", targets: [{ model: "scarce" }, { model: "other" }] }],
    });
    await call(key, "either", "warm-up");
    await Bun.sleep(SEEN_BY_ALL_MS);

    const answered = await Promise.all(Array.from({ length: 30 }, () => call(key, "either", "x")));
    const models = answered.map(({ headers }) => headers.get("x-baseload-model"));

    expect(models.filter((model) => model === "other").length).toBeGreaterThan(15);
    expect(models).toContain("scarce");
  });

  test("refuses when the wait takes too long, charges nothing, and holds nothing", async () => {
    const key = await stack.key({ organization: "late", creditUsd: "100.00" });
    await limit({ scope: "model", model: "scarce" }, { concurrency: 1 });
    await Bun.sleep(SEEN_BY_ALL_MS);

    const answered = await Promise.all(Array.from({ length: 220 }, () => call(key, "scarce", "x")));
    const late = answered.filter(({ status }) => status === 503);

    expect(late.length).toBeGreaterThan(0);
    expect(late[0]?.body["error"]).toMatchObject({ code: "model_at_capacity" });
    await stack.untilPosted();
    expect((await stack.ledger()).problems).toEqual([]);
  });
});
