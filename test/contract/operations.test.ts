/** How operations beside chat are put to providers, and what their answers say, case by case and where they differ. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Failure } from "../../src/lib/errors.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { type MultipartForm, parseMultipart } from "../../src/lib/multipart.ts";
import type { Operation } from "../../src/lib/operations.ts";
import type { AnswerReader, Exchange, SendOptions } from "../../src/providers/exchange.ts";
import { EmbeddingsExchange } from "../../src/providers/operations/embeddings.ts";
import { ImagesExchange } from "../../src/providers/operations/images.ts";
import { ModerationExchange } from "../../src/providers/operations/moderation.ts";
import { RerankExchange } from "../../src/providers/operations/rerank.ts";
import { SpeechExchange } from "../../src/providers/operations/speech.ts";
import { TranscriptionExchange } from "../../src/providers/operations/transcription.ts";
import type { Upstream } from "../../src/providers/upstream.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { operationCases } from "./operation-cases.ts";

const MODEL = "vendor/model-1";
/** The date of every answer, from which images have their time. */
const DATE = new Date(1_795_000_000_000).toUTCString();
const recording = new Uint8Array(
  readFileSync(new URL("../../src/lib/audio/fixtures/tone-alaw.wav", import.meta.url)),
);

let server: ScriptedUpstream;
beforeAll(() => {
  server = startScriptedUpstream();
});
afterAll(() => server[Symbol.asyncDispose]());

const upstreamWith = (quirks: Upstream["quirks"] = {}): Upstream => ({
  ...{ name: "vendor", dialect: "openai-chat", baseUrl: server.url, credential: "key-1" },
  ...{ allowPrivate: true, quirks },
});

const optionsWith = (more: Partial<SendOptions> = {}): SendOptions => ({
  ...{ upstreamModel: MODEL, maxOutputTokens: 1, attemptId: "a", tenant: "1" },
  ...{ signal: new AbortController().signal, timeoutMs: 5_000 },
  ...more,
});

async function formOf(fields: JsonObject, file: { name: string; bytes: Uint8Array }) {
  const data = new FormData();
  for (const [name, value] of Object.entries({ model: "ours", ...fields })) {
    data.append(name, String(value));
  }
  data.append(file.name, new File([file.bytes as Uint8Array<ArrayBuffer>], `${file.name}.bin`));
  const written = new Response(data);
  const boundary = /boundary=(.+)$/.exec(written.headers.get("content-type") ?? "")?.[1] ?? "";
  return parseMultipart(await written.bytes(), boundary.replaceAll('"', ""));
}

const hearing = async (fields: JsonObject): Promise<Exchange> =>
  new TranscriptionExchange({
    ...{ does: "transcribe", isStream: fields["stream"] === true, seconds: 3.2 },
    form: await formOf(fields, { name: "file", bytes: recording }),
  });

const exchanges: Record<Exclude<Operation, "chat">, (body: JsonObject) => Promise<Exchange>> = {
  embeddings: async (body) => new EmbeddingsExchange(body),
  rerank: async (body) => new RerankExchange(body),
  image_generation: async (body) =>
    new ImagesExchange({
      does: "generate",
      sent: { json: body },
      isStream: body["stream"] === true,
    }),
  image_edit: async (body) =>
    new ImagesExchange({ does: "edit", sent: { json: body }, isStream: body["stream"] === true }),
  speech: async (body) => new SpeechExchange(body),
  transcription: hearing,
  moderation: async (body) => new ModerationExchange(body),
};

function answerWith(answer: JsonObject | string | (JsonObject | string)[]): void {
  const answers = [answer].flat();
  server.answer = () => {
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof next !== "string") return Response.json(next, { headers: { date: DATE } });
    const type =
      next.startsWith("event:") || next.startsWith("data:") ? "text/event-stream" : "text/plain";
    return new Response(next, { headers: { "content-type": type } });
  };
}

