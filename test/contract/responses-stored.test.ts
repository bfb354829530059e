/** Conversations that are kept: responses that go on from each other, and conversations as such. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { BadRequestError, NotFoundError } from "openai";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { asking, recorded, responseIdIn, streamOf } from "../support/responses-client.ts";
import {
  completion,
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { problemsOf } from "./responses-stream-rules.ts";

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;
/** Somebody else's client, and one of another project of ours. */
let strangers: OpenAI[];
/** What a model is asked is seen here: it speaks chat. */
let chat: ScriptedUpstream;
/** And here one that speaks the Responses API. */
let responses: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack({ gateways: 2, expectedErrors: /quantities without a price/ });
  chat = startScriptedUpstream();
  responses = startScriptedUpstream();
  await stack.provider({ name: "chat", url: chat.url });
  await stack.provider({ name: "responses", url: responses.url, dialect: "openai-responses" });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  await stack.model({ name: "seen", provider: "chat", upstream: "up-1" });
  await stack.model({ name: "native", provider: "responses", upstream: "up-2" });
  key = await stack.key();
  client = clientOf(stack, key.key);
  const others = [
    await stack.key({ organization: "strangers" }),
    await stack.key({ organization: key.organization, project: "elsewhere" }),
  ];
  strangers = others.map((other) => clientOf(stack, other.key));
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await chat[Symbol.asyncDispose]();
  await responses[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const lastAsked = (upstream: ScriptedUpstream) => upstream.requests.at(-1)?.body ?? {};

describe("a stored response", () => {
  test("is retrieved as it was answered, whole and as a stream", async () => {
    const { data, response } = await client.responses.create(asking("Hello.")).withResponse();
    const again = await client.responses.retrieve(data.id);
    const { _request_id: _, ...answered } = { _request_id: null, ...data };
    expect(again).toMatchObject({ ...answered, store: true } as object);
    expect(response.headers.get("x-request-id")).not.toBeNull();

    const text = await fetch(`${stack.url}/responses/${data.id}?stream=true`, {
      headers: { authorization: `Bearer ${key.key}` },
    }).then((told) => told.text());
    expect(text).toContain("response.completed");
    const streamed = await client.responses.stream({ response_id: data.id }).finalResponse();
    expect(streamed.output_text).toBe("Hello.");
  });

  test("is stored when its stream has ended, too", async () => {
    const { events } = await streamOf(stack, key, asking("Streamed."));
    expect((await client.responses.retrieve(responseIdIn(events))).output_text).toBe("Streamed.");
  });

  test("lists what was asked, page by page", async () => {
    const input = ["one", "two", "three"].map((content) => ({ role: "user" as const, content }));
    const { id } = await client.responses.create(asking(input));
    const page = await client.responses.inputItems.list(id, { limit: 2, order: "asc" });
    const texts: string[] = [];
    for await (const item of page) texts.push(JSON.stringify(item));
    expect(texts.map((text) => /one|two|three/.exec(text)?.[0])).toEqual(["one", "two", "three"]);
    const [newest] = (await client.responses.inputItems.list(id, { limit: 1 })).data;
    expect(newest).toMatchObject({
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: "three" }],
    });
  });

  test("is nobody else's", async () => {
    const { id } = await client.responses.create(asking("Secret."));
    for (const stranger of strangers) {
      const missing = [
        () => stranger.responses.retrieve(id),
        () => stranger.responses.delete(id),
        () => stranger.responses.cancel(id),
        () => stranger.responses.inputItems.list(id),
      ];
      for (const call of missing) expect(await failureOf(call())).toBeInstanceOf(NotFoundError);
      const going = stranger.responses.create(asking("And?", { previous_response_id: id }));
      expect((await failureOf(going)).code).toBe("previous_response_not_found");
    }
    expect((await client.responses.retrieve(id)).id).toBe(id);
  });

  test("is not stored where the client does not want it", async () => {
    const { id } = await client.responses.create(asking("Forget it.", { store: false }));
    expect(await failureOf(client.responses.retrieve(id))).toBeInstanceOf(NotFoundError);
    const going = client.responses.create(asking("And?", { previous_response_id: id }));
    expect((await failureOf(going)).code).toBe("previous_response_not_found");
  });

  test("is deleted", async () => {
    const { id } = await client.responses.create(asking("Delete me."));
    await client.responses.delete(id);
    expect(await failureOf(client.responses.retrieve(id))).toBeInstanceOf(NotFoundError);
  });
});

