/** Anthropic's API as an application on the Vercel AI SDK uses it, in front of a provider of another dialect. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type AnthropicProvider, createAnthropic } from "@ai-sdk/anthropic";
import { generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let key: CreatedKey;
let anthropic: AnthropicProvider;

beforeAll(async () => {
  stack = await startStack();
  await stack.model({ name: "sim" });
  key = await stack.key();
  anthropic = createAnthropic({ baseURL: stack.url, apiKey: key.key });
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  const events = await stack.events({ keyId: key.keyId });
  expect(events.length).toBeGreaterThanOrEqual(5);
  expect(events.every(({ outcome, costPicos }) => outcome === "completed" && costPicos > 0n)).toBe(
    true,
  );
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

const simulated = () => ({ model: anthropic("sim"), maxRetries: 0, maxOutputTokens: 500 });

test("text is generated and streamed, with its usage", async () => {
  const prompt = "What is the capital of France?";
  const whole = await generateText({ ...simulated(), prompt });
  const streamed = streamText({ ...simulated(), prompt });

  expect(whole.text).toBe(prompt);
  expect(whole.usage.inputTokens).toBeGreaterThan(5);
  expect(await streamed.text).toBe(prompt);
  expect(await streamed.finishReason).toBe("stop");
});

test("tools are called, and their results come back", async () => {
  const weather = tool({
    description: "The weather of a city",
    inputSchema: jsonSchema<{ city: string }>({
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    }),
    execute: ({ city }) => `It rains in ${city}.`,
  });
  const { steps } = await generateText({
    ...simulated(),
    tools: { weather },
    prompt: "Does it rain?",
    stopWhen: isStepCount(2),
  });

  expect(steps).toHaveLength(2);
  expect(steps[0]?.toolResults[0]?.output).toBe("It rains in text.");
});

test("an answer keeps to a schema", async () => {
  const schema = jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  });
  const { output } = await generateText({
    ...simulated(),
    prompt: "A city, please.",
    output: Output.object({ schema }),
  });

  expect(output).toEqual({ city: "text" });
});
