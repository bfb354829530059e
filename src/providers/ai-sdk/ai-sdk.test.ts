import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { wireBytes } from "../../../test/support/ai-sdk-caller.ts";
import { awsFramesOf } from "../../../test/support/aws-event-stream.ts";
import {
  type SeenRequest,
  startScriptedUpstream,
} from "../../../test/support/scripted-upstream.ts";
import { Failure } from "../../lib/errors.ts";
import type { Quantities } from "../../lib/quantities.ts";
import type { SendOptions } from "../exchange.ts";
import type { AnswerEvent, NeutralAnswer } from "../neutral/answer.ts";
import { fold } from "../neutral/fold.ts";
import { type Prompt, UNTRANSLATABLE } from "../neutral/prompt.ts";
import { decodeNeutralAnswer, NeutralStreamDecoder } from "../neutral/wire.ts";
import { readAnswer } from "../read-answer.ts";
import type { AiSdkProvider, Upstream } from "../upstream.ts";
import { failureFromErrorObject, isWorthAnotherTry } from "../upstream-failure.ts";
import { aiSdk } from "./ai-sdk.ts";

const provider = startScriptedUpstream();
afterAll(() => provider[Symbol.asyncDispose]());
beforeEach(() => {
  provider.requests.length = 0;
});

/** What differs from API to API; everything else is one suite. */
type ApiUnderTest = {
  api: AiSdkProvider;
  model: string;
  /** Of the files with its recorded bytes. */
  fixtures: string;
  credential: string;
  header: [name: string, value: string];
  paths: { stream: string; whole: string };
  /** Where the request holds the output limit. */
  limitOf(body: Record<string, unknown>): unknown;
  answerUsage: Quantities;
  callIds: [string, string] | "made up";
  /** An error body as this API sends it. */
  errorBody(status: number, message: string): unknown;
};

type Wire = Record<string, Record<string, unknown>>;

const openAiLike = { uncached_input: 20, cache_read: 100 };
const apis: readonly ApiUnderTest[] = [
  ...(["google", "google-vertex"] as const).map(
    (api): ApiUnderTest => ({
      api,
      model: "gemini-2.5-flash",
      fixtures: "gemini",
      credential: "AIzaSecretOfTests",
      header: ["x-goog-api-key", "AIzaSecretOfTests"],
      paths: {
        stream: "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        whole: "/v1/models/gemini-2.5-flash:generateContent",
      },
      limitOf: (body) => (body as Wire)["generationConfig"]?.["maxOutputTokens"],
      answerUsage: { ...openAiLike, reasoning: 8, output_text: 5 },
      callIds: "made up",
      errorBody: (code, message) => ({ error: { code, message, status: "WHATEVER" } }),
    }),
  ),
  {
    api: "amazon-bedrock",
    model: "eu.anthropic.claude-sonnet-4-20250514-v1:0",
    fixtures: "bedrock",
    credential: "bedrock-api-key-of-tests",
    header: ["authorization", "Bearer bedrock-api-key-of-tests"],
    paths: {
      stream: "/v1/model/eu.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream",
      whole: "/v1/model/eu.anthropic.claude-sonnet-4-20250514-v1%3A0/converse",
    },
    limitOf: (body) => (body as Wire)["inferenceConfig"]?.["maxTokens"],
    answerUsage: { ...openAiLike, cache_write: 6, cache_write_1h: 4, output_text: 13 },
    callIds: ["tooluse_1", "tooluse_2"],
    errorBody: (_, message) => ({ message }),
  },
  {
    api: "cohere",
    model: "command-a-reasoning-08-2025",
    fixtures: "cohere",
    credential: "cohere-key-of-tests",
    header: ["authorization", "Bearer cohere-key-of-tests"],
    paths: { stream: "/v1/chat", whole: "/v1/chat" },
    limitOf: (body) => body["max_tokens"],
    answerUsage: { uncached_input: 20, output_text: 13 },
    callIds: ["get_weather_1", "get_weather_2"],
    errorBody: (_, message) => ({ id: "e-1", message }),
  },
  {
    api: "mistral",
    model: "magistral-medium-latest",
    fixtures: "mistral",
    credential: "mistral-key-of-tests",
    header: ["authorization", "Bearer mistral-key-of-tests"],
    paths: { stream: "/v1/chat/completions", whole: "/v1/chat/completions" },
    limitOf: (body) => body["max_tokens"],
    answerUsage: { ...openAiLike, output_text: 13 },
    callIds: ["D681PevK1", "D681PevK2"],
    errorBody: (_, message) => ({
      object: "error",
      message,
      type: "invalid_request_error",
      param: null,
      code: "1000",
    }),
  },
];

