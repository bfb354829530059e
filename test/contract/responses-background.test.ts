/** Responses that are made in the background, by a worker, for clients that come back for them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { NotFoundError } from "openai";
import type { Response as WireResponse } from "openai/resources/responses/responses";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { asking, streamOf } from "../support/responses-client.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { eventsIn, problemsOf } from "./responses-stream-rules.ts";

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  key = await stack.key();
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

const background = <More extends object>(input: string, more?: More) =>
  asking(input, { background: true, ...(more as More) });

async function untilEnded(id: string): Promise<WireResponse> {
  let latest: WireResponse | undefined;
  await until(`the end of ${id}`, async () => {
    latest = await client.responses.retrieve(id);
    return latest.status !== "queued" && latest.status !== "in_progress";
  });
  if (latest === undefined) throw new Error("it was never retrieved");
  return latest;
}

describe("a response in the background", () => {
  test("is queued at once, made, and charged once", async () => {
    const queued = await client.responses.create(background("Later."));
    expect(queued).toMatchObject({ status: "queued", background: true, output: [], usage: null });
    const made = await untilEnded(queued.id);
    expect(made).toMatchObject({
      ...{ id: queued.id, status: "completed", background: true, created_at: queued.created_at },
    });
    expect(made.output_text).toBe("Later.");
    await stack.untilPosted();
    const events = await stack.events({ keyId: key.keyId });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      outcome: "completed",
      inputTokens: made.usage?.input_tokens,
      outputTokens: made.usage?.output_tokens,
    });
  });

  test("goes on from another one, and another one from it", async () => {
    const first = await client.responses.create(asking("I am Ann."));
    const queued = await client.responses.create(
      background("Who?", { previous_response_id: first.id }),
    );
    const made = await untilEnded(queued.id);
    expect(made.previous_response_id).toBe(first.id);
    const third = await client.responses.create(
      asking("Sure?", { previous_response_id: queued.id }),
    );
    expect(third.usage?.input_tokens).toBeGreaterThan(made.usage?.input_tokens ?? 0);
  });

  test("adds to its conversation", async () => {
    const { id } = await client.conversations.create({});
    const queued = await client.responses.create(background("Noted.", { conversation: id }));
    await untilEnded(queued.id);
    const { data } = await client.conversations.items.list(id, { order: "asc" });
    expect(data.map((item) => ("role" in item ? item.role : item.type))).toEqual([
      "user",
      "assistant",
    ]);
  });

  test("that its provider refuses has failed, says why, and costs nothing", async () => {
    const before = (await stack.events({ keyId: key.keyId })).length;
    const sandbox = { error: { status: 400, code: "bad_thing", message: "No such thing." } };
    const queued = await client.responses.create(background("Fail.", { sandbox }));
    const failed = await untilEnded(queued.id);
    expect(failed).toMatchObject({ status: "failed", error: { code: "bad_thing" } });
    await stack.untilPosted();
    const events = await stack.events({ keyId: key.keyId });
    expect(events.slice(before).every(({ costPicos }) => costPicos === 0n)).toBe(true);
  });

  test("is cancelled before it is complete, and costs nothing", async () => {
    const sandbox = { first_token_delay_ms: 60_000, completion_tokens: 5 };
    const queued = await client.responses.create(background("Slow.", { sandbox }));
    await until("that it is under way", async () => {
      return (await client.responses.retrieve(queued.id)).status === "in_progress";
    });
    expect((await client.responses.cancel(queued.id)).status).toBe("cancelled");
    expect((await client.responses.cancel(queued.id)).status).toBe("cancelled");
    await stack.untilPosted();
    expect((await client.responses.retrieve(queued.id)).output).toEqual([]);
    const { rows } = await stack.database.pool.query<{ state: string }>(
      "select state from job where cancel_asked_at is not null",
    );
    expect(rows.length).toBeGreaterThan(0);
  });

  test("is deleted while it is made", async () => {
    const sandbox = { first_token_delay_ms: 60_000, completion_tokens: 5 };
    const queued = await client.responses.create(background("Slow.", { sandbox }));
    await client.responses.delete(queued.id);
    expect(await failureOf(client.responses.retrieve(queued.id))).toBeInstanceOf(NotFoundError);
  });

  const refused: readonly [name: string, body: object, code: string][] = [
    ["is not made without being stored", { store: false }, "background_not_stored"],
    ["of no model is refused at once", { model: "nope" }, "model_not_found"],
    [
      "with a tool that nobody runs, too",
      { tools: [{ type: "web_search" }] },
      "untranslatable_field",
    ],
  ];
  for (const [name, body, code] of refused) {
    test(name, async () => {
      const error = await failureOf(client.responses.create(background("Hi", body)));
      expect(error.code).toBe(code);
    });
  }
});

describe("its stream", () => {
  test("is followed from the queue to the end", async () => {
    const { events } = await streamOf(stack, key, background("Streamed later."));
    expect(problemsOf(events)).toEqual([]);
    expect(events.map(({ type }) => type).slice(0, 3)).toEqual([
      ...["response.created", "response.queued", "response.in_progress"],
    ]);
    expect(JSON.stringify(events.at(-1))).toContain("Streamed later.");
  });

  test("goes on where it was cut off", async () => {
    const queued = await client.responses.create(background("Cut off."));
    const follow = async (query: string) => {
      const response = await fetch(`${stack.url}/responses/${queued.id}?stream=true${query}`, {
        headers: { authorization: `Bearer ${key.key}` },
      });
      return eventsIn(await response.text());
    };
    const all = await follow("");
    expect(problemsOf(all)).toEqual([]);
    expect(await follow("&starting_after=4")).toEqual(all.slice(5));
    const again = await client.responses.stream({ response_id: queued.id }).finalResponse();
    expect(again.output_text).toBe("Cut off.");
  });

  test("tells that it was cancelled", async () => {
    const sandbox = { first_token_delay_ms: 60_000, completion_tokens: 5 };
    const following = streamOf(
      stack,
      key,
      background("Slow.", { sandbox, metadata: { find: "me" } }),
    );
    let id = "";
    await until("that it is stored", async () => {
      const { rows } = await stack.database.pool.query<{ response_id: string }>(
        `select response_id from stored_response where response like '%"find":"me"%'`,
      );
      id = rows[0]?.response_id ?? "";
      return id !== "";
    });
    await client.responses.cancel(id);
    const { events } = await following;
    expect(problemsOf(events)).toEqual([]);
    expect(events.at(-1)?.type).toBe("response.cancelled");
  });
});

test("many at once are all made, each charged once", async () => {
  const { key: busy, keyId } = await stack.key({ organization: "busy" });
  const busyClient = clientOf(stack, busy);
  const queued = await Promise.all(
    Array.from({ length: 40 }, (_, i) => busyClient.responses.create(background(`Number ${i}.`))),
  );
  for (const [i, { id }] of queued.entries()) {
    await until(`number ${i}`, async () => {
      return (await busyClient.responses.retrieve(id)).output_text === `Number ${i}.`;
    });
  }
  await stack.untilPosted();
  expect(await stack.events({ keyId })).toHaveLength(40);
});