describe("what providers answer", () => {
  test("is looked at for every operation that has whole answers", () => {
    const seen = new Set(operationCases.map(({ operation }) => operation));
    expect(operationCases.length).toBeGreaterThan(25);
    expect([...seen].sort()).toEqual([
      ...["embeddings", "image_generation", "moderation", "rerank", "transcription"],
    ] as Operation[]);
  });

  for (const one of operationCases) {
    test(`${one.operation}: ${one.provider}`, async () => {
      const exchange = await exchanges[one.operation as "embeddings"]({
        model: "ours",
        ...one.request,
      });
      const upstream = upstreamWith(one.quirks);
      answerWith(one.answer);
      expect(exchange.whyNot(upstream)).toBeUndefined();
      const response = await exchange.send(upstream, optionsWith());
      const seen = server.requests.at(-1);
      const whole = await exchange.readWhole(upstream, response);
      const text = Buffer.from(whole.bytes).toString();

      expect(seen?.path).toBe(one.path);
      expect(seen?.headers.get("authorization")).toBe("Bearer key-1");
      if (one.sent !== undefined) expect(seen?.body).toEqual({ ...one.sent, model: MODEL });
      if (one.received !== undefined) expect(JSON.parse(text)).toEqual(one.received);
      else
        expect(text).toBe(typeof one.answer === "string" ? one.answer : JSON.stringify(one.answer));
      expect(whole.usage?.quantities).toEqual(one.told);
      if (one.counted !== undefined) expect(whole.counted?.[0]).toEqual(one.counted);
    });
  }
});

describe("forms", () => {
  test("go on byte for byte, but for the model", async () => {
    const exchange = await hearing({ prompt: "Ünicode", "vendor_field[]": "kept" });
    answerWith({ text: "Hello." });
    await exchange.send(upstreamWith(), optionsWith());
    const seen = server.requests.at(-1);
    const boundary = /boundary="(.+)"$/.exec(seen?.headers.get("content-type") ?? "")?.[1] ?? "";
    const form: MultipartForm = parseMultipart(seen?.bytes ?? new Uint8Array(0), boundary);
    const valuesOf = (name: string) =>
      form.parts.filter((part) => part.name === name).map(({ value }) => Buffer.from(value));

    expect(valuesOf("model").map(String)).toEqual([MODEL]);
    expect(valuesOf("prompt").map(String)).toEqual(["Ünicode"]);
    expect(valuesOf("vendor_field[]").map(String)).toEqual(["kept"]);
    expect(valuesOf("file")).toEqual([Buffer.from(recording)]);
  });

  test("with images become messages at DashScope", async () => {
    const edit = new ImagesExchange({
      ...{ does: "edit", isStream: false },
      sent: {
        form: await formOf(
          { prompt: "Bluer", n: 1 },
          { name: "image", bytes: new Uint8Array([1, 2]) },
        ),
      },
    });
    answerWith({
      output: { choices: [{ message: { content: [{ image: "https://a.example/1" }] } }] },
    });
    await edit.send(upstreamWith({ image_shape: "dashscope" }), optionsWith());

    expect(server.requests.at(-1)?.body).toEqual({
      model: MODEL,
      input: {
        messages: [
          {
            role: "user",
            content: [{ image: "data:application/octet-stream;base64,AQI=" }, { text: "Bluer" }],
          },
        ],
      },
      parameters: { n: 1 },
    });
  });
});

describe("embeddings as numbers", () => {
  test("are packed for a client that wants base64, whoever insists on numbers", async () => {
    const asked = { model: "ours", input: "Hello", encoding_format: "base64" };
    const exchange = new EmbeddingsExchange(asked);
    const upstream = upstreamWith({ embedding_format: "float" });
    answerWith({ object: "list", data: [{ index: 0, embedding: [0.5, -0.25] }], model: "m" });
    const response = await exchange.send(upstream, optionsWith());
    const { bytes } = await exchange.readWhole(upstream, response);
    const { data } = JSON.parse(Buffer.from(bytes).toString()) as { data: { embedding: string }[] };
    const packed = Buffer.from(data[0]?.embedding ?? "", "base64");

    expect(server.requests.at(-1)?.body["encoding_format"]).toBe("float");
    expect([packed.readFloatLE(0), packed.readFloatLE(4)]).toEqual([0.5, -0.25]);
  });
});