const upstreamOf = ({ api, credential }: ApiUnderTest, more: Partial<Upstream> = {}): Upstream => ({
  name: "acme",
  dialect: "ai-sdk",
  baseUrl: provider.url,
  credential,
  allowPrivate: true,
  quirks: { ai_sdk_provider: api },
  ...more,
});

const optionsFor = ({ model }: ApiUnderTest, more: Partial<SendOptions> = {}): SendOptions => ({
  upstreamModel: model,
  maxOutputTokens: 2_000,
  attemptId: "0190d1d2-0000-7000-8000-000000000000",
  tenant: "1",
  signal: new AbortController().signal,
  timeoutMs: 2_000,
  ...more,
});

const promptOf = (more: Partial<Prompt> = {}): Prompt => ({
  messages: [{ role: "user", parts: [{ type: "text", text: "Hello in French?" }] }],
  tools: [],
  stream: true,
  extra: {},
  ...more,
});

const weather = {
  name: "get_weather",
  description: "Weather of a city",
  parameters: { properties: { city: { type: "string" } }, required: ["city"] },
};

/** Bytes of a recorded stream, cut into pieces of a size that respects nothing. */
function streamOf(name: string, options: { bytes?: number; cutAt?: number } = {}): Response {
  const isBinary = name.endsWith(".jsonl");
  const whole = isBinary
    ? Buffer.concat(awsFramesOf(wireBytes(name)))
    : Buffer.from(wireBytes(name), "utf8");
  const bytes = whole.subarray(0, options.cutAt ?? whole.length);
  const size = options.bytes ?? 37;
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
  });
  const type = isBinary ? "application/vnd.amazon.eventstream" : "text/event-stream";
  return new Response(body, { headers: { "content-type": type } });
}

const streamNameOf = ({ fixtures }: ApiUnderTest, story: string): string =>
  `${fixtures}-${story}.${fixtures === "bedrock" ? "jsonl" : "sse"}`;

type Told = { events: AnswerEvent[]; done: boolean };

async function eventsIn(response: Response): Promise<Told> {
  const decoder = new NeutralStreamDecoder();
  const events: AnswerEvent[] = [];
  for await (const chunk of response.body ?? []) events.push(...decoder.take(chunk));
  return { events, done: decoder.done };
}

const sendTo = (
  under: ApiUnderTest,
  prompt: Prompt,
  more: { options?: Partial<SendOptions>; upstream?: Partial<Upstream> } = {},
) => aiSdk.send(prompt, upstreamOf(under, more.upstream), optionsFor(under, more.options));

async function wholeOf(under: ApiUnderTest, prompt: Prompt): Promise<NeutralAnswer> {
  const response = await sendTo(under, { ...prompt, stream: false });
  return decodeNeutralAnswer((await readAnswer(upstreamOf(under), response)).body);
}

async function failureOf(asked: Promise<unknown>): Promise<Failure> {
  const error = await asked.then(
    () => "answered",
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`not a Failure: ${error}`);
  return error;
}

/** The only request that was sent, since the last test. */
function sent(): SeenRequest {
  expect(provider.requests).toHaveLength(1);
  return provider.requests[0] as SeenRequest;
}

