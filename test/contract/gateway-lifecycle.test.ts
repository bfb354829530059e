/** How gateways come, say how they are, and go: nothing under way is lost, and no money stays behind. */
import { afterEach, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ConnectionBroken, KeptConnection } from "../support/kept-connection.ts";
import { callRaw } from "../support/raw-client.ts";
import { type Stack, type StackOptions, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const open: Stack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack[Symbol.asyncDispose]();
});

async function startSim(options: StackOptions = {}) {
  const stack = await startStack(options);
  open.push(stack);
  await stack.model({ name: "sim" });
  return { stack, key: await stack.key() };
}

const bodyOf = (sandbox: object = {}) => ({
  model: "sim",
  stream: true,
  messages: [{ role: "user", content: "Hello." }],
  sandbox: { prompt_tokens: 30, completion_tokens: 40, ...sandbox },
});

async function expectAllRecovered(stack: Stack): Promise<void> {
  await until("that ended gateways are recovered", async () => {
    const { rows } = await stack.database.pool.query<{ running: bigint }>(
      "select count(*) as running from gateway_process where state = 'running'",
    );
    return rows[0]?.running === 0n;
  });
  const wallet = await stack.wallet("acme");
  expect(wallet).toMatchObject({ leasedNanos: 0n, quarantinedNanos: 0n });
  expect(wallet.availableNanos + wallet.spentNanos).toBe(wallet.grantedNanos);
  expect((await stack.ledger()).problems).toEqual([]);
  // The folder is removed after the row is written.
  await until("that the journals are removed", async () => {
    return (await readdir(join(stack.home, "journal"))).length === 0;
  });
  const sockets = (await readdir(join(stack.home, "run"))).filter((name) => name.endsWith(".sock"));
  expect(sockets).toEqual([]);
}

describe("a gateway", () => {
  test("says that it lives, that it is ready, and what all gateways count", async () => {
    const { stack, key } = await startSim({ gateways: 2 });
    const base = `http://127.0.0.1:${stack.port}`;
    for (let i = 0; i < 3; i++) await stack.chat(key.key, bodyOf());
    await stack.chat("junk", bodyOf());
    await stack.untilPosted();
    const health = await fetch(`${base}/healthz`);
    const ready = await fetch(`${base}/readyz`);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    const sumOf = (sample: RegExp) =>
      [...metrics.matchAll(sample)].reduce((all, match) => all + Number(match[1]), 0);

    expect([health.status, ready.status]).toEqual([200, 200]);
    expect(new Set([...metrics.matchAll(/process="(\d)"/g)].map((match) => match[1])).size).toBe(2);
    expect(sumOf(/^baseload_attempts_total\{.*outcome="completed".*\} (\d+)$/gm)).toBe(3);
    expect(sumOf(/^baseload_tokens_total\{.*direction="output".*\} (\d+)$/gm)).toBe(120);
    expect(sumOf(/^baseload_failures_total\{.*kind="unauthenticated".*\} (\d+)$/gm)).toBe(1);
    expect(metrics).not.toContain(key.key);
  });

  test("that stops finishes what is under way, and gives all its money back", async () => {
    const { stack, key } = await startSim();
    const answers = Array.from({ length: 10 }, () =>
      stack.chat(key.key, bodyOf({ token_delay_ms: 8 })),
    );
    await until("that all calls are under way", async () => (await stack.served()).calls === 10);
    await stack.gateways[0]?.stop();
    const answered = await Promise.all(answers);
    await expectAllRecovered(stack);
    const events = await stack.events();

    for (const { status, text } of answered) {
      expect(status).toBe(200);
      expect(text).toEndWith("data: [DONE]\n\n");
    }
    expect(events.map(({ outcome, outputTokens }) => [outcome, outputTokens])).toEqual(
      Array(10).fill(["completed", 40]),
    );
  });

  test("that may wait no longer cuts what is under way, and charges what was generated", async () => {
    const { stack, key } = await startSim({ drainTimeoutMs: 100 });
    const slow = bodyOf({ completion_tokens: 2_000, token_delay_ms: 10 });
    const calls = Array.from({ length: 6 }, () =>
      callRaw({ port: stack.port, key: key.key, body: slow, leave: () => false }),
    );
    await until("that all calls are under way", async () => (await stack.served()).calls === 6);
    await stack.gateways[0]?.stop();
    await Promise.all(calls);
    await expectAllRecovered(stack);
    const served = await stack.served();
    const events = await stack.events();
    const billed = new Map(events.map((event) => [event.eventId, event.outputTokens]));

    expect(events).toHaveLength(6);
    for (const { id, completion_tokens } of served.attempts) {
      expect(completion_tokens).toBeWithin(0, 2_000);
      expect(billed.get(id)).toBe(completion_tokens);
    }
  });

  test("leaves its share of the port to the others", async () => {
    const { stack, key } = await startSim({ gateways: 2 });
    await stack.chat(key.key, bodyOf());
    await stack.gateways[0]?.stop();
    await stack.addGateway();
    await stack.gateways[1]?.stop();
    const answered = await Promise.all(
      Array.from({ length: 10 }, () => stack.chat(key.key, bodyOf())),
    );

    expect(answered.map(({ status }) => status)).toEqual(Array(10).fill(200));
    await stack.gateways[2]?.stop();
    await expectAllRecovered(stack);
  });
});

