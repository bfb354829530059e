/** The data plane as an application on the Vercel AI SDK sees it, through its OpenAI provider. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createOpenAI, type OpenAIProvider } from "@ai-sdk/openai";
import {
  cosineSimilarity,
  embed,
  embedMany,
  generateImage,
  generateSpeech,
  generateText,
  isStepCount,
  jsonSchema,
  Output,
  streamText,
  tool,
  transcribe,
} from "ai";
import { termsOf } from "../support/posted-cost.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

const CHAT = { uncached_input: 1_000_003n, output_text: 2_000_029n };

let stack: Stack;
let key: CreatedKey;
let openai: OpenAIProvider;

beforeAll(async () => {
  stack = await startStack();
  await stack.model({ name: "sim", terms: termsOf(CHAT) });
  const others: [string, string, Parameters<typeof termsOf>[0]][] = [
    ["embed", "sandbox-embedding", { uncached_input: 20_011n }],
    ["gpt-image-sim", "sandbox-image", { uncached_input: 5_000_017n, image_output: 40_000_003n }],
    ["speak", "sandbox-speech", { characters: 15_000_007n }],
    ["hear", "sandbox-transcription", { audio_seconds: 100_000_007n }],
  ];
  for (const [name, upstream, terms] of others) {
    await stack.model({ name, upstream, terms: termsOf(terms) });
  }
  key = await stack.key();
  openai = createOpenAI({ baseURL: stack.url, apiKey: key.key });
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  const events = await stack.events({ keyId: key.keyId });
  expect(events.length).toBeGreaterThan(8);
  expect(events.every(({ outcome, costPicos }) => outcome === "completed" && costPicos > 0n)).toBe(
    true,
  );
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

const weather = tool({
  description: "The weather of a city",
  inputSchema: jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  }),
  execute: ({ city }) => `It rains in ${city}.`,
});

describe("text", () => {
  test("is generated, with its usage", async () => {
    const { text, usage, finishReason } = await generateText({
      ...{ model: openai.chat("sim"), prompt: "What is the capital of France?" },
      maxRetries: 0,
    });

    expect(text).toBe("What is the capital of France?");
    expect(finishReason).toBe("stop");
    expect(usage.inputTokens).toBeGreaterThan(5);
    expect(usage.outputTokens).toBeGreaterThan(5);
  });

  test("is streamed, with its usage", async () => {
    const { textStream, usage } = streamText({
      model: openai.chat("sim"),
      prompt: "One two three four five.",
    });
    const pieces: string[] = [];
    for await (const piece of textStream) pieces.push(piece);

    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe("One two three four five.");
    expect((await usage).outputTokens).toBeGreaterThan(5);
  });

  test("comes after a tool has been called", async () => {
    const { steps, text } = await generateText({
      model: openai.chat("sim"),
      prompt: "Weather?",
      tools: { weather },
      stopWhen: isStepCount(3),
    });

    expect(steps).toHaveLength(2);
    expect(steps[0]?.toolCalls.map(({ toolName }) => toolName)).toEqual(["weather"]);
    expect(steps[0]?.toolResults[0]?.output).toBe("It rains in text.");
    expect(text).toBe("Weather?");
  });

  test("has the shape of a schema", async () => {
    const schema = jsonSchema<{ name: string; age: number }>({
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
      additionalProperties: false,
    });
    const { output } = await generateText({
      model: openai.chat("sim"),
      prompt: "Who?",
      output: Output.object({ schema }),
    });

    expect(Object.keys(output)).toEqual(["name", "age"]);
  });
});

describe("what is not text", () => {
  test("embeddings, many at once", async () => {
    const model = openai.embedding("embed");
    const { embeddings, usage } = await embedMany({
      ...{ model, values: ["the cat sat on the mat", "a cat on a mat", "rates of interest"] },
      maxParallelCalls: 2,
    });
    const single = await embed({ model, value: "the cat sat on the mat" });
    const [cat = [], other = [], money = []] = embeddings;

    expect(single.embedding).toEqual(cat);
    expect(usage.tokens).toBe(6 + 4 + 5);
    expect(cosineSimilarity(cat, other)).toBeGreaterThan(cosineSimilarity(cat, money));
  });

  test("images", async () => {
    const { images, usage } = await generateImage({
      ...{ model: openai.image("gpt-image-sim"), prompt: "A lighthouse", n: 2, size: "128x128" },
    });

    expect(images.map(({ mediaType }) => mediaType)).toEqual(["image/png", "image/png"]);
    expect(usage.outputTokens).toBe(2 * 16);
  });

  test("speech, and what it says", async () => {
    const { audio } = await generateSpeech({
      ...{ model: openai.speech("speak"), text: "Hello from the lighthouse.", outputFormat: "wav" },
    });
    const { text, durationInSeconds } = await transcribe({
      model: openai.transcription("hear"),
      audio: audio.uint8Array,
    });

    expect(audio.mediaType).toBe("audio/wav");
    expect(text).toMatch(/^The recording is 1\.9 seconds long\.$/);
    // Begun seconds: what is billed.
    expect(durationInSeconds).toBe(2);
  });
});
