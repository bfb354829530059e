import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Failure } from "../../src/lib/errors.ts";
import { newRequestId } from "../../src/lib/ids.ts";
import { chatExchange } from "../../src/providers/chat-exchange.ts";
import { openAiChat } from "../../src/providers/dialects/openai-chat/openai-chat.ts";
import type { AnswerReader } from "../../src/providers/exchange.ts";
import { awaitUsage, lookUpUsage } from "../../src/providers/look-up-usage.ts";
import type { Upstream } from "../../src/providers/upstream.ts";
import { failureFromErrorObject, isWorthAnotherTry } from "../../src/providers/upstream-failure.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/start.ts";

/** The outbound side against the simulated provider: what it reads is what was really served. */
let sandbox: Sandbox;
let upstream: Upstream;
const forever = new AbortController().signal;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, hostname: "127.0.0.1", token: "internal" });
  upstream = {
    name: "sandbox",
    dialect: "openai-chat",
    baseUrl: sandbox.url,
    credential: "internal",
    allowPrivate: true,
    quirks: { usage_lookup: true },
  };
});
afterAll(() => sandbox.stop());

async function call(
  script: Record<string, unknown>,
  more: { stream?: boolean; signal?: AbortSignal; attemptId?: string } = {},
): Promise<{ response: Response; attemptId: string }> {
  const { stream = false, signal = forever, attemptId = newRequestId() } = more;
  const messages = [{ role: "user", content: "Hello there" }];
  const exchange = chatExchange(
    "openai-chat",
    { model: "ours", messages, sandbox: script, stream },
    { requestId: attemptId, model: "ours", createdS: 0 },
  );
  const response = await exchange.send(upstream, {
    upstreamModel: "sandbox-lorem",
    maxOutputTokens: 1_000,
    attemptId,
    tenant: "1",
    signal,
    timeoutMs: 5_000,
  });
  return { response, attemptId };
}

async function failureOf(asked: Promise<unknown>): Promise<Failure> {
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`not a Failure: ${error}`);
  return error;
}

/** Reads a stream through the tap, up to a number of chunks. */
async function tapped(
  response: Response,
  chunks = Number.POSITIVE_INFINITY,
): Promise<AnswerReader> {
  const tap = openAiChat.tap({});
  const reader = response.body?.getReader();
  for (let read = 0; read < chunks; read++) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    tap.take(part.value);
  }
  return tap;
}

const served = { uncached_input: 60, cache_read: 40, output_text: 25, reasoning: 5 };
const pinned = {
  prompt_tokens: 100,
  cached_tokens: 40,
  completion_tokens: 30,
  reasoning_tokens: 5,
};

describe("usage", () => {
  test("of a whole answer, of a stream and of a look-up is the same", async () => {
    const unary = await call(pinned);
    const answer = await openAiChat.readWhole(upstream, unary.response);
    expect(answer.usage?.quantities).toEqual(served);

    const stream = await call(pinned, { stream: true });
    const tap = await tapped(stream.response);
    expect([tap.done, tap.finished]).toEqual([true, true]);
    expect(tap.usage?.quantities).toEqual(served);

    for (const { attemptId } of [unary, stream]) {
      expect(await lookUpUsage(upstream, attemptId, { signal: forever })).toMatchObject({
        state: "finished",
        usage: { quantities: served, source: "lookup" },
      });
    }
  });

  test("of a client that left is known after a while, to the token", async () => {
    const client = new AbortController();
    const slow = { prompt_tokens: 100, completion_tokens: 500, token_delay_ms: 5 };
    const { response, attemptId } = await call(slow, { stream: true, signal: client.signal });
    const tap = await tapped(response, 5);
    const during = await lookUpUsage(upstream, attemptId, { signal: forever });
    expect(during.state).toBe("running");
    client.abort();
    const after = await awaitUsage(upstream, attemptId, { signal: forever, deadlineMs: 2_000 });
    if (after.state !== "finished") throw new Error(`the attempt is ${after.state}`);
    expect(after.usage.quantities.uncached_input).toBe(100);
    expect(after.usage.quantities.output_text).toBeGreaterThanOrEqual(tap.countedOutputTokens());
    expect(after.usage.quantities.output_text).toBeLessThan(100);
  });

  test("of an attempt that never arrived is unknown", async () => {
    const found = await awaitUsage(upstream, newRequestId(), {
      signal: forever,
      deadlineMs: 2_000,
    });
    expect(found).toEqual({ state: "unknown" });
  });

  test("of one that goes on is what it was at the deadline", async () => {
    const client = new AbortController();
    const slow = { completion_tokens: 500, first_token_delay_ms: 10, token_delay_ms: 100 };
    const { attemptId, response } = await call(slow, { stream: true, signal: client.signal });
    const found = await awaitUsage(upstream, attemptId, { signal: forever, deadlineMs: 100 });
    expect(found.state).toBe("running");
    // Held until here: an answer that nobody can read any more ends with the next garbage collection.
    expect(response.ok).toBe(true);
    client.abort();
  });

  test("cannot be asked of a dead upstream", async () => {
    const dead = { ...upstream, baseUrl: "http://127.0.0.1:1/v1" };
    const asked = awaitUsage(dead, newRequestId(), { signal: forever, deadlineMs: 100 });
    expect((await failureOf(asked)).code).toBe("provider_unreachable");
  });
});

describe("faults", () => {
  const refusals: [number, number, boolean][] = [
    [400, 400, false],
    [401, 502, true],
    [429, 429, true],
    [500, 502, true],
    [503, 503, true],
  ];
  for (const [status, ours, again] of refusals) {
    test(`status ${status}`, async () => {
      const failure = await failureOf(call({ error: { status, retry_after: 3 } }));
      expect([failure.status, isWorthAnotherTry(failure)]).toEqual([ours, again]);
      expect(failure.retryAfterSeconds).toBe(3);
    });
  }

  test("an error frame ends the stream, and what was delivered is known", async () => {
    const script = { completion_tokens: 30, error: { status: 500, after_tokens: 12 } };
    const { response } = await call(script, { stream: true });
    const tap = await tapped(response);
    expect(failureFromErrorObject(upstream, tap.error).status).toBe(502);
    expect([tap.done, tap.finished]).toEqual([false, false]);
    expect(tap.countedOutputTokens()).toBe(12);
  });

  test("a cut stream", async () => {
    const { response } = await call(
      { completion_tokens: 30, cut_after_tokens: 12 },
      { stream: true },
    );
    await expect(tapped(response)).rejects.toThrow();
  });

  test("a cut answer, and a malformed one", async () => {
    const cut = await call({ cut_after_tokens: 5 });
    expect((await failureOf(openAiChat.readWhole(upstream, cut.response))).code).toBe(
      "provider_connection_lost",
    );
    const malformed = await call({ malformed_after_tokens: 5 });
    expect((await failureOf(openAiChat.readWhole(upstream, malformed.response))).code).toBe(
      "provider_malformed_answer",
    );
  });

  test("an answer without usage is estimated", async () => {
    const unary = await call({ omit_usage: true, completion_tokens: 30 });
    const answer = await openAiChat.readWhole(upstream, unary.response);
    expect(answer.usage).toBeUndefined();
    expect(answer.countedOutputTokens).toBe(30);
    const stream = await call({ omit_usage: true, completion_tokens: 30 }, { stream: true });
    const tap = await tapped(stream.response);
    expect(tap.usage).toBeUndefined();
    expect(tap.countedOutputTokens()).toBe(30);
  });
});
