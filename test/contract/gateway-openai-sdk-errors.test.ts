/** How calls end early, as the real `openai` SDK sees it: aborts, and every class of its errors. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import {
  asking,
  clientOf,
  failureOf,
  type Params,
  streaming,
  textOf,
} from "../support/openai-client.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let key: CreatedKey;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  await stack.model({ name: "sim" });
  key = await stack.key();
  client = clientOf(stack, key.key);
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

describe("an abort", () => {
  const slow = { prompt_tokens: 50, completion_tokens: 400, token_delay_ms: 20 };

  async function servedFor(before: number) {
    const attempt = await until("that the sandbox has seen the client leave", async () => {
      const { attempts } = await stack.served();
      return attempts.length > before && attempts.at(-1)?.state === "finished"
        ? attempts.at(-1)
        : undefined;
    });
    await stack.untilPosted();
    const events = await stack.events({ requestId: attempt.id });
    return { attempt, event: events[0] };
  }

  test("of a stream ends the provider's work, and what it did is charged", async () => {
    const before = (await stack.served()).attempts.length;
    const stream = await client.chat.completions.create(streaming("Long.", { sandbox: slow }));
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen === 5) stream.controller.abort();
    }
    const { attempt, event } = await servedFor(before);

    expect(attempt.outcome).toBe("client_left");
    expect(attempt.completion_tokens).toBeWithin(1, 400);
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      inputTokens: 50,
      outputTokens: attempt.completion_tokens,
    });
  });

  test("before a whole answer ends the provider's work, and what it did is charged", async () => {
    const before = (await stack.served()).attempts.length;
    const abort = new AbortController();
    const asked = client.chat.completions.create(asking("Long.", { sandbox: slow }), {
      signal: abort.signal,
    });
    const failed = failureOf(asked);
    await until("that the sandbox works", async () => {
      return (await stack.served()).attempts.length > before;
    });
    abort.abort();
    const error = await failed;
    const { attempt, event } = await servedFor(before);

    expect(error).toBeInstanceOf(APIUserAbortError);
    expect(attempt.outcome).toBe("client_left");
    expect(event).toMatchObject({
      outcome: "disconnected",
      source: "lookup",
      inputTokens: 50,
      outputTokens: attempt.completion_tokens,
    });
  });
});

describe("errors arrive as the SDK's own classes", () => {
  test("AuthenticationError for a wrong key", async () => {
    const error = await failureOf(
      clientOf(stack, "sk-wrong").chat.completions.create(asking("Hi.")),
    );

    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.code).toBe("invalid_api_key");
    expect(error.requestID).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("NotFoundError for an unknown model, with the nearest names", async () => {
    const error = await failureOf(
      client.chat.completions.create({ ...asking("Hi."), model: "simm" }),
    );

    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain("sim");
  });

  test("BadRequestError names the field", async () => {
    const error = await failureOf(
      client.chat.completions.create(
        asking("Hi.", { max_tokens: "many" as unknown as number } as Partial<Params>),
      ),
    );

    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ type: "invalid_request_error", param: "max_tokens" });
  });

  test("RateLimitError says when to come back", async () => {
    const limited = await stack.key({ rpm: 1 });
    const limitedClient = clientOf(stack, limited.key);
    // Two more than the limit: the minute may turn once between them.
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => limitedClient.chat.completions.create(asking("Hi."))),
    );
    const error = outcomes.find((outcome) => outcome.status === "rejected")?.reason as APIError;

    expect(error).toBeInstanceOf(RateLimitError);
    expect(Number(error.headers?.get("retry-after"))).toBeWithin(1, 61);
  });

  test("402 for an empty wallet", async () => {
    const poor = await stack.key({ organization: "poor", creditUsd: null });
    const error = await failureOf(clientOf(stack, poor.key).chat.completions.create(asking("Hi.")));

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 402, code: "insufficient_quota" });
    expect(error.message).toContain("poor");
  });

  test("InternalServerError when the provider fails", async () => {
    const error = await failureOf(
      client.chat.completions.create(asking("Hi.", { sandbox: { error: { status: 500 } } })),
    );

    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "provider_error" });
  });

  test("the provider's own words where they are about the request", async () => {
    const error = await failureOf(
      client.chat.completions.create(
        asking("Hi.", {
          sandbox: {
            error: {
              status: 400,
              code: "context_length_exceeded",
              param: "messages",
              message: "This model has 8192 tokens of context.",
            },
          },
        }),
      ),
    );

    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(error.message).toContain("8192 tokens");
  });

  test("an error frame in the middle of a stream is an APIError, after what came before it", async () => {
    const stream = await client.chat.completions.create(
      streaming("Long.", {
        sandbox: { completion_tokens: 20, error: { status: 503, code: "503", after_tokens: 7 } },
      }),
    );
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
    const error = await failureOf(
      (async () => {
        for await (const one of stream) chunks.push(one);
      })(),
    );

    expect(error).toMatchObject({ code: "provider_overloaded", type: "overloaded_error" });
    expect(textOf(chunks).trim().split(" ")).toHaveLength(7);
  });

  test("APIConnectionError when nobody listens", async () => {
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: stack.port });
    await proxy.refuse();
    const lost = clientOf({ url: `http://127.0.0.1:${proxy.port}/v1` }, key.key);
    const error = await failureOf(lost.chat.completions.create(asking("Hi.")));

    expect(error).toBeInstanceOf(APIConnectionError);
  });

  test("a connection lost in the middle of a stream is an error, and charged like an abort", async () => {
    await using proxy = await startTcpProxy({ host: "127.0.0.1", port: stack.port });
    const far = clientOf({ url: `http://127.0.0.1:${proxy.port}/v1` }, key.key);
    const { data, response } = await far.chat.completions
      .create(
        streaming("Long.", {
          sandbox: { prompt_tokens: 40, completion_tokens: 400, token_delay_ms: 20 },
        }),
      )
      .withResponse();
    const read = (async () => {
      for await (const _ of data) await proxy.refuse();
    })();
    const error = await read.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await stack.untilPosted();
    const requestId = response.headers.get("x-request-id") ?? "";
    const [event] = await stack.events({ requestId });
    const attempt = (await stack.served()).attempts.find(({ id }) => id === event?.eventId);

    expect(error).toBeInstanceOf(Error);
    expect(attempt?.outcome).toBe("client_left");
    expect(event).toMatchObject({
      outcome: "disconnected",
      inputTokens: 40,
      outputTokens: attempt?.completion_tokens,
    });
  });
});
