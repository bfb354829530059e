import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { capabilityNames } from "../../lib/abilities.ts";
import { Failure } from "../../lib/errors.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { readChatRequest } from "./read-chat-request.ts";

const limits = {
  bodyBytesMax: 4 * 1024 * 1024,
  jsonDepthMax: 8,
  messagesMax: 200,
  bodyTimeoutMs: 1_000,
} as GatewayLimits;

function read(body: string | object): Promise<CallRequest> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request("http://gateway/v1/chat/completions", { method: "POST", body: text });
  return readChatRequest({ request } as Call, limits);
}

async function failureOf(body: string | object): Promise<Failure> {
  const error = await read(body).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`expected a failure, not ${Bun.inspect(error)}`);
  return error;
}

const user = (content: unknown) => ({ model: "m", messages: [{ role: "user", content }] });

/** What the templates of common models put around each message: role, markers, line breaks. */
const TEMPLATE_TOKENS_PER_MESSAGE = 8;

/** Every tokenizer in use falls back to single bytes at worst. */
const bytesOf = (text: string): number => Buffer.byteLength(text);

/** The same JSON with every character outside of ASCII as an escape: how some clients send it. */
const escaped = (json: string): string =>
  json.replace(/[^\p{ASCII}]/gu, (found) =>
    [...Array(found.length)]
      .map((_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`)
      .join(""),
  );

const someText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.string({ unit: "binary", maxLength: 50 }),
  fc.constantFrom("", '"'.repeat(40), "\\".repeat(40), "\n\t\u0000".repeat(20), "語".repeat(60)),
);
const someMessage = fc.record({
  role: fc.constantFrom("system", "developer", "user", "assistant", "tool"),
  content: fc.oneof(
    someText,
    fc.constant(null),
    fc.array(fc.record({ type: fc.constant("text"), text: someText }), { maxLength: 4 }),
  ),
  name: fc.option(someText, { nil: undefined }),
});
const someTool = fc.record({
  type: fc.constant("function"),
  function: fc.record({ name: someText, description: someText }),
});

type SomeMessage = { role: string; content: unknown; name: string | undefined };
type SomeTool = { function: { name: string; description: string } };

function textBytesOf({ role, content, name }: SomeMessage): number {
  const texts = Array.isArray(content) ? content.map(({ text }) => text) : [content ?? ""];
  return bytesOf(role) + bytesOf(name ?? "") + texts.reduce((all, text) => all + bytesOf(text), 0);
}

describe("the bound of a prompt", () => {
  test("is above what any tokenizer makes of it, however the JSON was written", async () => {
    const messages = fc.array(someMessage, { minLength: 1, maxLength: 20 });
    const tools = fc.array(someTool, { maxLength: 4 });
    const shapes = fc.constantFrom("plain", "indented", "escaped");
    await fc.assert(
      fc.asyncProperty(messages, tools, shapes, async (list, offered, shape) => {
        const json = JSON.stringify(
          { model: "m", messages: list, ...(offered.length > 0 && { tools: offered }) },
          null,
          shape === "indented" ? 2 : 0,
        );
        const text = shape === "escaped" ? escaped(json) : json;
        const request = await read(text);
        const worst =
          (list as SomeMessage[]).reduce((all, message) => all + textBytesOf(message), 0) +
          (offered as SomeTool[]).reduce(
            (all, { function: { name, description } }) =>
              all + bytesOf(name) + bytesOf(description),
            0,
          ) +
          TEMPLATE_TOKENS_PER_MESSAGE * list.length;

        expect(request.inputTokensMax).toBeGreaterThanOrEqual(worst);
        expect(request.inputTokensMax).toBeLessThanOrEqual(bytesOf(text) + 512);
        expect(request.inputTokensCounted).toBeWithin(1, request.inputTokensMax + 1);
      }),
      { numRuns: 150 },
    );
  });

  test("says what the call needs of a model, in the words that models are described by", async () => {
    const parts = [
      { type: "image_url", image_url: { url: "https://example.com/a.png" } },
      { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      { type: "file", file: { file_data: "data:application/pdf;base64,AAAA" } },
      { type: "video_url", video_url: { url: "https://example.com/a.mp4" } },
      { type: "constructor" },
    ];
    const needs = async (body: Record<string, unknown>) =>
      (await read({ ...user("Hello."), ...body })).needs;

    expect((await read(user(parts))).needs.modalities).toEqual(["image", "audio", "file", "video"]);
    expect(
      await needs({
        tools: [{ type: "function", function: { name: "f" } }],
        response_format: { type: "json_schema", json_schema: { name: "s" } },
        reasoning_effort: "low",
        logprobs: true,
      }),
    ).toEqual({ capabilities: [...capabilityNames], modalities: [] });
    expect(
      await needs({ tools: [], response_format: { type: "text" }, reasoning_effort: "none" }),
    ).toEqual({ capabilities: [], modalities: [] });
  });

  test("takes a picture as a picture, not as the text that carries it", async () => {
    const url = `data:image/png;base64,${"A".repeat(1_000_000)}`;
    const parts = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url, detail: "high" } },
    ];
    const one = await read(user(parts));
    const two = await read(user([...parts, parts[1]]));

    expect(one.inputTokensMax).toBeWithin(2_000, 20_000);
    expect(two.inputTokensMax - one.inputTokensMax).toBeWithin(2_000, 20_000);
    expect(one.inputTokensCounted).toBeWithin(500, 5_000);
  });

  test("grows with the length of sound", async () => {
    const sound = (length: number) =>
      user([{ type: "input_audio", input_audio: { data: "A".repeat(length), format: "wav" } }]);
    // Ten seconds of WAV at 24 kHz are 640,000 characters, and 100 tokens at OpenAI.
    const { inputTokensMax } = await read(sound(640_000));

    expect(inputTokensMax).toBeWithin(1_000, 60_000);
  });

  test("is a whole context for what nothing in the request bounds", async () => {
    const parts = [
      { type: "video_url", video_url: { url: "https://example.com/a.mp4" } },
      { type: "input_audio", input_audio: { data: "https://example.com/a.mp3", format: "mp3" } },
      { type: "document_url", document_url: "https://example.com/a.pdf" },
      { type: "file", file: { file_data: "data:application/pdf;base64,AAAA" } },
    ];
    for (const part of parts) {
      expect((await read(user([part]))).inputTokensMax).toBeGreaterThan(500_000);
    }
    const tools = [{ type: "web_search", web_search: {} }];
    expect((await read({ ...user("Hi."), tools })).inputTokensMax).toBeGreaterThan(500_000);
  });

  test("counts what only looks like a picture as text", async () => {
    const long = "word ".repeat(10_000);
    for (const part of [
      { type: "image_url", image_url: long },
      { type: "image_url", url: long },
      { type: "text", text: long },
      { type: "video_url", video_url: { url: long } },
    ]) {
      expect((await read(user([part]))).inputTokensMax).toBeGreaterThanOrEqual(long.length);
    }
  });
});

describe("a chat request", () => {
  test("keeps its body as it came, unknown fields included", async () => {
    const body = { ...user("Hi."), temperature: null, vendor: { deep: [1, { x: null }] } };

    expect((await read(body)).body).toEqual(body);
  });

  test("is refused where it reaches beyond what is held and metered", async () => {
    const file = { type: "file", file: { file_id: "file-of-somebody" } };
    const cases: [param: string, body: object][] = [
      ["models", { ...user("Hi."), models: ["vendor/dearest"] }],
      ["plugins", { ...user("Hi."), plugins: [{ id: "web" }] }],
      ["web_search_options", { ...user("Hi."), web_search_options: {} }],
      ["enable_search", { ...user("Hi."), enable_search: true }],
      ["search_parameters", { ...user("Hi."), search_parameters: { mode: "on" } }],
      ["n_predict", { ...user("Hi."), max_tokens: 1, n_predict: 100_000 }],
      ["max_new_tokens", { ...user("Hi."), max_new_tokens: 100_000 }],
      ["best_of", { ...user("Hi."), best_of: 20 }],
      ["messages[0]", user([file])],
    ];
    for (const [param, body] of cases) {
      await expect(read(body)).rejects.toMatchObject({ param, code: "not_supported" });
    }
    const idle = { ...user("Hi."), models: [], enable_search: false, best_of: null };
    expect((await read(idle)).choices).toBe(1);
  });

  test("says how many answers, how long, and how they shall come", async () => {
    const plain = await read(user("Hi."));
    const rich = await read({
      ...user("Hi."),
      stream: true,
      stream_options: { include_usage: true },
      n: 3,
      max_tokens: 7,
      max_completion_tokens: 9,
    });

    expect(plain).toMatchObject({ isStream: false, choices: 1 });
    expect(plain.maxTokens).toBeUndefined();
    expect(rich).toMatchObject({ isStream: true, choices: 3, maxTokens: 9 });
  });

  test("takes the last of fields that are named twice, as the provider will", async () => {
    const request = await read('{"model":"a","model":"b","messages":[{"role":"user"}]}');

    expect(request.model).toBe("b");
  });

  test("with a field named like a part of the language is only data", async () => {
    const request = await read(
      '{"model":"m","messages":[{"role":"user","content":"x"}],"__proto__":{"stream":true}}',
    );

    expect(request.isStream).toBe(false);
    expect(JSON.stringify(request.body)).toContain("__proto__");
  });

  test("that is wrong names the field as the client wrote it", async () => {
    const cases: [param: string, body: object][] = [
      [
        "messages[1].content",
        { model: "m", messages: [{ role: "user" }, { role: "x", content: 1 }] },
      ],
      ["messages[0].content[1].type", user([{ type: "text" }, { type: 7 }])],
      [
        "stream_options.include_usage",
        { ...user("x"), stream: true, stream_options: { include_usage: "y" } },
      ],
    ];
    for (const [param, body] of cases) {
      const failure = await failureOf(body);
      expect([failure.kind, failure.param]).toEqual(["invalid", param]);
    }
  });

  test("is refused when it is nested too deep, and only then", async () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const bodyOf = (value: string) => `{"model":"m","messages":[{"role":"user"}],"x":${value}}`;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), someText, async (depth, text) => {
        const body = bodyOf(`[${JSON.stringify(text)},${nested(depth)}]`);
        // The object and the list around it are two levels more.
        const isTooDeep = depth + 2 > limits.jsonDepthMax;
        const outcome = await read(body).then(
          () => "taken",
          (error: unknown) => (error as Failure).code,
        );
        expect(outcome).toBe(isTooDeep ? "too_deep" : "taken");
      }),
      { numRuns: 100 },
    );
  });
});
