/** A hold is a true upper bound: what is known of tokenizers, price lists and providers' rules stays below it. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest, ReadCallRequest } from "./call-request.ts";
import { imageBounds } from "./image-bounds.ts";
import { readEmbeddingsRequest } from "./read-embeddings-request.ts";
import { readModerationRequest } from "./read-moderation-request.ts";
import { readRerankRequest } from "./read-rerank-request.ts";
import { readSpeechRequest } from "./read-speech-request.ts";
import { readTranscriptionRequest } from "./read-transcription-request.ts";
import { UploadRoom } from "./upload-room.ts";

const limits = {
  ...{ bodyBytesMax: 10_000_000, jsonDepthMax: 32, bodyTimeoutMs: 5_000 },
} as GatewayLimits;

const callWith = (body: string | FormData): Call => ({
  ...{ requestId: "r", dialect: "openai-chat", startedAtMs: 0 },
  request: new Request("http://gateway/v1", { method: "POST", body }),
  signal: new AbortController().signal,
});

const read = (reader: ReadCallRequest, body: object): Promise<CallRequest> =>
  reader(callWith(JSON.stringify(body)), limits);

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 400 });
const bytesOf = (one: string) => Buffer.byteLength(one);

describe("embeddings", () => {
  test("no tokenizer makes more tokens than there are bytes, and numbers are tokens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (input) => {
        const request = await read(readEmbeddingsRequest, { model: "m", input });
        const bytes = input.reduce((sum, one) => sum + bytesOf(one), 0);
        expect(request.inputTokensMax).toBeGreaterThanOrEqual(bytes + 2 * input.length);
        expect(request.contexts).toBe(input.length);
      }),
      { numRuns: 50 },
    );
    const numbers = await read(readEmbeddingsRequest, {
      model: "m",
      input: Array(5_000).fill(100_000),
    });
    expect(numbers.inputTokensMax).toBeGreaterThanOrEqual(5_000);
    expect([numbers.counted, numbers.contexts]).toEqual([[{ uncached_input: 5_000 }], 1]);
  });

  test("an instruction goes with every input", async () => {
    const input = Array(100).fill("a") as string[];
    const plain = await read(readEmbeddingsRequest, { model: "m", input });
    const instructed = await read(readEmbeddingsRequest, {
      model: "m",
      input,
      instruct: "x".repeat(500),
    });
    expect(instructed.inputTokensMax - plain.inputTokensMax).toBeGreaterThanOrEqual(100 * 500);
  });
});

describe("reranking", () => {
  /** Cohere's rule, for a tokenizer of `bytesPerToken`. https://docs.cohere.com/docs/how-does-cohere-pricing-work */
  const searchUnits = (query: string, documents: string[], bytesPerToken: number): number => {
    const queryTokens = Math.min(Math.ceil(bytesOf(query) / bytesPerToken), 250);
    const pieces = documents.reduce(
      (sum, one) =>
        sum + Math.max(Math.ceil(bytesOf(one) / bytesPerToken / (500 - queryTokens)), 1),
      0,
    );
    return Math.ceil(pieces / 100);
  };

  test("search units and tokens stay below the bound, whatever the tokenizer", async () => {
    const documents = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 3_000 }), {
      minLength: 1,
      maxLength: 300,
    });
    await fc.assert(
      fc.asyncProperty(text, documents, async (query, list) => {
        const request = await read(readRerankRequest, { model: "m", query, documents: list });
        const tokens = list.reduce((sum, one) => sum + bytesOf(query) + bytesOf(one) + 8, 0);
        for (const bytesPerToken of [1, 2.5, 4]) {
          const units = searchUnits(query, list, bytesPerToken);
          expect(request.fixed.search_units).toBeGreaterThanOrEqual(units);
        }
        expect(request.inputTokensMax).toBeGreaterThanOrEqual(tokens);
      }),
      { numRuns: 30 },
    );
  });

  test("documents may be objects with a text", async () => {
    const request = await read(readRerankRequest, {
      model: "m",
      query: "q",
      documents: [{ text: "a", id: 1 }],
    });
    expect(request.counted?.[0]).toEqual({ search_units: 1 });
  });
});

describe("images", () => {
  /** Of GPT Image 1, by quality, for 1024×1024, 1024×1536 and 1536×1024. https://platform.openai.com/docs/guides/image-generation */
  const published: [quality: string, size: string, tokens: number][] = [
    ["low", "1024x1024", 272],
    ["low", "1024x1536", 408],
    ["low", "1536x1024", 400],
    ["medium", "1024x1024", 1_056],
    ["medium", "1024x1536", 1_584],
    ["medium", "1536x1024", 1_568],
    ["high", "1024x1024", 4_160],
    ["high", "1024x1536", 6_240],
    ["high", "1536x1024", 6_208],
  ];
  test("the tokens that are published stay below half of the bound", () => {
    for (const [quality, size, tokens] of published) {
      const wish = { images: 3, size, quality, partials: 2, frames: 1 };
      const { images, image_output: bound = 0 } = imageBounds(wish);
      expect(images).toBe(3);
      expect(bound).toBeGreaterThanOrEqual(3 * (2 * tokens + 2 * 100));
    }
  });

  test("what is not said is taken for the dearest that a model would choose", () => {
    const auto = imageBounds({
      images: 1,
      size: undefined,
      quality: "auto",
      partials: 0,
      frames: 1,
    });
    const high = imageBounds({
      images: 1,
      size: "1536x1024",
      quality: "high",
      partials: 0,
      frames: 1,
    });
    const named = imageBounds({ images: 1, size: "4K", quality: "ultra", partials: 0, frames: 1 });
    expect(auto).toEqual(high);
    expect(named.image_output).toBeGreaterThan(200_000);
    for (const quality of ["__proto__", "constructor"]) {
      const odd = imageBounds({ images: 1, size: "4K", quality, partials: 0, frames: 1 });
      expect(odd).toEqual(named);
    }
  });
});

test("speech lasts no longer than its bytes are worth, at any speed", async () => {
  const request = await read(readSpeechRequest, {
    model: "m",
    voice: "v",
    input: "Ääh… 🦊",
    speed: 0.5,
  });
  const bytes = bytesOf("Ääh… 🦊");
  expect(request.fixed).toEqual({
    characters: 6,
    audio_seconds: bytes + 1,
    audio_output: (bytes + 1) * 25,
  });
  expect(request.isStream).toBe(true);
});

test("a recording is heard as long as its container tells, with what stands beside it", async () => {
  const wav = await Bun.file(
    new URL("../../lib/audio/fixtures/tone-alaw.wav", import.meta.url),
  ).bytes();
  const form = new FormData();
  form.append("model", "m");
  form.append("file", new File([wav], "a.wav"));
  form.append("prompt", "Names: Ada.");
  form.append("known_speaker_references[]", "data:audio/wav;base64,AAAA");
  using upload = new UploadRoom(1_000_000).enter();
  const request = await readTranscriptionRequest(callWith(form), limits, {
    does: "transcribe",
    upload,
  });
  expect(request.fixed.audio_seconds).toBe(Math.ceil(3.2 + 10) + 1);
  expect(request.counted?.[0]).toEqual({ audio_seconds: 4 });
  expect(request.inputTokensMax).toBeGreaterThanOrEqual(11);
  expect(request.facts.sampleText()).toBe("Names: Ada.");
});

test("moderation without a model asks OpenAI's usual one", async () => {
  const request = await read(readModerationRequest, { input: [{ type: "text", text: "Hello" }] });
  expect(request.model).toBe("omni-moderation-latest");
  expect(request.counted).toEqual([{ uncached_input: 2 }]);
});