describe("images that take minutes", () => {
  const upstream = () =>
    upstreamWith({
      image_shape: "dashscope-task",
      endpoint_urls: { image_generation: `${server.url}/api` },
      paths: { image_generation: "/services/aigc/text2image/image-synthesis" },
    });
  const exchange = () =>
    new ImagesExchange({
      does: "generate",
      sent: { json: { prompt: "A cat", n: 2 } },
      isStream: false,
    });

  test("are asked for until they are done", async () => {
    answerWith([
      { output: { task_status: "PENDING", task_id: "t-1" }, request_id: "r" },
      { output: { task_status: "RUNNING", task_id: "t-1" } },
      {
        output: {
          task_status: "SUCCEEDED",
          task_id: "t-1",
          results: [{ url: "https://a.example/1" }],
        },
        usage: { image_count: 1 },
      },
    ]);
    const from = server.requests.length;
    const one = exchange();
    const response = await one.send(upstream(), optionsWith({ timeoutMs: 10_000 }));
    const whole = await one.readWhole(upstream(), response);
    const [begun, ...asked] = server.requests.slice(from);

    expect(begun?.path).toBe("/v1/api/services/aigc/text2image/image-synthesis");
    expect(begun?.headers.get("x-dashscope-async")).toBe("enable");
    expect(begun?.body).toEqual({ model: MODEL, input: { prompt: "A cat" }, parameters: { n: 2 } });
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/api/tasks/t-1",
      "GET /v1/api/tasks/t-1",
    ]);
    expect(whole.usage?.quantities).toEqual({ images: 1 });
  });

  test("fail with what the task says, and are left when their time is over or the client leaves", async () => {
    const failureOf = async (options: Partial<SendOptions>) => {
      const error = await exchange()
        .send(upstream(), optionsWith(options))
        .catch((reason: unknown) => reason);
      if (!(error instanceof Failure)) throw new Error(`no failure: ${error}`);
      return error;
    };
    const task = { output: { task_status: "PENDING", task_id: "t-1" } };
    answerWith([
      task,
      { output: { task_status: "FAILED", code: "DataInspectionFailed", message: "No." } },
    ]);
    expect((await failureOf({})).code).toBeDefined();
    answerWith(task);
    expect((await failureOf({ timeoutMs: 50 })).kind).toBe("timeout");
    const client = new AbortController();
    setTimeout(() => client.abort(), 50);
    expect((await failureOf({ signal: client.signal })).code).toBe("client_closed_request");
    answerWith({ output: { task_id: "../../admin" } });
    expect((await failureOf({})).code).toBe("provider_malformed_answer");
  });
});

describe("what cannot be said there", () => {
  const cases: [
    name: string,
    operation: "rerank" | "image_generation",
    quirks: Upstream["quirks"],
    body: JsonObject,
  ][] = [
    [
      "a picture among the documents",
      "rerank",
      { rerank_shape: "cohere" },
      { query: "q", documents: [{ image: "x" }] },
    ],
    [
      "a quality",
      "image_generation",
      { image_shape: "dashscope" },
      { prompt: "p", quality: "high" },
    ],
    [
      "a stream of images",
      "image_generation",
      { image_shape: "dashscope" },
      { prompt: "p", stream: true },
    ],
    [
      "a format",
      "image_generation",
      { image_shape: "dashscope" },
      { prompt: "p", output_format: "webp" },
    ],
  ];
  for (const [name, operation, quirks, body] of cases) {
    test(`${name} is told before anything is sent`, async () => {
      const exchange = await exchanges[operation](body);
      expect(exchange.whyNot(upstreamWith(quirks))).toContain("cannot be sent");
      expect(exchange.whyNot(upstreamWith())).toBeUndefined();
    });
  }

  test("an operation that a provider of another dialect is not known to serve", async () => {
    const exchange = await exchanges.embeddings({ input: "Hello" });
    const other = { ...upstreamWith(), dialect: "anthropic-messages" as const };
    const known = { ...other, quirks: { endpoint_urls: { embeddings: "https://a.example/v1" } } };

    expect(exchange.whyNot(other)).toContain("not known to serve embeddings");
    expect(exchange.whyNot(known)).toBeUndefined();
  });
});

const event = (body: JsonObject) => `event: ${body["type"]}\ndata: ${JSON.stringify(body)}\n\n`;

/** All that is sent on before and after settlement, cut into single bytes. */
async function readThrough(exchange: Exchange, text: string) {
  answerWith(text);
  const upstream = upstreamWith();
  const response = await exchange.send(upstream, optionsWith());
  const reader: AnswerReader = exchange.readStream(upstream);
  const before: Uint8Array[] = [];
  for (const byte of await response.bytes()) before.push(...reader.take(Uint8Array.of(byte)));
  before.push(...reader.end());
  const sent = Buffer.concat(before).toString();
  return { reader, sent, closing: Buffer.from(reader.closing()).toString() };
}

