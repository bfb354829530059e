import { describe, expect, test } from "bun:test";
import { type EncodeOptions, encodeChatRequest } from "./encode.ts";

const messages = [{ role: "user", content: "Hi" }];

function encode(request: Record<string, unknown>, options: Partial<EncodeOptions> = {}): unknown {
  const defaults = { upstreamModel: "up-1", maxOutputTokens: 50, stream: false, quirks: {} };
  return JSON.parse(encodeChatRequest(request, { ...defaults, ...options }));
}

describe("the request for the upstream", () => {
  test("has the upstream's name of the model, and keeps what it does not know", () => {
    const request = { model: "ours", messages, new_feature: { deep: [1, null] }, max_tokens: 50 };
    expect(encode(request)).toEqual({ ...request, model: "up-1" });
  });

  test("does not change the client's object", () => {
    const request = { model: "ours", messages, stream_options: { include_usage: false } };
    const copy = structuredClone(request);
    encode(request, { stream: true });
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
    expect(encode({ stream: true, stream_options }, { stream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
    });
    expect(encode({ stream: true }, { stream: true })).toMatchObject({
      stream_options: { include_usage: true },
    });
    expect(encode({ stream: true, stream_options: null }, { stream: true })).toMatchObject({
      stream_options: { include_usage: true },
    });
  });

  test("does not ask providers that refuse the question", () => {
    const request = { stream: true, stream_options: { include_usage: true } };
    const quirks = { no_stream_options: true };
    expect(encode(request, { stream: true, quirks })).not.toHaveProperty("stream_options");
  });

  test("is only asked for when it is one", () => {
    expect(encode({ stream: false })).toEqual({ model: "up-1", stream: false, max_tokens: 50 });
    expect(encode({})).not.toHaveProperty("stream_options");
  });
});
