/** Answers that are given again: to whom, for how long, at what price, and what forgets them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { clearCache, setCache } from "../../src/domains/identity/index.ts";
import {
  chunk,
  completion,
  DONE,
  lastChunk,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
  usageChunk,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack();
  upstream = startScriptedUpstream();
  await stack.provider({ name: "one", url: upstream.url });
  await stack.model({ name: "m", provider: "one" });
  key = await stack.key({ organization: "caching" });
  await setCache(stack.database, { organization: "caching", ttlSeconds: 60, actor: "test" });
  await until("that answers are kept", async () => {
    const { headers } = await ask({ content: `warm-up ${crypto.randomUUID()}` });
    return headers.get("x-baseload-cache") === "miss";
  });
});
beforeEach(() => {
  let calls = 0;
  upstream.requests.length = 0;
  upstream.answer = ({ body }) => {
    calls += 1;
    const text = `Answer ${calls}.`;
    if (body["stream"] !== true) return Response.json(completion(text, wireUsage(10, 5)));
    return sseResponse([chunk({ content: text }), lastChunk(), usageChunk(wireUsage(10, 5)), DONE]);
  };
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

type Asking = { content: string; key?: CreatedKey; cache?: string } & Record<string, unknown>;

async function ask({ content, key: by = key, cache, ...more }: Asking) {
  const response = await fetch(`${stack.url}/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${by.key}`,
      ...(cache === undefined ? {} : { "x-baseload-cache": cache }),
    },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...more }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const cacheOf = ({ headers }: { headers: Headers }) => headers.get("x-baseload-cache");

describe("a call that repeats exactly", () => {
  test("gets the same bytes again, whole and streamed, at no cost, and is recorded as a hit", async () => {
    for (const stream of [false, true]) {
      const content = `Repeat ${stream}`;
      const first = await ask({ content, stream });
      const again = await ask({ content, stream });
      await stack.untilPosted();
      const requestId = again.headers.get("x-request-id") ?? "";
      const [event, ...others] = await stack.events({ requestId });

      expect([cacheOf(first), cacheOf(again)]).toEqual(["miss", "hit"]);
      expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
      expect(again.headers.get("x-baseload-cost")).toBe("0.00");
      expect(again.headers.get("x-baseload-provider")).toBe("one");
      expect(again.headers.get("age")).toBe("0");
      const comments = /^: .*\n+/gm;
      expect(again.text).toBe(first.text.replaceAll(comments, ""));
      expect(event).toMatchObject({ source: "cache", outcome: "completed", chargeNanos: 0n });
      expect(others).toEqual([]);
    }
    expect(upstream.requests).toHaveLength(2);
  });

  test("may name its fields in another order, and nothing else may differ", async () => {
    await ask({ content: "Order", temperature: 0, seed: 7 });

    expect(cacheOf(await ask({ content: "Order", seed: 7, temperature: 0 }))).toBe("hit");
    expect(cacheOf(await ask({ content: "Order", seed: 8, temperature: 0 }))).toBe("miss");
    expect(cacheOf(await ask({ content: "Order ", seed: 7, temperature: 0 }))).toBe("miss");
    expect(cacheOf(await ask({ content: "Order", seed: 7, temperature: 0, stream: true }))).toBe(
      "miss",
    );
  });

  test("of another organization is another call, and of another key of the same one is not", async () => {
    const colleague = await stack.key({ organization: "caching", project: "second" });
    const stranger = await stack.key({ organization: "others" });
    await setCache(stack.database, { organization: "others", ttlSeconds: 60, actor: "test" });
    await until("that answers are kept", async () => {
      const warm = await ask({ content: `warm-up ${crypto.randomUUID()}`, key: stranger });
      return cacheOf(warm) === "miss";
    });
    await ask({ content: "Whose" });

    expect(cacheOf(await ask({ content: "Whose", key: colleague }))).toBe("hit");
    expect(cacheOf(await ask({ content: "Whose", key: stranger }))).toBe("miss");
  });

  test("is asked anew when the client wants that, and not kept when it does not", async () => {
    await ask({ content: "Fresh" });
    const refreshed = await ask({ content: "Fresh", cache: "refresh" });
    const after = await ask({ content: "Fresh" });
    const secret = await ask({ content: "Secret", cache: "no-store" });

    expect([cacheOf(refreshed), cacheOf(after), cacheOf(secret)]).toEqual(["miss", "hit", null]);
    expect(after.text).toBe(refreshed.text);
    expect(cacheOf(await ask({ content: "Secret" }))).toBe("miss");
    expect((await ask({ content: "x", cache: "perhaps" })).status).toBe(400);
  });

  test("is asked anew after an error, and after a stream that broke off", async () => {
    const answer = upstream.answer;
    upstream.answer = () => Response.json({ error: { message: "no", type: "x" } }, { status: 400 });
    expect((await ask({ content: "Broken" })).status).toBe(400);
    upstream.answer = () => sseResponse([chunk({ content: "Half" })], "late reset");
    await ask({ content: "Broken", stream: true });
    upstream.answer = answer;

    expect(cacheOf(await ask({ content: "Broken" }))).toBe("miss");
    expect(cacheOf(await ask({ content: "Broken", stream: true }))).toBe("miss");
  });

  test("is asked anew when the organization's answers are to be forgotten", async () => {
    await ask({ content: "Forget" });
    expect(cacheOf(await ask({ content: "Forget" }))).toBe("hit");
    await clearCache(stack.database, { organization: "caching", actor: "test" });

    await until(
      "that it is forgotten",
      async () => cacheOf(await ask({ content: "Forget" })) === "miss",
    );
  });
});

test("an organization that has not asked for it never gets an answer twice", async () => {
  const plain = await stack.key({ organization: "plain" });
  const first = await ask({ content: "Plain", key: plain });
  const second = await ask({ content: "Plain", key: plain });

  expect([cacheOf(first), cacheOf(second)]).toEqual([null, null]);
  expect(second.text).not.toBe(first.text);
});

test("a route may ask for it", async () => {
  const plain = await stack.key({ organization: "routed" });
  await stack.route("kept", {
    tiers: [{ name: "all", targets: [{ model: "m" }] }],
    cache: { ttl_seconds: 60 },
  });
  const call = () => ask({ content: "Routed", key: plain, model: "kept" });

  expect([cacheOf(await call()), cacheOf(await call())]).toEqual(["miss", "hit"]);
});
