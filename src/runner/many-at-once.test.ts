import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  endless,
  framesOf,
  RUNNER_START_MS,
  startTestRunner,
  type TestRunner,
  until,
  user,
} from "../../test/support/runner.ts";
import { newRequestId } from "../lib/ids.ts";

// A real model on a busy machine: seconds are normal.
setDefaultTimeout(60_000);

let runner: TestRunner;
let small: TestRunner;
beforeAll(async () => {
  runner = await startTestRunner({ contextTokens: 4096, sequences: 8 });
  small = await startTestRunner({ contextTokens: 256, sequences: 1, queueMax: 2 });
}, RUNNER_START_MS);
afterAll(() => Promise.all([runner?.stop(), small?.stop()]));

describe("what was counted", () => {
  test("a prompt seen before is found evaluated", async () => {
    const text = "The history of electricity begins with amber. ".repeat(20);
    const before = await runner.answer({ messages: user(`${text} Why?`) });
    const after = await runner.answer({ messages: user(`${text} When?`) });
    const prompt = after.usage?.prompt_tokens ?? 0;

    expect(before.usage?.prompt_tokens_details?.cached_tokens).toBeLessThan(40);
    expect(after.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(prompt - 20);
    expect(after.usage?.prompt_tokens_details?.cached_tokens).toBeLessThan(prompt);
  });

  test("a prompt that does not fit is refused, with the number of its tokens", async () => {
    const response = await small.ask({ messages: user("word ".repeat(300)) });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(error.message).toContain("256 tokens");
    expect(error.message).toMatch(/have 3\d\d tokens/);
    const huge = await small.ask({ messages: user("x".repeat(1_000_000)) });
    expect(huge.status).toBe(400);
  });

  test("an answer ends with the context, to the token", async () => {
    const { choices, usage } = await small.answer({
      messages: user("word ".repeat(200)),
      max_tokens: 10_000,
      ...endless,
    });
    expect(choices[0]?.finish_reason).toBe("length");
    expect(usage?.total_tokens).toBe(256);
  });

  test("an attempt is known while it runs and after it ended, and never made twice", async () => {
    const attempt = newRequestId();
    const look = async () => (await runner.get(`/v1/attempts/${attempt}`)).json();
    const overtaken = newRequestId();
    expect((await runner.get(`/v1/attempts/${overtaken}`)).status).toBe(404);
    expect((await runner.ask({}, { attempt: overtaken })).status).toBe(409);

    const response = await runner.ask({ stream: true, max_tokens: 60, ...endless }, { attempt });
    expect(await look()).toMatchObject({ state: "running" });
    const chunks = await Array.fromAsync(framesOf(response));
    const usage = { prompt_tokens: expect.any(Number), completion_tokens: 60 };

    expect(chunks.at(-1)?.data).toBe("[DONE]");
    expect(await look()).toMatchObject({ state: "finished", usage });
    expect((await runner.ask({}, { attempt })).status).toBe(409);
    expect((await runner.ask({ temperature: 9 }, { attempt: newRequestId() })).status).toBe(400);
    expect((await runner.get("/v1/attempts/01890000-0000-7000-8000-000000000000")).status).toBe(
      410,
    );
  });
});

describe("cancellation", () => {
  test("stops a stream within a token, and counts what was generated", async () => {
    const attempt = newRequestId();
    const controller = new AbortController();
    const response = await runner.ask(
      { stream: true, max_tokens: 3_000, ...endless },
      { attempt, signal: controller.signal },
    );
    let received = 0;
    const reading = (async () => {
      for await (const _ of framesOf(response)) if (++received === 20) controller.abort();
    })();
    await reading.catch(() => undefined);
    await until(async () => (await runner.metric("active_sequences")) === 0);
    const settled = (await (await runner.get(`/v1/attempts/${attempt}`)).json()) as Settled;
    await Bun.sleep(100);

    expect(settled.state).toBe("finished");
    expect(settled.usage.completion_tokens).toBeGreaterThanOrEqual(19);
    expect(settled.usage.completion_tokens).toBeLessThan(200);
    expect(await (await runner.get(`/v1/attempts/${attempt}`)).json()).toEqual(settled);
  });

  test("stops an answer in one piece", async () => {
    const { attempt, ended } = cancellable({ max_tokens: 3_000, ...endless });
    await until(async () => (await countsOf(attempt)).completion_tokens >= 5);
    const settled = await ended();

    expect(settled.completion_tokens).toBeGreaterThanOrEqual(5);
    expect(settled.completion_tokens).toBeLessThan(1_000);
  });

  test("stops the reading of a long prompt, and counts what was read", async () => {
    const { attempt, ended } = cancellable({ messages: user(longText(3_000)) });
    await until(async () => (await countsOf(attempt)).prompt_tokens >= 256);
    const settled = await ended();

    expect(settled.completion_tokens).toBe(0);
    expect(settled.prompt_tokens).toBeGreaterThanOrEqual(256);
    expect(settled.prompt_tokens).toBeLessThan(2_900);
  });

  test("a full queue refuses, and those who leave it are forgotten", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const running = small.ask({ max_tokens: 200, ...endless }, { signal });
    await until(async () => (await small.metric("active_sequences")) === 1);
    const attempt = newRequestId();
    const waiting = small.ask({}, { signal, attempt });
    await until(async () => (await small.metric("queue_length")) === 1);
    const refused = await small.ask({});

    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: "queue_full" } });
    controller.abort();
    await Promise.allSettled([running, waiting]);
    await until(async () => (await small.metric("queue_length")) === 0);
    expect(await (await small.get(`/v1/attempts/${attempt}`)).json()).toMatchObject({
      state: "finished",
      usage: { total_tokens: 0 },
    });
    expect((await small.ask({})).status).toBe(200);
  });
});