describe("streams", () => {
  const usage = { input_tokens: 56, output_tokens: 4_160, total_tokens: 4_216 };

  test("of images pass untouched, and their end waits", async () => {
    const partial = event({ type: "image_generation.partial_image", b64_json: "AA==" });
    const last = event({ type: "image_generation.completed", b64_json: "AA==", usage });
    const exchange = await exchanges.image_generation({ prompt: "p", stream: true });
    const { reader, sent, closing } = await readThrough(
      exchange,
      `${partial}: hi\n\n${last}data: [DONE]\n\n`,
    );

    expect([sent, closing]).toEqual([`${partial}: hi\n\n`, `${last}data: [DONE]\n\n`]);
    expect(reader.usage?.quantities).toEqual({ uncached_input: 56, image_output: 4_160 });
    expect([reader.finished, reader.done, reader.hasBegun]).toEqual([true, true, true]);
  });

  test("of several images add up", async () => {
    const one = event({ type: "image_generation.completed", b64_json: "AA==", usage });
    const exchange = await exchanges.image_generation({ prompt: "p", n: 2, stream: true });
    const { reader, sent, closing } = await readThrough(exchange, one + one);

    expect([sent, closing]).toEqual([one, one]);
    expect(reader.usage?.quantities).toEqual({ uncached_input: 112, image_output: 8_320 });
    expect(reader.counted?.()[0]).toEqual({ images: 2 });
  });

  test("of a transcript, and of a model that answers in one piece", async () => {
    const delta = event({ type: "transcript.text.delta", delta: "Hello there" });
    const done = event({ type: "transcript.text.done", text: "Hello there" });
    const streamed = await readThrough(await hearing({ stream: true }), delta + done);
    const whole = await readThrough(await hearing({ stream: true }), delta + done);
    expect([streamed.sent, streamed.closing]).toEqual([delta, done]);
    expect(streamed.reader.counted?.()).toEqual([
      { audio_seconds: 4 },
      { audio_input: 32, output_text: 3 },
    ]);
    expect(whole.reader.finished).toBe(true);

    const exchange = await hearing({ stream: true });
    server.answer = () => Response.json({ text: "Hello", usage: { type: "duration", seconds: 4 } });
    const response = await exchange.send(upstreamWith(), optionsWith());
    const reader = exchange.readStream(upstreamWith());
    reader.take(await response.bytes());
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(reader.usage?.quantities).toEqual({ audio_seconds: 4 });
    expect(Buffer.from(reader.closing()).toString()).toContain('"type":"transcript.text.done"');
  });

  test("of sound pass untouched but for the last byte, which waits", async () => {
    const exchange = await exchanges.speech({ input: "Hello.", voice: "a" });
    const { reader, sent, closing } = await readThrough(exchange, "SOUND");

    expect([sent, closing]).toEqual(["SOUN", "D"]);
    expect([reader.finished, reader.usage]).toEqual([true, undefined]);
    expect(reader.counted?.()).toEqual([
      { characters: 6 },
      { audio_seconds: 1 },
      { uncached_input: 2, audio_output: 9 },
    ]);
  });

  test("of sound in events tell their tokens", async () => {
    const delta = event({ type: "speech.audio.delta", audio: "AA==" });
    const done = event({
      type: "speech.audio.done",
      usage: { input_tokens: 14, output_tokens: 101, total_tokens: 115 },
    });
    const exchange = await exchanges.speech({ input: "Hello.", stream_format: "sse" });
    const { reader, sent, closing } = await readThrough(exchange, delta + done);

    expect([sent, closing]).toEqual([delta, done]);
    expect(reader.usage?.quantities).toEqual({ uncached_input: 14, audio_output: 101 });
  });

  test("that tell an error pass nothing of it on", async () => {
    const delta = event({ type: "transcript.text.delta", delta: "Hel" });
    const error = `data: ${JSON.stringify({ error: { message: "at 10.0.0.1", code: "x" } })}\n\n`;
    const { reader, sent, closing } = await readThrough(
      await hearing({ stream: true }),
      delta + error,
    );

    expect([sent, closing]).toEqual([delta, ""]);
    expect(reader.error).toEqual({ message: "at 10.0.0.1", code: "x" });
  });

  test("that are no streams are errors", async () => {
    const exchange = await exchanges.speech({ input: "Hello." });
    answerWith({ error: { message: "No such voice.", code: 400, param: "voice" } });
    const error = await exchange
      .send(upstreamWith(), optionsWith())
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: "invalid", message: "No such voice." });
  });
});