describe("previous_response_id", () => {
  test("puts everything that was said before what is said now, but no instructions", async () => {
    chat.answer = () => Response.json(completion("Hello Ann."));
    const asked = { model: "seen" };
    const first = await client.responses.create({
      ...{ ...asked, input: "I am Ann.", instructions: "Be brief." },
    });
    chat.answer = () => Response.json(completion("Ann."));
    const second = await client.responses.create({
      ...{ ...asked, input: "Who am I?", previous_response_id: first.id },
    });
    expect(lastAsked(chat)["messages"]).toEqual([
      { role: "user", content: "I am Ann." },
      { role: "assistant", content: "Hello Ann." },
      { role: "user", content: "Who am I?" },
    ]);
    expect(second.previous_response_id).toBe(first.id);

    await client.responses.create({
      ...{ ...asked, input: "Again?", previous_response_id: second.id },
    });
    expect((lastAsked(chat)["messages"] as unknown[]).length).toBe(5);
  });

  test("goes on with a tool's result alone", async () => {
    const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
    const message = { role: "assistant", content: null, tool_calls: [call] };
    chat.answer = () =>
      Response.json({
        ...completion(""),
        choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      });
    const first = await client.responses.create({ model: "seen", input: "Do it." });
    chat.answer = () => Response.json(completion("Done."));
    await client.responses.create({
      model: "seen",
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: "call_1", output: "42" }],
    });
    expect(lastAsked(chat)["messages"]).toEqual([
      { role: "user", content: "Do it." },
      { ...message },
      { role: "tool", tool_call_id: "call_1", content: "42" },
    ]);
  });

  test("is known at once, also to another process", async () => {
    let last: string | null = null;
    for (let turn = 0; turn < 10; turn++) {
      const { events } = await streamOf(
        stack,
        key,
        asking(`Turn ${turn}.`, { previous_response_id: last }),
      );
      last = responseIdIn(events);
    }
    expect((await client.responses.retrieve(last ?? "")).output_text).toBe("Turn 9.");
  });

  test("cannot go on from what was deleted in between", async () => {
    const first = await client.responses.create(asking("One."));
    const second = await client.responses.create(
      asking("Two.", { previous_response_id: first.id }),
    );
    await client.responses.retrieve(second.id);
    await client.responses.delete(first.id);
    const error = await failureOf(
      client.responses.create(asking("Three.", { previous_response_id: second.id })),
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect([error.code, error.param]).toEqual(["previous_response_gone", "previous_response_id"]);
  });

  test("moves to another provider, which gets the whole conversation", async () => {
    responses.answer = () =>
      new Response(recorded("reasoning-summary.json"), {
        headers: { "content-type": "application/json" },
      });
    const first = await client.responses.create({ model: "native", input: "Yes or no?" });
    expect(lastAsked(responses)).toMatchObject({
      model: "up-2",
      store: false,
      input: "Yes or no?",
    });

    chat.answer = () => Response.json(completion("No."));
    const second = await client.responses.create({
      ...{ model: "seen", input: "Sure?", previous_response_id: first.id },
    });
    expect(lastAsked(chat)["messages"]).toEqual([
      { role: "user", content: "Yes or no?" },
      { role: "assistant", content: "Yes." },
      { role: "user", content: "Sure?" },
    ]);

    await client.responses.create({
      ...{ model: "native", input: "And now?", previous_response_id: second.id },
    });
    const asked = lastAsked(responses);
    expect(asked).not.toHaveProperty("previous_response_id");
    const input = asked["input"] as { type: string; encrypted_content?: string }[];
    expect(input.map(({ type }) => type)).toEqual([
      ...["message", "reasoning", "message", "message", "message", "message"],
    ]);
    expect(input[1]?.encrypted_content).toBe("gAAAAABsealed");
  });
});

describe("items that are named by their ids", () => {
  test("are put where they are named", async () => {
    chat.answer = () => Response.json(completion("Hello Ann."));
    const first = await client.responses.create({ model: "seen", input: "I am Ann." });
    const item = first.output[0]?.id ?? "";
    await client.responses.create({
      model: "seen",
      input: [
        { role: "user", content: "I am Ann." },
        { type: "item_reference", id: item },
        { role: "user", content: "Who am I?" },
      ],
    });
    expect(lastAsked(chat)["messages"]).toMatchObject([
      { content: "I am Ann." },
      { role: "assistant", content: "Hello Ann." },
      { content: "Who am I?" },
    ]);
  });

  test("and are not there, are told by their place", async () => {
    const input = [
      { role: "user" as const, content: "Hi" },
      { type: "item_reference" as const, id: "msg_none" },
    ];
    const error = await failureOf(client.responses.create(asking(input)));
    expect([error.status, error.code, error.param]).toEqual([404, "item_not_found", "input[1]"]);
  });
});

