/**
 * What is not chat, as an application sees it: the real `openai` SDK against running gateways, every endpoint, and
 * what each call has cost, to the last pico-dollar.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import { toFile } from "openai";
import { measureAudio } from "../../src/lib/audio/audio-length.ts";
import { clientOf } from "../support/openai-client.ts";
import { expectCost, lastPosted, type Terms, termsOf } from "../support/posted-cost.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

const TOKENS = { uncached_input: 20_011n } as const satisfies Terms;
const IMAGE_TOKENS = {
  uncached_input: 5_000_017n,
  image_input: 10_000_019n,
  image_output: 40_000_003n,
};
const PIECES = { images: 40_000_000_001n };
const CHARACTERS = { characters: 15_000_007n };
const SPEECH_TOKENS = { uncached_input: 600_011n, audio_output: 12_000_013n };
const SECONDS = { audio_seconds: 100_000_007n };
const AUDIO_TOKENS = {
  uncached_input: 2_500_003n,
  audio_input: 6_000_011n,
  output_text: 10_000_019n,
};

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;

const models: [name: string, upstream: string, terms: Terms][] = [
  ["embed", "sandbox-embedding", TOKENS],
  ["paint", "sandbox-image", IMAGE_TOKENS],
  ["paint-by-piece", "sandbox-image", PIECES],
  ["speak", "sandbox-speech", CHARACTERS],
  ["speak-by-token", "sandbox-speech", SPEECH_TOKENS],
  ["hear", "sandbox-transcription", SECONDS],
  ["hear-by-token", "sandbox-transcription", AUDIO_TOKENS],
  ["judge", "sandbox-moderation", { uncached_input: 0n }],
];

beforeAll(async () => {
  stack = await startStack({ gateways: 2, limits: { bodyBytesMax: 4 * 1024 * 1024 } });
  for (const [name, upstream, terms] of models) {
    await stack.model({ name, upstream, terms: termsOf(terms) });
  }
  key = await stack.key({ creditUsd: "50.00" });
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

type Answer = { headers: Headers };

async function expectExact(
  { headers }: Answer,
  terms: Terms,
  quantities: object,
  source = "provider",
): Promise<void> {
  const event = await lastPosted(stack, headers.get("x-request-id"));
  expect(event).toMatchObject({ outcome: "completed", source, quantities });
  expectCost(event, { terms, header: headers.get("x-baseload-cost") });
}

const script = (sandbox: object) => ({ sandbox }) as object;
const formScript = (sandbox: object) => ({ sandbox: JSON.stringify(sandbox) }) as object;

describe("embeddings", () => {
  test("of one text, as the SDK decodes them from base64", async () => {
    const { data, response } = await client.embeddings
      .create({ model: "embed", input: "red wine from France", dimensions: 32 })
      .withResponse();
    const floats = await client.embeddings.create({
      ...{ model: "embed", input: "red wine from France", dimensions: 32 },
      encoding_format: "float",
    });

    expect(data.data[0]?.embedding).toHaveLength(32);
    expect(data.data[0]?.embedding).toEqual(floats.data[0]?.embedding ?? []);
    await expectExact(response, TOKENS, { uncached_input: 5, requests: 1 });
  });

  const inputs: [name: string, input: string[] | number[] | number[][], tokens: number][] = [
    ["several texts", ["one", "two words", "three words here"], 1 + 3 + 4],
    ["the tokens of one text", [10, 20, 30], 3],
    ["the tokens of several texts", [[1, 2], [3], [4, 5, 6]], 6],
  ];
  for (const [name, input, tokens] of inputs) {
    test(`of ${name}`, async () => {
      const { data, response } = await client.embeddings
        .create({ model: "embed", input })
        .withResponse();

      expect(data.data).toHaveLength(
        Array.isArray(input[0]) || typeof input[0] === "string" ? 3 : 1,
      );
      await expectExact(response, TOKENS, { uncached_input: tokens, requests: 1 });
    });
  }

  test("of many long texts, each of which fills the model's context", async () => {
    await stack.model({
      ...{ name: "narrow", upstream: "sandbox-embedding", contextTokens: 100 },
      terms: termsOf(TOKENS),
    });
    const input = Array(20).fill("word ".repeat(80)) as string[];
    const { response } = await client.embeddings.create({ model: "narrow", input }).withResponse();

    await expectExact(response, TOKENS, { uncached_input: 2_000, requests: 1 });
  });

  test("whose provider does not count are counted here, and marked", async () => {
    const { response } = await client.embeddings
      .create({ model: "embed", input: "12345678", ...script({ omit_usage: true }) })
      .withResponse();

    await expectExact(response, TOKENS, { uncached_input: 2, requests: 1 }, "counted");
  });
});

describe("images", () => {
  const asked = { prompt: "A lighthouse at night", size: "256x256" as "1024x1024" };

  test("are made, and cost their tokens", async () => {
    const { data, response } = await client.images
      .generate({ model: "paint", n: 2, ...asked })
      .withResponse();

    expect(data.data).toHaveLength(2);
    expect(
      Buffer.from(data.data?.[0]?.b64_json ?? "", "base64")
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
    await expectExact(response, IMAGE_TOKENS, {
      uncached_input: 6,
      image_output: 128,
      requests: 1,
    });
  });

  test("or cost by the piece, also where the provider tells tokens", async () => {
    for (const sandbox of [{ usage_by: "pieces" }, {}]) {
      const { response } = await client.images
        .generate({ model: "paint-by-piece", n: 3, ...asked, ...script(sandbox) })
        .withResponse();

      await expectExact(response, PIECES, { images: 3, requests: 1 }, "counted");
    }
  });

  test("come in events, the last when it is paid", async () => {
    const { data: stream, response } = await client.images
      .generate({ model: "paint", stream: true, partial_images: 2, ...asked })
      .withResponse();
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);

    expect(types).toEqual([
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
    ]);
    const event = await lastPosted(stack, response.headers.get("x-request-id"));
    expect(event.quantities).toEqual({ uncached_input: 6, image_output: 64, requests: 1 });
    expectCost(event, { terms: IMAGE_TOKENS });
  });

  test("are edited, from files and with a mask, in both forms", async () => {
    const made = await client.images.generate({ model: "paint", ...asked });
    const base64 = made.data?.[0]?.b64_json ?? "";
    const file = (name: string) =>
      toFile(Buffer.from(base64, "base64"), name, { type: "image/png" });
    const { data, response } = await client.images
      .edit({
        ...{ model: "paint", n: 2, ...asked },
        image: [await file("a.png"), await file("b.png")],
        mask: await file("mask.png"),
      })
      .withResponse();
    const body = {
      model: "paint",
      ...asked,
      images: [{ image_url: `data:image/png;base64,${base64}` }],
    };
    const asJson = await client
      .post<OpenAI.ImagesResponse>("/images/edits", { body })
      .withResponse();

    expect(data.data).toHaveLength(2);
    expect(asJson.data.data).toHaveLength(1);
    const seen = { uncached_input: 6, image_input: 3 * 256, image_output: 128, requests: 1 };
    await expectExact(response, IMAGE_TOKENS, seen);
    await expectExact(asJson.response, IMAGE_TOKENS, {
      ...seen,
      image_input: 256,
      image_output: 64,
    });
  });

  test("that are large are uploaded whole", async () => {
    const image = await toFile(Buffer.alloc(12 * 1024 * 1024, 7), "large.png");
    const { response } = await client.images
      .edit({ model: "paint", ...asked, image })
      .withResponse();

    expect(response.status).toBe(200);
  });
});

describe("speech", () => {
  const text = "The quick brown fox – jumps 🦊 over the lazy dog.";
  const asked = { voice: "alloy", input: text, response_format: "wav" } as const;

  test("comes as sound, of its own type, and costs its characters", async () => {
    const response = await client.audio.speech.create({ model: "speak", ...asked });
    const wav = await response.bytes();

    expect(response.headers.get("content-type")).toBe("audio/wav");
    expect(measureAudio(wav).seconds).toBeCloseTo(3.5, 1);
    const event = await lastPosted(stack, response.headers.get("x-request-id"));
    expect(event).toMatchObject({ source: "lookup", quantities: { characters: 48, requests: 1 } });
    expectCost(event, { terms: CHARACTERS });
  });

  test("comes in events with its usage, and costs its tokens", async () => {
    const response = await client.audio.speech.create({
      ...{ model: "speak-by-token", ...asked, stream_format: "sse" },
    });
    const frames = (await response.text()).split("\n\n");
    const last = frames.findLast((frame) => frame.includes("speech.audio.done"));
    const audio = frames.filter((frame) => frame.includes("speech.audio.delta"));

    expect(audio).toHaveLength(35);
    expect(last).toContain('"output_tokens":70');
    expect(frames.at(-3)).toContain(": x-baseload-cost: ");
    const event = await lastPosted(stack, response.headers.get("x-request-id"));
    expect(event).toMatchObject({ source: "provider", quantities: { audio_output: 70 } });
    expectCost(event, { terms: SPEECH_TOKENS });
  });
});

describe("transcription", () => {
  const FILE_SECONDS = 3.5;
  let file: File;

  beforeAll(async () => {
    const response = await client.audio.speech.create({
      ...{ model: "speak", voice: "alloy", input: "x".repeat(49), response_format: "wav" },
    });
    file = await toFile(await response.bytes(), "tone.wav", { type: "audio/wav" });
  });

  test("as JSON costs the seconds that are heard", async () => {
    const { data, response } = await client.audio.transcriptions
      .create({ model: "hear", file })
      .withResponse();

    expect(data.text).toBe(`The recording is ${FILE_SECONDS} seconds long.`);
    await expectExact(response, SECONDS, { audio_seconds: 4, requests: 1 });
  });

  test("costs tokens, where those are priced: told by the provider, or counted", async () => {
    const told = await client.audio.transcriptions
      .create({
        ...{ model: "hear-by-token", file, prompt: "Names: Ada." },
        ...formScript({ usage_by: "tokens", answer: "Hello, Ada." }),
      })
      .withResponse();
    const counted = await client.audio.transcriptions
      .create({ model: "hear-by-token", file, ...formScript({ answer: "Hello, Ada." }) })
      .withResponse();

    const tokens = { audio_input: 35, output_text: 3, requests: 1 };
    await expectExact(told.response, AUDIO_TOKENS, { uncached_input: 3, ...tokens });
    await expectExact(counted.response, AUDIO_TOKENS, tokens, "counted");
  });

  const formats = [
    ["text", /^The recording/],
    ["srt", /^1\n00:00:00,000 --> /],
    ["vtt", /^WEBVTT\n/],
  ] as const;
  for (const [response_format, pattern] of formats) {
    test(`as ${response_format} is counted here, and costs the same`, async () => {
      const { data, response } = await client.audio.transcriptions
        .create({ model: "hear", file, response_format })
        .withResponse();

      expect(data as unknown as string).toMatch(pattern);
      await expectExact(response, SECONDS, { audio_seconds: 4, requests: 1 }, "counted");
    });
  }

  test("with times, and into English", async () => {
    const verbose = await client.audio.transcriptions.create({
      ...{ model: "hear", file, response_format: "verbose_json" },
      timestamp_granularities: ["word", "segment"],
    });
    const translated = await client.audio.translations
      .create({ model: "hear", file })
      .withResponse();

    expect(verbose).toMatchObject({ duration: FILE_SECONDS, usage: { seconds: 4 } });
    expect(translated.data.text).toStartWith("The recording");
    await expectExact(translated.response, SECONDS, { audio_seconds: 4, requests: 1 });
  });

  test("comes in events", async () => {
    const { data: stream, response } = await client.audio.transcriptions
      .create({
        ...{ model: "hear-by-token", file, stream: true as const },
        ...formScript({ usage_by: "tokens" }),
      })
      .withResponse();
    let text = "";
    for await (const event of stream)
      if (event.type === "transcript.text.delta") text += event.delta;

    expect(text).toStartWith("The recording is");
    const event = await lastPosted(stack, response.headers.get("x-request-id"));
    expect(event.quantities).toMatchObject({ audio_input: 35, output_text: 9 });
    expectCost(event, { terms: AUDIO_TOKENS });
  });

  test("of a file that tells no length is bounded by its bytes", async () => {
    const noise = await toFile(Buffer.alloc(40_000, 1), "noise.bin");
    const { response } = await client.audio.transcriptions
      .create({ model: "hear", file: noise })
      .withResponse();

    await expectExact(response, SECONDS, { audio_seconds: 5, requests: 1 });
  });
});

describe("moderation", () => {
  test("is free where its price is zero, and booked all the same", async () => {
    const { data, response } = await client.moderations
      .create({ model: "judge", input: ["I will kill you", "Hello"] })
      .withResponse();

    expect(data.results.map(({ flagged }) => flagged)).toEqual([true, false]);
    await expectExact(
      response,
      { uncached_input: 0n },
      { uncached_input: 6, requests: 1 },
      "counted",
    );
  });
});

test("reranking has the common shape, and costs search units or tokens", async () => {
  const units = { search_units: 2_000_000_003n };
  await stack.model({ name: "rank", upstream: "sandbox-rerank", terms: termsOf(units) });
  await stack.model({ name: "rank-by-token", upstream: "sandbox-rerank", terms: termsOf(TOKENS) });
  const rank = async (model: string, more: object) => {
    const response = await fetch(`${stack.url}/rerank`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, query: "red wine", ...more }),
    });
    return { response, body: (await response.json()) as Record<string, unknown> };
  };
  const documents = ["white wine", { text: "red wine from France" }, "bread"];
  const top = await rank("rank", { documents, top_n: 2, return_documents: true });
  const many = await rank("rank", { documents: Array(150).fill("wine") });
  const tokens = await rank("rank-by-token", { documents });

  expect(top.body["results"]).toEqual([
    { index: 1, relevance_score: 1, document: { text: "red wine from France" } },
    { index: 0, relevance_score: 0.5, document: { text: "white wine" } },
  ]);
  await expectExact(top.response, units, { search_units: 1, requests: 1 });
  await expectExact(many.response, units, { search_units: 2, requests: 1 });
  await expectExact(tokens.response, TOKENS, {
    uncached_input: 2 + 3 + 2 + 5 + 2 + 2,
    requests: 1,
  });
});

describe("a key of mode test", () => {
  test("reaches a simulated model for each, and pays nothing", async () => {
    const { key: testKey } = await stack.key({ mode: "test" });
    const tester = clientOf(stack, testKey);
    const direct = await tester.embeddings.create({ model: "sandbox-embedding", input: "Hello" });
    const standIn = await tester.embeddings
      .create({ model: "embed", input: "Hello" })
      .withResponse();
    const image = await tester.images.generate({ model: "paint", prompt: "A cat", n: 1 });
    const sound = await tester.audio.speech.create({ model: "speak", voice: "alloy", input: "Hi" });
    const file = await toFile(await sound.bytes(), "tone.wav");
    const text = await tester.audio.transcriptions.create({ model: "hear", file });
    const verdict = await tester.moderations.create({ model: "judge", input: "Hello" });

    expect(direct.data[0]?.embedding).toHaveLength(64);
    expect(standIn.response.headers.get("x-baseload-cost")).toBe("0.00");
    expect(image.data).toHaveLength(1);
    expect(text.text).toStartWith("The recording");
    expect(verdict.results[0]?.flagged).toBe(false);
    expect((await tester.models.list()).data.map(({ id }) => id)).toContain("sandbox-rerank");
  });
});
