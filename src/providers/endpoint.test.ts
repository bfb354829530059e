import { describe, expect, test } from "bun:test";
import { addressesOf, type EndpointCall, endpointOf } from "./endpoint.ts";
import { type Quirks, quirksSchema, type Upstream } from "./upstream.ts";

const upstreamWith = (quirks: Quirks, more: Partial<Upstream> = {}): Upstream => ({
  name: "acme",
  dialect: "openai-chat",
  baseUrl: "https://api.example.com/v1",
  credential: "sk-1",
  allowPrivate: false,
  quirks,
  ...more,
});

const chat: EndpointCall = { path: "/chat/completions", endpoint: "chat_completions" };

describe("an endpoint", () => {
  test("lies where the dialect says, with a bearer token, unless a quirk moves it", () => {
    expect(endpointOf(upstreamWith({}), chat)).toEqual({
      baseUrl: "https://api.example.com/v1",
      path: "/chat/completions",
      headers: { authorization: "Bearer sk-1" },
      auth: "bearer",
    });
  });

  test("has its own path and query, and the model in its path", () => {
    const upstream = upstreamWith({
      auth: "api-key",
      query: { "api-version": "2024-10-21" },
      paths: { chat_completions: "/deployments/{model}/chat/completions" },
    });

    expect(endpointOf(upstream, { ...chat, upstreamModel: "a/b $&" })).toEqual({
      baseUrl: "https://api.example.com/v1",
      path: "/deployments/a%2Fb%20%24%26/chat/completions?api-version=2024-10-21",
      headers: { "api-key": "sk-1" },
      auth: "api-key",
    });
  });

  test("of another dialect has that dialect's address and way to present a credential", () => {
    const upstream = upstreamWith({
      auth: "api-key",
      also_speaks: ["anthropic-messages"],
      dialect_urls: { "anthropic-messages": "https://api.example.com/anthropic/v1" },
    });
    const messages: EndpointCall = {
      path: "/messages",
      endpoint: "messages",
      dialect: "anthropic-messages",
    };

    expect(endpointOf(upstream, messages)).toMatchObject({
      baseUrl: "https://api.example.com/anthropic/v1",
      headers: { "x-api-key": "sk-1" },
    });
    const bearer = {
      ...upstream.quirks,
      dialect_auth: { "anthropic-messages": "bearer" },
    } as const;
    expect(endpointOf({ ...upstream, quirks: bearer }, messages).headers).toEqual({
      authorization: "Bearer sk-1",
    });
  });

  test("can lie at an address of its own", () => {
    const upstream = upstreamWith({ endpoint_urls: { rerank: "https://rank.example.com/v2" } });

    expect(endpointOf(upstream, { path: "/rerank", endpoint: "rerank" }).baseUrl).toBe(
      "https://rank.example.com/v2",
    );
    expect(endpointOf(upstream, chat).baseUrl).toBe("https://api.example.com/v1");
    expect(addressesOf(upstream)).toEqual([
      { url: "https://api.example.com/v1", param: "base_url" },
      { url: "https://rank.example.com/v2", param: "quirks.endpoint_urls.rerank" },
    ]);
  });

  test("presents the credential in each of the known ways, or not at all", () => {
    const shown = (auth: Quirks["auth"]) => {
      const { path, headers } = endpointOf(upstreamWith({ auth }), chat);
      return { path, headers };
    };

    expect(shown("x-goog-api-key").headers).toEqual({ "x-goog-api-key": "sk-1" });
    expect(shown("x-api-key").headers).toEqual({ "x-api-key": "sk-1" });
    expect(shown("query")).toEqual({ path: "/chat/completions?key=sk-1", headers: {} });
    expect(shown("none")).toEqual({ path: "/chat/completions", headers: {} });
    expect(endpointOf(upstreamWith({}, { credential: null }), chat).headers).toEqual({});
  });
});

test("an API that a package speaks has its own way to present a credential", () => {
  const styleOf = (name: NonNullable<Quirks["ai_sdk_provider"]>, quirks: Quirks = {}) =>
    endpointOf(upstreamWith({ ai_sdk_provider: name, ...quirks }, { dialect: "ai-sdk" }), {
      path: "/x?alt=sse",
    });

  expect(styleOf("google", { query: { a: "b" } })).toMatchObject({
    path: "/x?alt=sse&a=b",
    headers: { "x-goog-api-key": "sk-1" },
  });
  expect(styleOf("cohere").headers).toEqual({ authorization: "Bearer sk-1" });
  expect(styleOf("google-vertex")).toMatchObject({ auth: "google-account", headers: {} });
  expect(styleOf("amazon-bedrock")).toMatchObject({ auth: "aws", headers: {} });
});

describe("quirks that are refused", () => {
  const refused: Record<string, unknown>[] = [
    { headers: { authorization: "Bearer sk-hidden" } },
    { headers: { "x-api-key": "sk-hidden" } },
    { headers: { host: "other.example.com" } },
    { headers: { "content-length": "1" } },
    { headers: { "X-Upper": "1" } },
    { headers: { "x-line": "a\r\nb: c" } },
    { headers: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`x-${i}`, "1"])) },
    { query: { "a=b&c": "1" } },
    { paths: { chat_completions: "chat" } },
    { paths: { chat_completions: "/chat?x=1" } },
    { paths: { somewhere: "/x" } },
    { dialect_urls: { "openai-chat": "ftp://example.com" } },
    { also_speaks: ["ai-sdk"] },
    { auth: "basic" },
    { max_temperature: 0 },
    { no_such_quirk: true },
  ];

  for (const quirks of refused) {
    test(JSON.stringify(quirks).slice(0, 70), () => {
      expect(quirksSchema.safeParse(quirks).success).toBe(false);
    });
  }
});