describe("a conversation", () => {
  test("is what its requests and answers add to it", async () => {
    const conversation = await client.conversations.create({
      metadata: { topic: "names" },
      items: [{ type: "message", role: "user", content: "I am Ann." }],
    });
    chat.answer = () => Response.json(completion("Hello."));
    const asked = { model: "seen", conversation: conversation.id };
    const first = await client.responses.create({ ...asked, input: "Good morning." });
    expect(first.conversation).toEqual({ id: conversation.id });
    await client.responses.create({ ...asked, input: "Who am I?" });
    expect(
      (lastAsked(chat)["messages"] as { content: string }[]).map(({ content }) => content),
    ).toEqual(["I am Ann.", "Good morning.", "Hello.", "Who am I?"]);
    const error = await failureOf(
      client.responses.create({
        ...{ model: "seen", input: "Hm?", previous_response_id: first.id },
      }),
    );
    expect(error.code).toBe("previous_response_in_conversation");
  });

  test("has each turn when its answer ends, so that the next one never misses it", async () => {
    const { id: conversation } = await client.conversations.create({});
    const turns = Array.from({ length: 12 }, (_, i) => i);
    for (const i of turns) {
      chat.answer = () => Response.json(completion("Yes."));
      await client.responses.create({ model: "seen", conversation, input: `turn ${i}` });
      expect(lastAsked(chat)["messages"]).toHaveLength(2 * i + 1);
    }
    const { data } = await client.conversations.items.list(conversation, { limit: 100 });
    expect(data).toHaveLength(2 * turns.length);
  });

  test("is created, shown, changed and deleted, with its items", async () => {
    const { id } = await client.conversations.create({});
    expect(await client.conversations.retrieve(id)).toMatchObject({
      object: "conversation",
      metadata: {},
    });
    expect((await client.conversations.update(id, { metadata: { a: "b" } })).metadata).toEqual({
      a: "b",
    });
    const added = await client.conversations.items.create(id, {
      items: ["one", "two"].map((content) => ({ type: "message", role: "user", content })),
    });
    const [item] = added.data;
    const itemId = String(item?.id);
    expect(await client.conversations.items.retrieve(itemId, { conversation_id: id })).toEqual(
      item as never,
    );
    const listed = await client.conversations.items.list(id, { order: "asc" });
    expect(listed.data).toHaveLength(2);
    await client.conversations.items.delete(itemId, { conversation_id: id });
    expect((await client.conversations.items.list(id)).data).toHaveLength(1);
    expect((await client.conversations.delete(id)).deleted).toBe(true);
    expect(await failureOf(client.conversations.retrieve(id))).toBeInstanceOf(NotFoundError);
  });

  test("is nobody else's", async () => {
    const { id } = await client.conversations.create({});
    for (const stranger of strangers) {
      const missing = [
        () => stranger.conversations.retrieve(id),
        () => stranger.conversations.update(id, { metadata: {} }),
        () => stranger.conversations.delete(id),
        () => stranger.conversations.items.list(id),
        () => stranger.conversations.items.create(id, { items: [{ role: "user", content: "x" }] }),
        () => stranger.responses.create(asking("Hi", { conversation: id })),
      ];
      for (const call of missing) expect(await failureOf(call())).toBeInstanceOf(NotFoundError);
    }
  });
});

describe("an upstream that speaks the Responses API", () => {
  test("has its answers passed byte for byte, stored by their own ids", async () => {
    const body = recorded("text.json").replaceAll("resp_01", "resp_upstream_1");
    responses.answer = () =>
      new Response(body, { headers: { "content-type": "application/json" } });
    const answer = await fetch(`${stack.url}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "native", input: "Hi", new_feature: [1] }),
    });
    expect(await answer.text()).toBe(body);
    expect(lastAsked(responses)).toMatchObject({ new_feature: [1], model: "up-2" });
    expect((await client.responses.retrieve("resp_upstream_1")).output_text).toBe("Hello wörld 🦊");
  });

  test("streams events of which nobody here knows", async () => {
    const stream = recorded("provider-tools.sse").replaceAll("resp_07", "resp_upstream_2");
    responses.answer = () => sseResponse([stream]);
    const { text, events } = await streamOf(stack, key, { model: "native", input: "Hi" });
    expect(problemsOf(events)).toEqual([]);
    expect(text.replace(/: x-baseload[^\n]*\n/g, "").replace("\n\n\n", "\n\n")).toBe(stream);
    expect((await client.responses.retrieve("resp_upstream_2")).output).toHaveLength(6);
  });

  test("that uses an id twice has the first one stored", async () => {
    for (const words of ["First.", "Second."]) {
      const body = recorded("text.json")
        .replaceAll("resp_01", "resp_upstream_3")
        .replaceAll("Hello wörld 🦊", words);
      responses.answer = () =>
        new Response(body, { headers: { "content-type": "application/json" } });
      const { output_text } = await client.responses.create({ model: "native", input: "Hi" });
      expect(output_text).toBe(words);
      await client.responses.retrieve("resp_upstream_3");
    }
    expect((await client.responses.retrieve("resp_upstream_3")).output_text).toBe("First.");
  });
});
