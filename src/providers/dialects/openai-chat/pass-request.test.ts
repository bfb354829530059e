import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import type { Quirks } from "../../upstream.ts";
import type { EncodeOptions } from "../dialect.ts";
import { passRequest } from "./pass-request.ts";

const messages = [{ role: "user", content: "Hi" }];

function encode(request: Record<string, unknown>, options: Partial<EncodeOptions> = {}): unknown {
  const defaults = { upstreamModel: "up-1", maxOutputTokens: 50, quirks: {} };
  return passRequest(request, { ...defaults, ...options });
}

describe("the request for the upstream", () => {
  test("has the upstream's name of the model, and keeps what it does not know", () => {
    const request = { model: "ours", messages, new_feature: { deep: [1, null] }, max_tokens: 50 };
    expect(encode(request)).toEqual({ ...request, model: "up-1" });
  });

  test("does not change the client's object", () => {
    const stream_options = { include_usage: false };
    const request = { model: "ours", messages, stream: true, stream_options };
    const copy = structuredClone(request);
    encode(request);
    expect(request).toEqual(copy);
  });
});

describe("the output limit", () => {
  const cases: [
    string,
    Record<string, unknown>,
    EncodeOptions["quirks"],
    Record<string, unknown>,
  ][] = [
    ["stays in max_tokens", { max_tokens: 100 }, {}, { max_tokens: 50 }],
    [
      "stays in max_completion_tokens",
      { max_completion_tokens: 100 },
      {},
      { max_completion_tokens: 50 },
    ],
    [
      "stays in both",
      { max_tokens: 1, max_completion_tokens: 100 },
      {},
      { max_tokens: 50, max_completion_tokens: 50 },
    ],
    ["is always there", {}, {}, { max_tokens: 50 }],
    [
      "follows the provider's quirk",
      {},
      { output_limit_field: "max_completion_tokens" },
      { max_completion_tokens: 50 },
    ],
    ["is not hidden by null", { max_tokens: null }, {}, { max_tokens: 50 }],
  ];
  for (const [name, request, quirks, expected] of cases) {
    test(name, () => expect(encode(request, { quirks })).toEqual({ model: "up-1", ...expected }));
  }
});

describe("a stream", () => {
  test("always asks for usage, and keeps the client's other options", () => {
    const stream_options = { include_usage: false, include_obfuscation: false };
    expect(encode({ stream: true, stream_options })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
    });
    expect(encode({ stream: true })).toMatchObject({
      stream_options: { include_usage: true },
    });
    expect(encode({ stream: true, stream_options: null })).toMatchObject({
      stream_options: { include_usage: true },
    });
  });

  test("does not ask providers that refuse the question", () => {
    const request = { stream: true, stream_options: { include_usage: true } };
    const quirks = { no_stream_options: true };
    expect(encode(request, { quirks })).not.toHaveProperty("stream_options");
  });

  test("is only asked for when it is one", () => {
    expect(encode({ stream: false })).toEqual({ model: "up-1", stream: false, max_tokens: 50 });
    expect(encode({})).not.toHaveProperty("stream_options");
  });
});

describe("a provider's quirks", () => {
  test("turn developer messages into system messages", () => {
    const request = { messages: [{ role: "developer", content: "Be brief." }, ...messages] };

    expect(encode(request, { quirks: { developer_role: "system" } })).toMatchObject({
      messages: [{ role: "system", content: "Be brief." }, ...messages],
    });
  });

  const limits: [EncodeOptions["quirks"], Record<string, unknown>, string][] = [
    [{ choices_max: 1 }, { n: 2 }, "n"],
    [{ max_temperature: 1 }, { temperature: 1.5 }, "temperature"],
    [{ no_json_schema: true }, { response_format: { type: "json_schema" } }, "response_format"],
  ];
  for (const [quirks, request, param] of limits) {
    test(`refuse ${param} beyond their limit before anything is sent`, () => {
      expect(() => encode(request)).not.toThrow();
      expect(() => encode(request, { quirks })).toThrow(Failure);
      expect(() => encode(request, { quirks })).toThrow(`'${param}'`);
    });
  }
});

describe("the output limit", () => {
  const sent = (request: JsonObject, quirks: Quirks) =>
    passRequest(
      { model: "ours", messages: [], ...request },
      { upstreamModel: "theirs", maxOutputTokens: 1_000, quirks },
    );

  test("goes into the field that the provider keeps to, whichever the client used", () => {
    const newer = { output_limit_field: "max_completion_tokens" } as const;
    const older = { output_limit_field: "max_tokens" } as const;

    for (const request of [{ max_tokens: 5_000 }, { max_completion_tokens: 5_000 }, {}]) {
      expect(sent(request, newer)).toMatchObject({ max_completion_tokens: 1_000 });
      expect(sent(request, newer)).not.toHaveProperty("max_tokens");
      expect(sent(request, older)).toMatchObject({ max_tokens: 1_000 });
      expect(sent(request, older)).not.toHaveProperty("max_completion_tokens");
    }
  });

  test("is divided between thoughts and answer where the provider counts them apart", () => {
    const quirks = { thoughts_beside_limit: true, output_limit_field: "max_tokens" } as const;

    expect(sent({ enable_thinking: true }, quirks)).toMatchObject({
      thinking_budget: 750,
      max_tokens: 250,
    });
    expect(sent({ enable_thinking: true, thinking_budget: 100 }, quirks)).toMatchObject({
      thinking_budget: 100,
      max_tokens: 900,
    });
    expect(sent({ enable_thinking: true, thinking_budget: 1e9 }, quirks)).toMatchObject({
      thinking_budget: 999,
      max_tokens: 1,
    });
    expect(sent({}, quirks)).toMatchObject({ max_tokens: 1_000 });
    expect(sent({}, quirks)).not.toHaveProperty("thinking_budget");
    expect(sent({ enable_thinking: true }, {})).not.toHaveProperty("thinking_budget");
  });
});
