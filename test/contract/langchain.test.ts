/** The data plane as an application on LangChain.js sees it, through its OpenAI integration. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  AIMessageChunk,
  HumanMessage,
  SystemMessage,
  type ToolMessage,
} from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, type ChatOpenAIFields, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { termsOf } from "../support/posted-cost.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack();
  await stack.model({ name: "sim" });
  const terms = termsOf({ uncached_input: 20_011n });
  await stack.model({ name: "embed", upstream: "sandbox-embedding", terms });
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  const events = await stack.events({ keyId: key.keyId });
  expect(events.every(({ costPicos }) => costPicos > 0n)).toBe(true);
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

const here = () => ({ apiKey: key.key, maxRetries: 0, configuration: { baseURL: stack.url } });
const chat = (more: Partial<ChatOpenAIFields> = {}) =>
  new ChatOpenAI({ model: "sim", ...here(), ...more });

/** The library's own type depends on how a message was made. */
const usageOf = (message: { usage_metadata?: unknown }) =>
  message.usage_metadata as { input_tokens: number; output_tokens: number };

describe("ChatOpenAI", () => {
  test("answers messages, with usage", async () => {
    const answer = await chat().invoke([
      new SystemMessage("Be brief."),
      new HumanMessage("Hello."),
    ]);

    expect(answer.text).toBe("Hello.");
    expect(usageOf(answer).input_tokens).toBeGreaterThan(5);
    expect(usageOf(answer).output_tokens).toBe(2);
  });

  test("streams, with usage at the end", async () => {
    let whole = new AIMessageChunk("");
    let chunks = 0;
    for await (const chunk of await chat({ streamUsage: true }).stream("One two three four.")) {
      whole = whole.concat(chunk);
      chunks += 1;
    }

    expect(chunks).toBeGreaterThan(4);
    expect(whole.text).toBe("One two three four.");
    expect(usageOf(whole).output_tokens).toBeGreaterThan(4);
  });

  test("calls tools, and goes on with their results", async () => {
    const weather = tool(async ({ city }) => `It rains in ${city}.`, {
      ...{ name: "weather", description: "The weather of a city" },
      schema: z.object({ city: z.string() }),
    });
    const model = chat().bindTools([weather]);
    const question = new HumanMessage("Weather?");
    const first = await model.invoke([question]);
    const [call] = first.tool_calls ?? [];
    const result: ToolMessage = await weather.invoke({ ...call, type: "tool_call" } as never);
    const second = await model.invoke([question, first, result]);

    expect(call).toMatchObject({ name: "weather", args: { city: "text" } });
    expect(result.content).toBe("It rains in text.");
    expect(second.text).toBe("Weather?");
  });

  test("gives structured output", async () => {
    const schema = z.object({ name: z.string(), age: z.number().int() });
    const answer = await chat().withStructuredOutput(schema, { name: "person" }).invoke("Who?");
    expect(schema.parse(answer)).toEqual(answer);
  });

  test("sees errors as OpenAI's", async () => {
    const error = await chat({ model: "nothing" })
      .invoke("Hello.")
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 404, code: "model_not_found" });
  });
});

describe("ChatOpenAI by the Responses API", () => {
  const responses = () => chat({ useResponsesApi: true });

  test("answers, streams, and goes on from what it has answered", async () => {
    const first = await responses().invoke("I am Ann.");
    expect(first.text).toBe("I am Ann.");
    let streamed = "";
    for await (const chunk of await responses().stream("One two three.")) streamed += chunk.text;
    expect(streamed).toBe("One two three.");

    const previous_response_id = String(first.response_metadata["id"]);
    const second = await responses().invoke("And?", { previous_response_id });
    expect(usageOf(second).input_tokens).toBeGreaterThan(usageOf(first).input_tokens);
  });
});

describe("OpenAIEmbeddings", () => {
  test("embeds documents in batches, and queries the same way", async () => {
    const embeddings = new OpenAIEmbeddings({
      model: "embed",
      dimensions: 48,
      batchSize: 2,
      ...here(),
    });
    const documents = ["the cat sat on the mat", "a cat on a mat", "rates of interest"];
    const vectors = await embeddings.embedDocuments(documents);
    const query = await embeddings.embedQuery(documents[1] ?? "");

    expect(vectors.map(({ length }) => length)).toEqual([48, 48, 48]);
    expect(query).toEqual(vectors[1] ?? []);
  });
});
