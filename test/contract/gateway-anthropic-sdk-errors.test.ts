/** How calls end early, as the real `@anthropic-ai/sdk` sees it: aborts, and every class of its errors. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  ContentTooLargeError,
  GatewayTimeoutError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServiceUnavailableError,
} from "@anthropic-ai/sdk";
import {
  anthropicOf,
  asking,
  failureOf,
  message,
  messageFrames,
  text,
} from "../support/anthropic-client.ts";
import {
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
let client: Anthropic;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "anthropic", url: upstream.url, dialect: "anthropic-messages" });
  await stack.model({ name: "recorded", provider: "anthropic" });
  await stack.model({ name: "free", provider: "anthropic", price: null });
  await stack.model({ name: "sim" });
  key = await stack.key();
  client = anthropicOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const create = (more: object = {}, by = client) =>
  by.messages.create({ ...asking("Hi."), ...more });

describe("errors arrive as the SDK's own classes, with their type and their code", () => {
  type Case = {
    name: string;
    fails(): PromiseLike<unknown>;
    as: new (...args: never[]) => APIError;
    is: object;
  };
  const fromSandbox = (error: object) => () => create({ sandbox: { error } });
  const fromAnthropic =
    (status: number, type: string, words = "Words.") =>
    () => {
      const body = { type: "error", error: { type, message: words }, request_id: "req_1" };
      upstream.answer = () => Response.json(body, { status, headers: { "retry-after": "7" } });
      return create({ model: "recorded" });
    };
  const cases: Case[] = [
    {
      name: "a wrong key",
      fails: () => create({}, anthropicOf(stack, "sk-wrong")),
      as: AuthenticationError,
      is: { type: "authentication_error", errorCode: "invalid_api_key" },
    },
    {
      name: "an unknown model",
      fails: () => create({ model: "simm" }),
      as: NotFoundError,
      is: { type: "not_found_error", errorCode: "model_not_found" },
    },
    {
      name: "a model without a price",
      fails: () => create({ model: "free" }),
      as: PermissionDeniedError,
      is: { type: "permission_error", errorCode: "no_price" },
    },
    {
      name: "a wrong field",
      fails: () => create({ max_tokens: "many" }),
      as: BadRequestError,
      is: { type: "invalid_request_error", errorCode: "invalid_field" },
    },
    {
      name: "what the model's provider has no words for",
      fails: () => create({ container: "container_1" }),
      as: BadRequestError,
      is: { type: "invalid_request_error", apiMessage: expect.stringContaining("'container'") },
    },
    {
      name: "a body that is too large",
      fails: () => create({ system: "x".repeat(300 * 1024) }),
      as: ContentTooLargeError,
      is: { type: "request_too_large", errorCode: "body_too_large" },
    },
    {
      name: "Anthropic's own words about the request",
      fails: fromAnthropic(400, "invalid_request_error", "messages: must alternate"),
      as: BadRequestError,
      is: { type: "invalid_request_error", apiMessage: "messages: must alternate" },
    },
    {
      name: "Anthropic's refusal of our credential, which is not the client's fault",
      fails: fromAnthropic(401, "authentication_error"),
      as: InternalServerError,
      is: { status: 502, type: "api_error", errorCode: "provider_credential_refused" },
    },
    {
      name: "Anthropic's rate limit",
      fails: fromAnthropic(429, "rate_limit_error"),
      as: RateLimitError,
      is: { type: "rate_limit_error", errorCode: "provider_rate_limited" },
    },
    {
      name: "Anthropic's overload",
      fails: fromAnthropic(529, "overloaded_error"),
      as: ServiceUnavailableError,
      is: { type: "overloaded_error", errorCode: "provider_overloaded" },
    },
    {
      name: "a provider that fails",
      fails: fromSandbox({ status: 500 }),
      as: InternalServerError,
      is: { status: 502, type: "api_error" },
    },
    {
      name: "a provider that takes too long",
      fails: fromSandbox({ status: 504 }),
      as: GatewayTimeoutError,
      is: { type: "timeout_error" },
    },
  ];

  for (const { name, fails, as, is } of cases) {
    test(name, async () => {
      const error = await failureOf(fails());

      expect(error).toBeInstanceOf(as);
      expect(error).toMatchObject(is);
      expect(error.requestID).toMatch(/^[0-9a-f-]{36}$/);
    });
  }

  test("a rate limit says when to come back", async () => {
    const limited = await stack.key({ rpm: 1 });
    const limitedClient = anthropicOf(stack, limited.key);
    // Two more than the limit: the minute may turn once between them.
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => create({}, limitedClient)));
    const error = outcomes.find((outcome) => outcome.status === "rejected")?.reason as APIError;

    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.type).toBe("rate_limit_error");
    expect(Number(error.headers?.get("retry-after"))).toBeWithin(1, 61);
  });

  test("402 for an empty wallet", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: null });
    const error = await failureOf(create({}, anthropicOf(stack, poor.key)));

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 402, type: "billing_error" });
    expect(error.apiMessage).toContain("poor");
  });

  test("APIConnectionError when nobody listens", async () => {
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: stack.port });
    await proxy.refuse();
    const lost = anthropicOf({ url: `http://127.0.0.1:${proxy.port}/v1` }, key.key);

    expect(await failureOf(create({}, lost))).toBeInstanceOf(APIConnectionError);
  });

  test("paths that do not exist, batches among them", async () => {
    const requests = [{ custom_id: "a", params: asking("Hi.") }];
    const batch = await failureOf(client.messages.batches.create({ requests }));
    const unknown = await failureOf(client.get("/v1/messages/novelty"));
    const wrongMethod = await failureOf(client.get("/v1/messages"));

    for (const error of [batch, unknown, wrongMethod]) {
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error).toMatchObject({ type: "not_found_error", errorCode: "unknown_url" });
    }
    expect(batch.apiMessage).toContain("Batches of messages are not served here");
  });
});

describe("an error in the middle of a stream", () => {
  test("of Anthropic's keeps its type, after what came before it", async () => {
    const frames = messageFrames(message([text("Half of it, then no more.")])).slice(0, 4);
    const error = { type: "overloaded_error", message: "Overloaded at 10.0.0.7" };
    upstream.answer = () =>
      sseResponse([
        ...frames,
        `event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`,
      ]);
    const stream = client.messages.stream({ ...asking("Long."), model: "recorded" });
    const seen: string[] = [];
    stream.on("text", (delta) => seen.push(delta));
    const failure = await failureOf(stream.finalMessage());

    expect(failure.type).toBe("overloaded_error");
    expect(failure.message).not.toContain("10.0.0.7");
    expect(seen.join("")).toBe("Half of it, t");
  });

  test("of another provider's is told in Anthropic's words", async () => {
    const error = { status: 503, code: "503", after_tokens: 7 };
    const stream = client.messages.stream({
      ...asking("Long."),
      ...{ sandbox: { completion_tokens: 20, error } },
    });
    const failure = await failureOf(stream.finalMessage());

    expect(failure).toMatchObject({
      type: "overloaded_error",
      errorCode: "provider_overloaded",
    });
  });
});

describe("an abort", () => {
  test("of a translated stream ends the provider's work, and what it did is charged", async () => {
    const before = (await stack.served()).attempts.length;
    const sandbox = { prompt_tokens: 50, completion_tokens: 400, token_delay_ms: 20 };
    const stream = client.messages.stream({ ...asking("Long."), ...{ sandbox } });
    let seen = 0;
    stream.on("text", () => {
      seen += 1;
      if (seen === 5) stream.abort();
    });
    const error = await failureOf(stream.finalMessage());
    const attempt = await until("that the sandbox has seen the client leave", async () => {
      const { attempts } = await stack.served();
      return attempts.length > before && attempts.at(-1)?.state === "finished"
        ? attempts.at(-1)
        : undefined;
    });
    await stack.untilPosted();
    const [event] = await stack.events({ requestId: attempt.id });

    expect(error).toBeInstanceOf(APIUserAbortError);
    expect(attempt.outcome).toBe("client_left");
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      inputTokens: 50,
      outputTokens: attempt.completion_tokens,
    });
  });

  test("of Anthropic's stream is charged by what was delivered, and never by the whole limit", async () => {
    const whole = message([text("one two three four ".repeat(10))], {
      input_tokens: 25,
      cache_read_input_tokens: 4_000,
      output_tokens: 90,
    });
    upstream.answer = () => sseResponse(messageFrames(whole).slice(0, 4), "stay silent");
    const { data, response } = await client.messages
      .create({ ...asking("Long."), model: "recorded", stream: true })
      .withResponse();
    for await (const event of data) if (event.type === "content_block_delta") break;
    const event = await until("that the call is settled", async () => {
      await stack.untilPosted();
      const requestId = response.headers.get("request-id") ?? "";
      return (await stack.events({ requestId }))[0];
    });

    // The input was told at the beginning.
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "counted",
      inputTokens: 4_025,
      costPicos: 4_025n * 1_000_000n + BigInt(event.outputTokens) * 2_000_000n,
    });
    // 95 bytes of text were delivered.
    expect(event.outputTokens).toBeWithin(1, 30);
    expect(event.uncoveredPicos).toBe(0n);
  });
});