for (const under of apis) {
  describe(`${under.api}`, () => {
    const checkRequest = (path: string) => {
      const { headers, body, ...request } = sent();
      const [name, value] = under.header;
      expect(request.path + request.search).toBe(path);
      expect(headers.get(name)).toBe(value);
      expect(headers.get("user-agent")).toBe("baseload");
      expect(JSON.stringify([...headers])).not.toContain("not-a-key");
      expect(under.limitOf(body)).toBe(2_000);
    };

    const checkAnswer = (answer: NeutralAnswer) => {
      const [choice] = answer.choices;
      expect(answer.choices).toHaveLength(1);
      expect(choice).toMatchObject({
        reason: "stop",
        parts: [
          { type: "reasoning", text: "They want French." },
          { type: "text", text: "Bonjour 🦊!" },
        ],
      });
      expect(answer.usage?.quantities).toEqual(under.answerUsage);
      expect(answer.usage?.raw).toBeObject();
    };

    const checkCalls = (answer: NeutralAnswer) => {
      const [text, ...calls] = answer.choices[0]?.parts ?? [];
      expect(answer.choices[0]?.reason).toBe("tool_calls");
      expect(text).toMatchObject({ type: "text", text: "One moment." });
      expect(calls).toMatchObject([
        { type: "tool_call", name: "get_weather", arguments: '{"city":"Lyon"}' },
        { type: "tool_call", name: "get_weather", arguments: '{"city":"Nice"}' },
      ]);
      const ids = calls.map((call) => (call.type === "tool_call" ? call.id : ""));
      if (under.callIds === "made up") expect(new Set(ids).size).toBe(2);
      else expect(ids).toEqual(under.callIds);
      expect(answer.usage?.quantities).toEqual({ uncached_input: 60, output_text: 14 });
    };

    for (const bytes of [1, 37, 100_000]) {
      test(`a stream in pieces of ${bytes} bytes: thoughts, text, usage`, async () => {
        provider.answer = () => streamOf(streamNameOf(under, "answer"), { bytes });

        const { events, done } = await eventsIn(await sendTo(under, promptOf()));

        expect(done).toBe(true);
        expect(events[0]?.type).toBe("begin");
        checkAnswer(fold(events));
        checkRequest(under.paths.stream);
      });
    }

    test("a whole answer says the same", async () => {
      provider.answer = () => new Response(wireBytes(`${under.fixtures}-answer.json`));

      checkAnswer(await wholeOf(under, promptOf()));
      checkRequest(under.paths.whole);
    });

    test("calls of tools, in a stream and whole", async () => {
      const prompt = promptOf({ tools: [weather], toolChoice: "required" });
      provider.answer = () => streamOf(streamNameOf(under, "tools"));
      checkCalls(fold((await eventsIn(await sendTo(under, prompt))).events));

      provider.answer = () => new Response(wireBytes(`${under.fixtures}-tools.json`));
      checkCalls(await wholeOf(under, prompt));
      for (const { body } of provider.requests) {
        expect(JSON.stringify(body)).toContain('"name":"get_weather"');
        expect(JSON.stringify(body)).toContain('"city":{"type":"string"}');
      }
    });

    test("a conversation with calls and their results, one of them failed", async () => {
      provider.answer = () => new Response(wireBytes(`${under.fixtures}-answer.json`));
      const call = (id: string, city: string) =>
        ({
          type: "tool_call",
          id,
          name: "get_weather",
          arguments: JSON.stringify({ city }),
        }) as const;

      await wholeOf(
        under,
        promptOf({
          tools: [weather],
          messages: [
            { role: "system", parts: [{ type: "text", text: "Be brief." }] },
            { role: "user", parts: [{ type: "text", text: "Weather?" }] },
            {
              role: "assistant",
              parts: [
                { type: "text", text: "I look." },
                call("call00001", "Lyon"),
                call("call00002", "Nice"),
              ],
            },
            {
              role: "tool",
              parts: [
                {
                  type: "tool_result",
                  callId: "call00001",
                  parts: [{ type: "text", text: "Sunny in Lyon" }],
                },
                {
                  type: "tool_result",
                  callId: "call00002",
                  parts: [{ type: "text", text: "No such station" }],
                  isError: true,
                },
              ],
            },
          ],
        }),
      );

      const body = JSON.stringify(sent().body);
      for (const word of ["Be brief.", "I look.", "Sunny in Lyon", "No such station", "Lyon"]) {
        expect(body).toContain(word);
      }
    });

    const statuses: [status: number, kind: string, code: string | undefined, again: boolean][] = [
      [400, "invalid", undefined, false],
      [401, "upstream", "provider_credential_refused", true],
      [429, "rate_limited", "provider_rate_limited", true],
      [500, "upstream", "provider_error", true],
      [503, "overloaded", "provider_overloaded", true],
    ];
    for (const [status, kind, code, again] of statuses) {
      test(`status ${status} means what it means everywhere`, async () => {
        for (const stream of [true, false]) {
          provider.answer = () =>
            Response.json(under.errorBody(status, "Something about the request."), {
              status,
              headers: { "retry-after": "7" },
            });

          const failure = await failureOf(sendTo(under, promptOf({ stream })));

          expect(failure.kind).toBe(kind as Failure["kind"]);
          if (code !== undefined) expect(failure.code).toBe(code);
          expect(isWorthAnotherTry(failure)).toBe(again);
          expect(failure.retryAfterSeconds).toBe(7);
        }
        // Nothing is tried again behind our back.
        expect(provider.requests).toHaveLength(2);
      });
    }

    test("a stream that is cut in its middle has no end; what came has come", async () => {
      const cutAt = Math.floor(
        (under.fixtures === "bedrock"
          ? Buffer.concat(awsFramesOf(wireBytes("bedrock-answer.jsonl"))).length
          : Buffer.from(wireBytes(streamNameOf(under, "answer"))).length) * 0.6,
      );
      provider.answer = () => streamOf(streamNameOf(under, "answer"), { cutAt });

      const told = await eventsIn(await sendTo(under, promptOf())).catch((error: unknown) => error);

      // AWS's frames have a length, so that a cut is seen; lines do not.
      if (told instanceof Error) expect(told).toBeInstanceOf(Failure);
      else {
        expect((told as Told).done).toBe(false);
        expect((told as Told).events.map(({ type }) => type)).not.toContain("finish");
        expect((told as Told).events.map(({ type }) => type)).toContain("reasoning");
      }
    });

    test("a connection that is reset is the provider's fault, and no words of the client are told", async () => {
      provider.answer = () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.error(undefined);
            },
          }),
          { headers: { "content-type": "text/event-stream" } },
        );

      const failure = await failureOf(
        sendTo(under, promptOf()).then((response) => eventsIn(response)),
      );

      expect(isWorthAnotherTry(failure)).toBe(true);
      expect(JSON.stringify([failure.message, failure.cause])).not.toContain("French");
      expect(JSON.stringify([failure.message, failure.cause])).not.toContain("127.0.0.1");
    });

    test("an answer that is none is the provider's fault", async () => {
      for (const stream of [true, false]) {
        provider.answer = () => new Response('{"odd":true}');
        const asked = stream
          ? sendTo(under, promptOf()).then(async (response) => {
              const { events, done } = await eventsIn(response);
              expect(done).toBe(false);
              const error = events.find((event) => event.type === "error");
              throw failureFromErrorObject(upstreamOf(under), error?.error ?? {});
            })
          : wholeOf(under, promptOf());
        // Gemini's shape has no field that must be there.
        const failure = await asked.then(
          (answer) => expect((answer as NeutralAnswer).choices[0]?.parts ?? []).toEqual([]),
          (error: unknown) => error,
        );
        if (failure !== undefined) expect(isWorthAnotherTry(failure)).toBe(true);
      }
    });

    test("a client that leaves ends the call", async () => {
      const { promise: asked, resolve: onAsked } = Promise.withResolvers<AbortSignal>();
      provider.answer = ({ signal }) => {
        onAsked(signal);
        return new Promise<Response>(() => undefined);
      };
      const client = new AbortController();

      const answered = failureOf(sendTo(under, promptOf(), { options: { signal: client.signal } }));
      const seen = await asked;
      client.abort();

      expect((await answered).code).toBe("client_closed_request");
      if (!seen.aborted) {
        await new Promise((resolve) => seen.addEventListener("abort", resolve, { once: true }));
      }
    });

    test("a provider that does not answer is given up in time", async () => {
      provider.answer = () => new Promise<Response>(() => undefined);

      const failure = await failureOf(sendTo(under, promptOf(), { options: { timeoutMs: 50 } }));

      expect(failure.kind).toBe("timeout");
    });

    test("at an address that is not allowed nothing is sent", async () => {
      const failure = await failureOf(
        sendTo(under, promptOf(), { upstream: { allowPrivate: false } }),
      );

      expect(failure.code).toBe("provider_unreachable");
      expect(provider.requests).toEqual([]);
    });

    test("a redirect is not followed", async () => {
      provider.answer = () =>
        new Response("", { status: 307, headers: { location: `${provider.url}/elsewhere` } });

      expect((await failureOf(sendTo(under, promptOf()))).code).toBe("provider_redirected");
      expect(provider.requests).toHaveLength(1);
    });

    const refused: [param: string, more: Partial<Prompt>][] = [
      ["n", { choices: 2 }],
      ["logprobs", { topLogprobs: 3 }],
      ["verbosity", { verbosity: "low" }],
      ["service_tier", { serviceTier: "scale" }],
      ["name", { messages: [{ role: "user", name: "Bo", parts: [] }] }],
      [
        "image",
        {
          messages: [{ role: "user", parts: [{ type: "image", source: { fileId: "file-1" } }] }],
        },
      ],
    ];
    for (const [param, more] of refused) {
      test(`${param} is refused while the plan is made`, () => {
        let told: unknown;
        try {
          aiSdk.assertSayable(promptOf(more), upstreamOf(under));
        } catch (error) {
          told = error;
        }
        expect(told).toMatchObject({ code: UNTRANSLATABLE, param });
      });
    }
  });
}