const countsOf = async (attempt: string) => {
  const response = await runner.get(`/v1/attempts/${attempt}`);
  const none = { prompt_tokens: 0, completion_tokens: 0 };
  return response.ok ? ((await response.json()) as Settled).usage : none;
};

/** A request in flight; `ended` cancels it and resolves with its final counts. */
function cancellable(body: Parameters<TestRunner["ask"]>[0]) {
  const attempt = newRequestId();
  const controller = new AbortController();
  const answer = runner.ask(body, { attempt, signal: controller.signal }).catch(() => undefined);
  return {
    attempt,
    async ended() {
      controller.abort();
      await answer;
      await until(async () => (await runner.metric("active_sequences")) === 0);
      const settled = await countsOf(attempt);
      await Bun.sleep(100);
      expect(await countsOf(attempt)).toEqual(settled);
      return settled;
    },
  };
}

type Settled = { state: string; usage: { prompt_tokens: number; completion_tokens: number } };

/** Text that no cache has seen, of about this many tokens. */
let texts = 0;
const longText = (tokens: number) => `${++texts} ${"amber and silk ".repeat(tokens / 3)}`;

describe("several at once", () => {
  test("a long prompt does not keep the others waiting", async () => {
    const other = await runner.ask({ stream: true, max_tokens: 3_000, ...endless });
    const times: number[] = [];
    const done = new AbortController();
    const reading = (async () => {
      for await (const { atMs } of framesOf(other)) {
        times.push(atMs);
        if (done.signal.aborted) break;
      }
    })();
    await until(async () => times.length > 10);
    const from = performance.now();
    const response = await runner.ask({ messages: user(longText(900)), max_tokens: 1 });
    const to = performance.now();
    done.abort();
    await reading;

    expect(response.status).toBe(200);
    const during = times.filter((at) => at > from && at < to);
    const gaps = during.slice(1).map((at, index) => at - (during[index] ?? at));
    // One slice at a time: at least a token for each of the 14 slices, and no gap near the whole reading.
    expect(during.length).toBeGreaterThan(10);
    expect(Math.max(...gaps)).toBeLessThan((to - from) / 4);
  });

  test("eight streams end, each with its own answer and its own counts", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, seed) => {
        const response = await runner.ask({
          messages: user(`Write about the number ${seed}.`),
          ...{ stream: true, stream_options: { include_usage: true }, max_tokens: 32, seed },
          ...endless,
        });
        const chunks = await Array.fromAsync(framesOf(response));
        const parsed = chunks.slice(0, -1).map(({ data }) => JSON.parse(data));
        return {
          text: parsed.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
          usage: parsed.at(-1)?.usage,
        };
      }),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(8);
    for (const { usage } of answers) expect(usage.completion_tokens).toBe(32);
    expect(await runner.metric("active_sequences")).toBe(0);
  });
});
