/** The Vercel AI SDK, whose provider for OpenAI speaks the Responses API unless it is told otherwise. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createOpenAI, type OpenAIProvider } from "@ai-sdk/openai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
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
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let chat: ScriptedUpstream;
let openai: OpenAIProvider;

beforeAll(async () => {
  stack = await startStack();
  chat = startScriptedUpstream();
  await stack.provider({ name: "chat", url: chat.url });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  await stack.model({ name: "seen", provider: "chat", upstream: "up-1" });
  const { key } = await stack.key();
  openai = createOpenAI({ apiKey: key, baseURL: stack.url });
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  await chat[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const weather = tool({
  description: "The weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => Promise.resolve(`Rain in ${city}.`),
});

const calling = (city: string, id: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [
    { id, type: "function", function: { name: "weather", arguments: JSON.stringify({ city }) } },
  ],
});

test("generateText: a text with its usage", async () => {
  const { text, usage, finishReason, response } = await generateText({
    ...{ model: openai("sim"), prompt: "Hello there.", maxRetries: 0 },
  });
  expect(text).toBe("Hello there.");
  expect(finishReason).toBe("stop");
  expect(usage.totalTokens).toBeGreaterThan(0);
  expect(response.id).toStartWith("resp_");
});

test("streamText: piece by piece", async () => {
  const result = streamText({ model: openai("sim"), prompt: "One two three.", maxRetries: 0 });
  const pieces: string[] = [];
  for await (const piece of result.textStream) pieces.push(piece);
  expect(pieces.join("")).toBe("One two three.");
  expect(pieces.length).toBeGreaterThan(1);
  expect((await result.usage).outputTokens).toBeGreaterThan(0);
});

test("an object by its schema", async () => {
  const { output } = await generateText({
    model: openai("sim"),
    output: Output.object({ schema: z.object({ city: z.string(), people: z.number() }) }),
    prompt: "Bern.",
    maxRetries: 0,
  });
  expect(typeof output.people).toBe("number");
});

describe("tools in several steps", () => {
  test("of generateText, which names what was answered before by its ids", async () => {
    const answers = [
      {
        ...completion(""),
        choices: [{ index: 0, message: calling("Bern", "call_1"), finish_reason: "tool_calls" }],
      },
      completion("It rains in Bern.", wireUsage(20, 5)),
    ];
    let step = 0;
    chat.answer = () => Response.json(answers[step++] ?? answers.at(-1));
    const { text, steps } = await generateText({
      ...{ model: openai("seen"), prompt: "Weather in Bern?", maxRetries: 0 },
      ...{ tools: { weather }, stopWhen: stepCountIs(3) },
    });
    expect(text).toBe("It rains in Bern.");
    expect(steps).toHaveLength(2);
    expect(chat.requests.at(-1)?.body["messages"]).toMatchObject([
      { role: "user" },
      { role: "assistant", tool_calls: [{ id: "call_1" }] },
      { role: "tool", tool_call_id: "call_1", content: "Rain in Bern." },
    ]);
  });

  test("of streamText, with thoughts shown", async () => {
    const answers = [
      [
        chunk({ reasoning_content: "Look it up." }),
        chunk({ tool_calls: [{ index: 0, ...calling("Basel", "call_2").tool_calls[0] }] }),
        lastChunk("tool_calls"),
        usageChunk(wireUsage(10, 9)),
        DONE,
      ],
      [chunk({ content: "Rain." }), lastChunk(), usageChunk(wireUsage(20, 1)), DONE],
    ];
    let step = 0;
    chat.answer = () => sseResponse(answers[step++] ?? []);
    const result = streamText({
      ...{ model: openai("seen"), prompt: "Weather in Basel?", maxRetries: 0 },
      ...{ tools: { weather }, stopWhen: stepCountIs(3) },
      providerOptions: { openai: { reasoningSummary: "auto", forceReasoning: true } },
    });
    const kinds = new Set<string>();
    let reasoning = "";
    for await (const part of result.fullStream) {
      kinds.add(part.type);
      if (part.type === "reasoning-delta") reasoning += part.text;
    }
    expect(await result.text).toBe("Rain.");
    expect([...kinds]).toEqual(expect.arrayContaining(["tool-call", "tool-result", "text-delta"]));
    expect(reasoning).toBe("Look it up.");
  });
});

test("an error is the error that it is", async () => {
  const failing = generateText({ model: openai("nope"), prompt: "Hi", maxRetries: 0 });
  const error = await failing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ statusCode: 404 });
});