const READY = { method: "GET", path: "/readyz" };
const chatOf = (key: string) => ({
  ...{ method: "POST", path: "/v1/chat/completions", key },
  body: { ...bodyOf({ completion_tokens: 3 }), stream: false },
});

/**
 * As every SDK does. A connection that is opened in the very instant in which a port is closed is reset by the kernel,
 * before anybody has read its request; one that was kept must never break.
 */
async function onceMore<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ConnectionBroken) || !error.isNew) throw error;
    return await ask();
  }
}

describe("a gateway that leaves", () => {
  test("says that it is not ready before it takes no more calls, and closes kept connections", async () => {
    const { stack, key } = await startSim({ leaveMs: 400 });
    const client = new KeptConnection(stack.port);
    const before = await client.ask(READY);
    const stream = stack.chat(key.key, bodyOf({ token_delay_ms: 25 }));
    await until("that the stream is under way", async () => (await stack.served()).calls === 1);
    const stopping = stack.gateways[0]?.stop();
    const ready = await client.ask(READY);
    const called = await client.ask(chatOf(key.key));
    await stopping;
    const streamed = await stream;

    expect(before).toMatchObject({ status: 200, isClosing: false });
    expect(ready).toMatchObject({
      status: 503,
      text: "the gateway is stopping\n",
      isClosing: true,
    });
    expect(called).toMatchObject({ status: 200, isClosing: true });
    expect(client.opened).toBe(2);
    // A second of it came after the port was closed.
    expect(streamed.text).toEndWith("data: [DONE]\n\n");
    await expect(new KeptConnection(stack.port).ask(READY)).rejects.toThrow();
    await expectAllRecovered(stack);
  });

  test("and is followed by another one fails no call, on kept connections and on new ones", async () => {
    const { stack, key } = await startSim({ gateways: 2, leaveMs: 150 });
    let isOver = false;
    const statuses: number[] = [];
    const call = async (isKept: boolean) => {
      const client = new KeptConnection(stack.port);
      while (!isOver) {
        const { status } = await onceMore(() => client.ask(chatOf(key.key)));
        statuses.push(status);
        if (!isKept) client.close();
        // Longer than it takes to hear that a connection is closed.
        await Bun.sleep(5);
      }
      client.close();
    };
    const callers = Promise.all(Array.from({ length: 8 }, (_, index) => call(index < 6)));
    for (let round = 0; round < 3; round++) {
      await Bun.sleep(150);
      await stack.gateways[round]?.stop();
      await stack.addGateway();
    }
    isOver = true;
    await callers;
    await Promise.all(stack.gateways.map((gateway) => gateway.stop()));
    await expectAllRecovered(stack);

    expect(statuses.length).toBeGreaterThan(50);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await stack.events()).toHaveLength(statuses.length);
  });
});
