/** What becomes of a line, by what became of its run; gateways and database are played by the test. */
import { describe, expect, test } from "bun:test";
import type { Batch, RunEnd, SentLine } from "../../domains/batches/index.ts";
import type { Gateways, PrivateAnswer } from "../jobs/gateways.ts";
import type { Calling } from "../jobs/run-call.ts";
import { LineRunner } from "./line-runner.ts";
import { Pace } from "./pace.ts";

const batch = {
  batchId: "019f0a46-c1e7-7d2a-9b1f-3c5d7e9f1a20",
  organizationId: 7n,
  keyId: "live0000test0000",
  endpoint: "/v1/chat/completions",
} as Batch;

const text = JSON.stringify({
  custom_id: "a",
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "m", messages: [] },
});

const line = (failures = 0): SentLine => ({
  number: 1,
  offset: 0,
  length: text.length,
  run: 3,
  failures,
});

function startRunner(answer: PrivateAnswer) {
  const asked: unknown[] = [];
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const pace = new Pace({ most: 8, clock, chance: () => 1 });
  const gateways = {
    call: (call: unknown) => {
      asked.push(call);
      return Promise.resolve(answer);
    },
  } as unknown as Gateways;
  const signal = new AbortController().signal;
  const calling = { gateways, clock, signal } as unknown as Calling;
  const readBytes = () => Promise.resolve(Buffer.from(text));
  return {
    asked,
    pace,
    runner: new LineRunner({ batch, calling, pace, readBytes, chance: () => 1 }),
  };
}

const endOf = async (answer: PrivateAnswer, failures = 0): Promise<RunEnd | undefined> =>
  await startRunner(answer).runner.send(line(failures));

const refused = (status: number, retryAfterMs?: number): PrivateAnswer => ({
  outcome: "refused",
  status,
  code: undefined,
  body: "{}",
  retryAfterMs,
});

describe("a line", () => {
  test("is sent as its run, with the body of the file, at the tier of batches", async () => {
    const { asked, runner } = startRunner({ outcome: "kept" });
    expect(await runner.send(line())).toEqual({ number: 1, run: 3, state: "answered" });
    expect(asked).toMatchObject([
      {
        jobId: batch.batchId,
        keyId: batch.keyId,
        path: "/v1/chat/completions",
        body: '{"model":"m","messages":[]}',
        serviceTier: "batch",
      },
    ]);
    const { requestId } = asked[0] as { requestId: string };
    // Always the same for the same run; the time is that of the batch, the last digit is left to the attempt.
    expect(requestId).toStartWith("019f0a46-c1e7-7");
    expect(requestId).toEndWith("0");
    await runner.send({ ...line(), run: 4 });
    expect((asked[1] as { requestId: string }).requestId).not.toBe(requestId);
  });

  for (const status of [400, 401, 403, 404, 413, 422, 402]) {
    test(`that is refused with ${status} has its result`, async () => {
      expect(await endOf(refused(status))).toMatchObject({
        state: "refused",
        result: { status, body: "{}" },
      });
    });
  }

  test("that is pushed back waits for as long as it is told, and that never counts", async () => {
    for (const status of [429, 503, 529]) {
      expect(await endOf(refused(status, 7_000), 14)).toMatchObject({
        state: "waiting",
        waitMs: 7_000,
        failures: 14,
      });
    }
    const unheard = { ...refused(401), code: "invalid_api_key" } as PrivateAnswer;
    expect(await endOf(unheard)).toMatchObject({ state: "waiting", failures: 0 });
    // A wallet whose money is held by calls under way.
    expect(await endOf(refused(402, 5_000))).toMatchObject({ state: "waiting", waitMs: 5_000 });
  });

  test("whose provider fails comes again, later and later, for about an hour", async () => {
    let waitedMs = 0;
    for (let failures = 0; ; failures++) {
      const end = await endOf(refused(500), failures);
      if (end?.state !== "waiting") {
        expect(end).toMatchObject({ state: "refused", result: { status: 500 } });
        expect(failures).toBe(14);
        break;
      }
      expect(end.failures).toBe(failures + 1);
      waitedMs += end.waitMs;
    }
    expect(waitedMs / 60_000).toBeGreaterThan(50);
    expect(waitedMs / 60_000).toBeLessThan(75);
  });

  test("that times out is tried three times", async () => {
    expect(await endOf(refused(504))).toMatchObject({ state: "waiting", failures: 5 });
    expect(await endOf(refused(504), 10)).toMatchObject({ state: "refused" });
  });

  test("is not failed by gateways that are not there", async () => {
    expect(await endOf({ outcome: "unreached" }, 14)).toMatchObject({
      state: "waiting",
      failures: 14,
    });
  });

  test("that fails alone does not slow the others; several in a row do", async () => {
    const { pace, runner } = startRunner(refused(500));
    await runner.send(line());
    await runner.send(line());
    expect(pace.roomBeside(0)).toBe(4);
    await runner.send(line());
    expect(pace.roomBeside(0)).toBe(0);
  });
});
