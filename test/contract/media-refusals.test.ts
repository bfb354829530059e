/** How calls beside chat are refused, fail and are left: in OpenAI's shape, with the field that is wrong, and paid exactly. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { expectCost, lastPosted, termsOf } from "../support/posted-cost.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { CREDENTIAL, type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const CHARACTERS = { characters: 15_000_007n };
const SECONDS = { audio_seconds: 100_000_007n };
const IMAGES = { images: 40_000_000_001n };
const TOKENS = { uncached_input: 20_011n };

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;
let scripted: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack({ limits: { retryRounds: 0, bodyTimeoutMs: 1_500 } });
  scripted = startScriptedUpstream();
  await stack.provider({ name: "scripted", url: scripted.url });
  await stack.provider({ name: "blind", url: stack.upstreamUrl, credential: CREDENTIAL });
  await stack.model({ name: "embed", upstream: "sandbox-embedding", terms: termsOf(TOKENS) });
  await stack.model({ name: "paint", upstream: "sandbox-image", terms: termsOf(IMAGES) });
  await stack.model({ name: "speak", upstream: "sandbox-speech", terms: termsOf(CHARACTERS) });
  await stack.model({ name: "hear", upstream: "sandbox-transcription", terms: termsOf(SECONDS) });
  await stack.model({
    ...{ name: "hear-blind", provider: "blind", upstream: "sandbox-transcription" },
    terms: termsOf(SECONDS),
  });
  await stack.model({ name: "scripted-hear", provider: "scripted", terms: termsOf(SECONDS) });
  await stack.deploy({
    model: "scripted-hear",
    provider: "upstream",
    upstream: "sandbox-transcription",
  });
  await stack.model({ name: "scripted-speak", provider: "scripted", terms: termsOf(CHARACTERS) });
  key = await stack.key({ creditUsd: "50.00" });
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await scripted[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const script = (sandbox: object) => ({ sandbox }) as object;
const tone = (seconds = 2) => {
  const wav = Buffer.alloc(44 + seconds * 16_000);
  wav.write("RIFF", 0);
  wav.write("WAVEfmt ", 8);
  for (const [at, value] of [
    [16, 16],
    [24, 8_000],
    [28, 16_000],
  ] as const)
    wav.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    wav.writeUInt16LE(value, at);
  wav.write("data", 36);
  wav.writeUInt32LE(wav.length - 44, 40);
  return toFile(wav, "tone.wav");
};

async function post(
  path: string,
  body: string | FormData | ReadableStream,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${stack.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key.key}`, ...headers },
    body,
  });
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  return { status: response.status, ...error } as Record<string, unknown>;
}

const form = (...fields: [string, string | File][]): FormData => {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  return data;
};
const file = (name = "a.wav", bytes = 100) => new File([new Uint8Array(bytes).fill(1)], name);

describe("a wrong field is named", () => {
  const json: [path: string, body: object, param: string][] = [
    ["/embeddings", { model: "embed" }, "input"],
    ["/embeddings", { model: "embed", input: "" }, "input"],
    ["/embeddings", { model: "embed", input: ["a", -1] }, "input[1]"],
    ["/embeddings", { model: "embed", input: [[1], ["a"]] }, "input[1][0]"],
    ["/embeddings", { model: "embed", input: ["a", 1] }, "input"],
    ["/embeddings", { model: "embed", input: "a", dimensions: 0 }, "dimensions"],
    ["/embeddings", { model: "embed", input: "a", encoding_format: "hex" }, "encoding_format"],
    ["/rerank", { model: "r", documents: ["a"] }, "query"],
    ["/rerank", { model: "r", query: "q", documents: [] }, "documents"],
    ["/rerank", { model: "r", query: "q", documents: ["a", 5] }, "documents[1]"],
    ["/rerank", { model: "r", query: "q", documents: ["a"], top_n: 0 }, "top_n"],
    ["/images/generations", { model: "paint" }, "prompt"],
    ["/images/generations", { model: "paint", prompt: "p", n: 11 }, "n"],
    ["/images/generations", { model: "paint", prompt: "p", size: "1 x 1" }, "size"],
    ["/images/generations", { model: "paint", prompt: "p", output_format: "svg" }, "output_format"],
    ["/images/generations", { model: "paint", prompt: "p", svg: { model: "x" } }, "svg"],
    ["/images/edits", { model: "paint", prompt: "p" }, "images"],
    ["/audio/speech", { model: "speak", voice: "a" }, "input"],
    ["/audio/speech", { model: "speak", voice: "a", input: "a", speed: 9 }, "speed"],
    [
      "/audio/speech",
      { model: "speak", voice: "a", input: "a", stream_format: "x" },
      "stream_format",
    ],
    ["/moderations", { model: "judge" }, "input"],
    ["/moderations", { input: [] }, "input"],
  ];
  for (const [path, body, param] of json) {
    test(`${path} ${param}`, async () => {
      const refused = await post(path, JSON.stringify(body));
      expect(refused).toMatchObject({ status: 400, type: "invalid_request_error", param });
      expect(refused["message"]).toContain(param.replace(/\[.*$/, ""));
    });
  }

  const forms: [what: string, path: string, FormData, param: string][] = [
    ["no file", "/audio/transcriptions", form(["model", "hear"]), "file"],
    [
      "an empty file",
      "/audio/transcriptions",
      form(["model", "hear"], ["file", file("a", 0)]),
      "file",
    ],
    [
      "two files",
      "/audio/transcriptions",
      form(["model", "hear"], ["file", file()], ["file", file()]),
      "file",
    ],
    ["no model", "/audio/transcriptions", form(["file", file()]), "model"],
    [
      "two models",
      "/audio/translations",
      form(["model", "a"], ["model", "hear"], ["file", file()]),
      "model",
    ],
    [
      "a model as a file",
      "/audio/transcriptions",
      form(["model", file()], ["file", file()]),
      "model",
    ],
    [
      "a format",
      "/audio/transcriptions",
      form(["model", "hear"], ["response_format", "xml"], ["file", file()]),
      "response_format",
    ],
    [
      "no clear flag",
      "/audio/transcriptions",
      form(["model", "hear"], ["stream", "1"], ["file", file()]),
      "stream",
    ],
    ["no image", "/images/edits", form(["model", "paint"], ["prompt", "p"]), "image"],
    [
      "no number",
      "/images/edits",
      form(["model", "paint"], ["prompt", "p"], ["n", "1e1"], ["image", file()]),
      "n",
    ],
  ];
  for (const [what, path, data, param] of forms) {
    test(`${path} with ${what}`, async () => {
      expect(await post(path, data)).toMatchObject({ status: 400, param });
    });
  }

  test("and a body that is no form, or none at all", async () => {
    expect(await post("/audio/transcriptions", "{}")).toMatchObject({
      status: 415,
      code: "invalid_form",
    });
    const cut = await post("/audio/transcriptions", "--x\r\n", {
      "content-type": "multipart/form-data; boundary=x",
    });
    expect(cut).toMatchObject({ status: 400, code: "invalid_form" });
    expect(await post("/embeddings", "{")).toMatchObject({ status: 400, code: "invalid_json" });
  });
});

describe("limits", () => {
  test("of 25 MB for a recording, and 50 MB for images", async () => {
    const large = new File([new Uint8Array(27 * 1024 * 1024)], "large.wav");
    const refused = await post("/audio/transcriptions", form(["model", "hear"], ["file", large]));
    const larger = new File([new Uint8Array(52 * 1024 * 1024)], "large.png");
    const edit = await post(
      "/images/edits",
      form(["model", "paint"], ["prompt", "p"], ["image", larger]),
    );

    expect(refused).toMatchObject({ status: 413, code: "body_too_large" });
    expect(edit).toMatchObject({ status: 413, code: "body_too_large" });
  });

  test("of time, for an upload that does not come to its end", async () => {
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
    });
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    expect(await post("/audio/transcriptions", endless, headers)).toMatchObject({ status: 408 });
  });

  test("nobody uploads without a key", async () => {
    const response = await fetch(`${stack.url}/audio/transcriptions`, {
      method: "POST",
      body: form(["model", "hear"], ["file", file()]),
    });
    expect(response.status).toBe(401);
  });
});

describe("money", () => {
  test("what has no price for an operation is refused, never free", async () => {
    const image = { prompt: "A cat" };
    const refusals = [
      await failureOf(client.images.generate({ ...image, model: "speak" })),
      await failureOf(client.embeddings.create({ model: "paint", input: "Hello" })),
      await failureOf(client.audio.speech.create({ model: "embed", voice: "a", input: "Hello" })),
      await failureOf(client.audio.transcriptions.create({ model: "paint", file: await tone() })),
    ];
    expect(refusals.map(({ status, code }) => [status, code])).toEqual(
      Array(4).fill([403, "no_price"]),
    );
  });

  test("what a wallet does not cover at most is refused before anything is made", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: "0.05" });
    const error = await failureOf(
      clientOf(stack, poor.key).images.generate({ model: "paint", prompt: "A cat", n: 2 }),
    );
    const one = await clientOf(stack, poor.key).images.generate({
      model: "paint",
      prompt: "A cat",
    });

    expect(error).toMatchObject({ status: 402, code: "insufficient_quota" });
    expect(one.data).toHaveLength(1);
  });

  test("an image that counts for several pieces is held and charged for all of them", async () => {
    await stack.provider({
      ...{ name: "by-size", url: stack.upstreamUrl, credential: CREDENTIAL },
      quirks: { image_units: [{ size: "64x32", units: 3 }] },
    });
    const model = { name: "paint-by-size", provider: "by-size", upstream: "sandbox-image" };
    await stack.model({ ...model, terms: termsOf(IMAGES) });
    const { response } = await client.images
      .generate({ model: "paint-by-size", prompt: "A cat", n: 2, size: "64x32" as "auto" })
      .withResponse();
    const event = await lastPosted(stack, response.headers.get("x-request-id"));

    expect(event.quantities).toEqual({ images: 6, requests: 1 });
    expectCost(event, { terms: IMAGES, header: response.headers.get("x-baseload-cost") });
  });
});

describe("a provider that fails", () => {
  test("is told in OpenAI's words, and costs nothing", async () => {
    const error = { status: 429, message: "Slow down.", retry_after: 3 };
    const failures = [
      await failureOf(
        client.embeddings.create({ model: "embed", input: "a", ...script({ error }) }),
      ),
      await failureOf(
        client.images.generate({ model: "paint", prompt: "a", ...script({ error }) }),
      ),
      await failureOf(
        client.audio.speech.create({
          model: "speak",
          voice: "a",
          input: "a",
          ...script({ error }),
        }),
      ),
    ];
    await stack.untilPosted();
    const failed = (await stack.events({ keyId: key.keyId })).filter(
      ({ outcome }) => outcome === "failed",
    );

    expect(failures.map(({ status }) => status)).toEqual([429, 429, 429]);
    expect(failed.map(({ costPicos }) => costPicos)).toEqual([0n, 0n, 0n]);
  });

  test("is followed by the next, which gets the same form", async () => {
    scripted.answer = () => Response.json({ error: { message: "Down." } }, { status: 503 });
    const { data, response } = await client.audio.transcriptions
      .create({ model: "scripted-hear", file: await tone(3) })
      .withResponse();

    expect(data.text).toBe("The recording is 3.0 seconds long.");
    expect(response.headers.get("x-baseload-provider")).toBe("upstream");
    expect(scripted.requests.at(-1)?.bytes.length).toBeGreaterThan(48_000);
  });

  test("in the middle of sound breaks the connection, and what was delivered is paid", async () => {
    scripted.answer = () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new Uint8Array(5_000));
            await Bun.sleep(50);
            controller.error(undefined);
          },
        }),
        { headers: { "content-type": "audio/mpeg" } },
      );
    const response = await client.audio.speech.create({
      model: "scripted-speak",
      voice: "a",
      input: "Hello",
    });
    expect(response.headers.get("content-type")).toBe("audio/mpeg");
    const ending = await response.bytes().then(
      () => "whole",
      () => "broken",
    );
    const event = await lastPosted(stack, response.headers.get("x-request-id"));

    expect(ending).toBe("broken");
    expect(event).toMatchObject({
      outcome: "failed",
      source: "counted",
      quantities: { characters: 5 },
    });
  });

  test("in the middle of events is told by an event", async () => {
    const sandbox = JSON.stringify({ error: { status: 500, message: "Broken.", after_tokens: 2 } });
    const stream = await client.audio.transcriptions.create({
      ...{ model: "hear", file: await tone(), stream: true as const },
      ...({ sandbox } as object),
    });
    const texts: string[] = [];
    const error = await (async () => {
      for await (const event of stream) texts.push(event.type);
    })().catch((reason: unknown) => reason);

    expect(texts).not.toBeEmpty();
    expect(error).toBeInstanceOf(OpenAI.APIError);
  });

  test("that answers a page in place of sound is an error", async () => {
    scripted.answer = () => new Response("<html>", { headers: { "content-type": "text/html" } });
    const error = await failureOf(
      client.audio.speech.create({ model: "scripted-speak", voice: "a", input: "Hello" }),
    );
    expect(error).toMatchObject({ status: 502, code: "provider_malformed_answer" });
  });
});

describe("a client that leaves", () => {
  const leave = async (asked: (signal: AbortSignal) => PromiseLike<unknown>, afterMs: number) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), afterMs);
    await Promise.resolve(asked(controller.signal)).catch(() => undefined);
  };
  const newEvents = async (before: number, keyId: string) =>
    await until("that the attempt is settled", async () => {
      await stack.untilPosted();
      const events = await stack.events({ keyId });
      return events.length > before ? events.slice(before) : undefined;
    });

  test("pays for what the provider has used until it was told", async () => {
    const { keyId, key: own } = await stack.key({ organization: "leaver" });
    const leaver = clientOf(stack, own);
    const slow = script({ token_delay_ms: 20 });
    await leave(async (signal) => {
      const asked = { model: "speak", voice: "a", input: "x".repeat(400), ...slow };
      const response = await leaver.audio.speech.create(asked, { signal });
      await response.bytes();
    }, 200);
    const [event] = await newEvents(0, keyId);
    const { attempts } = await stack.served();
    const attempt = attempts.find(({ id }) => id === event?.eventId);

    expect(attempt).toMatchObject({ outcome: "client_left" });
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      quantities: { characters: 400 },
    });
  });

  test("pays for the whole recording where the provider cannot be asked", async () => {
    const { keyId, key: own } = await stack.key({ organization: "blind-leaver" });
    const sandbox = JSON.stringify({ first_token_delay_ms: 2_000 });
    const recording = await tone(5);
    await leave(
      (signal) =>
        clientOf(stack, own).audio.transcriptions.create(
          { model: "hear-blind", file: recording, ...({ sandbox } as object) },
          { signal },
        ),
      300,
    );
    const [event] = await newEvents(0, keyId);

    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "counted",
      quantities: { audio_seconds: 5 },
    });
    expectCost(event as NonNullable<typeof event>, { terms: SECONDS });
  });
});
