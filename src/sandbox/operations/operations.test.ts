import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { inflateSync } from "node:zlib";
import OpenAI, { RateLimitError, toFile } from "openai";
import { measureAudio } from "../../lib/audio/audio-length.ts";
import { type Sandbox, startSandbox } from "../start.ts";

let sandbox: Sandbox;
let client: OpenAI;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, hostname: "127.0.0.1", token: "sandbox-token" });
  client = new OpenAI({ baseURL: sandbox.url, apiKey: "sandbox-token", maxRetries: 0 });
});
afterAll(() => sandbox.stop());

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

/** Every byte of the picture is there and well-formed. */
function readPng(base64: string | undefined): { width: number; height: number; rows: number } {
  const bytes = Buffer.from(base64 ?? "", "base64");
  const width = bytes.readUInt32BE(16);
  const data = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(data + 4, data + 4 + bytes.readUInt32BE(data - 4)));
  expect(bytes.subarray(0, 4)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47]));
  return { width, height: bytes.readUInt32BE(20), rows: rows.length / (1 + Math.ceil(width / 8)) };
}

async function speak(input: string, more: object = {}): Promise<Uint8Array> {
  const body = { model: "sandbox-speech", voice: "alloy", input, response_format: "wav", ...more };
  const response = await client.audio.speech.create(body as OpenAI.Audio.SpeechCreateParams);
  return await response.bytes();
}

describe("the openai SDK", () => {
  test("gets embeddings that are near where texts are alike", async () => {
    const model = "sandbox-embedding";
    const input = ["the cat sat on the mat", "a cat on a mat", "rates of interest"];
    const { data, usage } = await client.embeddings.create({ model, input, dimensions: 128 });
    const again = await client.embeddings.create({ model, input: input[0] ?? "", dimensions: 128 });
    const [cat = [], other = [], money = []] = data.map(({ embedding }) => embedding);
    const numbers = await client.embeddings.create({ model, input: [[1, 2, 3], [4]] });

    expect(data.map(({ embedding }) => embedding.length)).toEqual([128, 128, 128]);
    expect(again.data[0]?.embedding).toEqual(cat);
    expect(dot(cat, other)).toBeGreaterThan(dot(cat, money));
    expect(usage.prompt_tokens).toBe(6 + 4 + 5);
    expect([numbers.data.length, numbers.usage.total_tokens]).toEqual([2, 4]);
  });

  test("gets pictures of the size it asks for, at once and in events", async () => {
    const asked = { model: "sandbox-image", prompt: "A cat", size: "96x48" as "1024x1024" };
    const { data, usage } = await client.images.generate({ ...asked, n: 2 });
    const events: string[] = [];
    for await (const event of await client.images.generate({
      ...asked,
      stream: true,
      partial_images: 2,
    })) {
      events.push(event.type);
      expect(readPng(event.b64_json).width).toBeOneOf([8, 96]);
    }

    expect(data?.map((image) => readPng(image.b64_json))).toEqual(
      Array(2).fill({ width: 96, height: 48, rows: 48 }),
    );
    expect(usage).toMatchObject({ input_tokens: 2, output_tokens: 2 * 3 * 2 });
    expect(events).toEqual([
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
    ]);
  });

  test("edits pictures, from files", async () => {
    const { data } = await client.images.generate({ model: "sandbox-image", prompt: "A cat" });
    const image = await toFile(Buffer.from(data?.[0]?.b64_json ?? "", "base64"), "cat.png");
    const edited = await client.images.edit({
      model: "sandbox-image",
      prompt: "A dog",
      image: [image, image],
    });

    expect(edited.usage?.input_tokens_details.image_tokens).toBe(512);
    expect(edited.data).toHaveLength(1);
  });

  test("hears a tone as long as the text, and has it transcribed", async () => {
    const text = "Fourteen characters are a second, they say. ".repeat(3).trim();
    const wav = await speak(text);
    const seconds = Math.ceil((text.length / 14) * 10) / 10;
    const file = await toFile(wav, "tone.wav");
    const asked = { model: "sandbox-transcription", file };
    const { text: heard } = await client.audio.transcriptions.create(asked);
    const verbose = await client.audio.transcriptions.create({
      ...asked,
      response_format: "verbose_json",
    });
    const vtt = await client.audio.transcriptions.create({ ...asked, response_format: "vtt" });

    expect(measureAudio(wav).seconds).toBeCloseTo(seconds, 3);
    expect((await speak(text, { response_format: "pcm" })).length).toBe(wav.length - 44);
    expect(heard).toBe(`The recording is ${seconds.toFixed(1)} seconds long.`);
    expect(verbose).toMatchObject({ duration: seconds, usage: { type: "duration", seconds: 10 } });
    expect(vtt).toMatch(/^WEBVTT\n\n1\n00:00:00\.000 --> 00:00:0\d\.\d{3}\nThe recording/);
  });

  test("gets a transcript in events, by tokens", async () => {
    const file = await toFile(await speak("Hello."), "tone.wav");
    const sandboxScript = JSON.stringify({ usage_by: "tokens", answer: "Hello to you" });
    const body = {
      model: "sandbox-transcription",
      file,
      stream: true,
      sandbox: sandboxScript,
    } as const;
    let text = "";
    let usage: unknown;
    for await (const event of await client.audio.transcriptions.create(body)) {
      if (event.type === "transcript.text.delta") text += event.delta;
      if (event.type === "transcript.text.done") usage = event.usage;
    }

    expect(text).toBe("Hello to you");
    expect(usage).toMatchObject({ type: "tokens", input_tokens: 5, output_tokens: 3 });
  });

  test("sees what is flagged", async () => {
    const { results } = await client.moderations.create({ input: ["I will kill you", "Hello"] });
    expect(results.map(({ flagged, categories }) => [flagged, categories.violence])).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  test("sees errors", async () => {
    const asked = { model: "sandbox-error-429", input: "Hello" };
    const error = await client.embeddings.create(asked).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RateLimitError);
  });
});

test("documents are ranked by the words of the query", async () => {
  const response = await fetch(`${sandbox.url}/rerank`, {
    method: "POST",
    headers: { authorization: "Bearer sandbox-token" },
    body: JSON.stringify({
      query: "red wine",
      documents: ["white wine", { text: "red wine from France" }, "bread"],
      top_n: 2,
      return_documents: true,
    }),
  });
  expect(await response.json()).toMatchObject({
    results: [
      { index: 1, relevance_score: 1, document: { text: "red wine from France" } },
      { index: 0, relevance_score: 0.5 },
    ],
    meta: { billed_units: { search_units: 1 } },
    usage: { total_tokens: 2 + 3 + 2 + 5 + 2 + 2 },
  });
});

test("what was used is told afterwards, by kind", async () => {
  const headers = { authorization: "Bearer sandbox-token", "x-baseload-attempt": "one" };
  const body = JSON.stringify({ prompt: "A cat", size: "32x32", n: 3 });
  await fetch(`${sandbox.url}/images/generations`, { method: "POST", headers, body });
  const found = await fetch(`${sandbox.url}/attempts/one`, { headers });
  expect(await found.json()).toMatchObject({
    state: "finished",
    usage: { total_tokens: 5, quantities: { uncached_input: 2, images: 3, image_output: 3 } },
  });
});
