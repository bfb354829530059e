/** What Anthropic's API says beside messages, as its real SDK sees it: usage and its price, counts, models, refusals. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import { BadRequestError, NotFoundError, PermissionDeniedError } from "@anthropic-ai/sdk";
import { picos, picosFromUsdPerMillion } from "../../src/lib/money.ts";
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

let stack: Stack;
let upstream: ScriptedUpstream;
let key: CreatedKey;
let client: Anthropic;

beforeAll(async () => {
  stack = await startStack({ gateways: 2 });
  upstream = startScriptedUpstream();
  const credential = "sk-ant-7f3a";
  const anthropic = { name: "anthropic", url: upstream.url, credential } as const;
  await stack.provider({ ...anthropic, dialect: "anthropic-messages" });
  await stack.provider({ name: "openai", url: upstream.url });
  for (const provider of ["anthropic", "openai"]) {
    await stack.model({ name: `on-${provider}`, provider, upstream: "their-model" });
  }
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

/** What the one event of a call says, once it is posted. */
async function eventOf(requestId: string | null | undefined) {
  await stack.untilPosted();
  const events = await stack.events({ requestId: requestId ?? "" });
  expect(events).toHaveLength(1);
  return events[0];
}

describe("usage", () => {
  const usage = {
    input_tokens: 100,
    cache_read_input_tokens: 2_000,
    cache_creation_input_tokens: 700,
    cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 },
    output_tokens: 50,
    output_tokens_details: { thinking_tokens: 20 },
  };

  test("of a cache is beside the input, and each part has its price", async () => {
    const perMillion = (usd: string) => picosFromUsdPerMillion(usd, "price");
    await stack.model({
      name: "cached",
      provider: "anthropic",
      terms: {
        uncached_input: perMillion("3"),
        cache_read: perMillion("0.3"),
        cache_write: perMillion("3.75"),
        cache_write_1h: perMillion("6"),
        output_text: perMillion("15"),
      },
    });
    upstream.answer = ({ body }) => {
      const whole = message([text("Hi.")], usage);
      return body["stream"] === true ? sseResponse(messageFrames(whole)) : Response.json(whole);
    };
    const asked = asking("Hi.", { model: "cached" });
    const whole = await client.messages.create(asked);
    const stream = client.messages.stream(asked);
    await stream.finalMessage();
    const cost = 100n * 3_000_000n + 2_000n * 300_000n + 300n * 3_750_000n + 400n * 6_000_000n;

    for (const id of [whole._request_id, stream.request_id]) {
      expect(await eventOf(id)).toMatchObject({
        inputTokens: 2_800,
        outputTokens: 50,
        costPicos: picos(cost + 50n * 15_000_000n),
        uncoveredPicos: 0n,
      });
    }
  });

  test("of searches needs a price, and is charged by the piece", async () => {
    const tools: Anthropic.ToolUnion[] = [{ type: "web_search_20250305", name: "web_search" }];
    const asked = asking("Search.", { model: "on-anthropic", tools });
    const refused = await failureOf(client.messages.create(asked));
    await stack.model({
      name: "searching",
      provider: "anthropic",
      terms: {
        uncached_input: picosFromUsdPerMillion("1", "input"),
        output_text: picosFromUsdPerMillion("2", "output"),
        search_units: picosFromUsdPerMillion("10000", "search"),
      },
    });
    upstream.answer = () =>
      Response.json(
        message([text("Found.")], {
          input_tokens: 9_000,
          output_tokens: 10,
          server_tool_use: { web_search_requests: 3 },
        }),
      );
    const found = await client.messages.create({ ...asked, model: "searching" });

    expect(refused).toBeInstanceOf(PermissionDeniedError);
    expect(refused.errorCode).toBe("no_price");
    expect(upstream.requests.at(-1)?.body["tools"]).toEqual([{ ...tools[0], max_uses: 10 }]);
    expect(await eventOf(found._request_id)).toMatchObject({
      inputTokens: 9_000,
      costPicos: picos(9_000n * 1_000_000n + 10n * 2_000_000n + 3n * 10_000_000_000n),
      uncoveredPicos: 0n,
    });
  });
});

describe("count_tokens", () => {
  const counting = (model: string, more: object = {}) => {
    const { max_tokens: _, ...asked } = asking("How long is this?", { model });
    return client.messages.countTokens({ ...asked, ...more }).withResponse();
  };

  test("is the provider's where it counts, and costs nothing", async () => {
    upstream.answer = () => Response.json({ input_tokens: 14 });
    const { data, response } = await counting("on-anthropic");
    const seen = upstream.requests.at(-1);
    await stack.untilPosted();

    expect(data.input_tokens).toBe(14);
    expect(response.headers.get("x-baseload-token-count")).toBe("provider");
    expect(seen?.path).toBe("/v1/messages/count_tokens");
    expect(seen?.body).toEqual({
      model: "their-model",
      messages: [{ role: "user", content: "How long is this?" }],
    });
    expect(seen?.headers.get("x-api-key")).toBe("sk-ant-7f3a");
    const requestId = response.headers.get("x-request-id") ?? "";
    expect(await stack.events({ requestId })).toEqual([]);
  });

  test("is our estimate everywhere else, and says so", async () => {
    const asked = upstream.requests.length;
    for (const model of ["sim", "on-openai"]) {
      const { data, response } = await counting(model);
      expect(data.input_tokens).toBeWithin(10, 60);
      expect(response.headers.get("x-baseload-token-count")).toBe("estimated");
    }
    expect(upstream.requests.length).toBe(asked);
  });

  test("is our estimate where the provider fails, and the client's mistake where it is one", async () => {
    for (const status of [404, 405, 500]) {
      upstream.answer = () => new Response("no such thing", { status });
      const { response } = await counting("on-anthropic");
      expect(response.headers.get("x-baseload-token-count")).toBe("estimated");
    }
    upstream.answer = () =>
      Response.json(
        { type: "error", error: { type: "invalid_request_error", message: "messages: too odd" } },
        { status: 400 },
      );
    const refused = await failureOf(counting("on-anthropic"));
    expect(refused).toBeInstanceOf(BadRequestError);
    expect(refused.apiMessage).toBe("messages: too odd");
  });
});

describe("models", () => {
  test("are listed page by page in Anthropic's shape", async () => {
    const first = await client.models.list({ limit: 2 });
    const names = (await Array.fromAsync(first)).map(({ id }) => id);
    const last = await client.models.list({ before_id: names[3] ?? "", limit: 2 });

    expect(first.data).toHaveLength(2);
    expect(first).toMatchObject({ has_more: true, first_id: names[0], last_id: names[1] });
    expect(names).toEqual(expect.arrayContaining(["on-anthropic", "on-openai", "sim"]));
    expect(new Set(names).size).toBe(names.length);
    expect(last.data.map(({ id }) => id)).toEqual(names.slice(1, 3));
    expect(last.has_more).toBe(true);
  });

  test("one of them, in both shapes", async () => {
    const model = await client.models.retrieve("sim");
    const bearer = { authorization: `Bearer ${key.key}` };
    const plain = await fetch(`${stack.url}/models/sim`, { headers: bearer });

    expect(model).toMatchObject({ type: "model", id: "sim", max_tokens: 1_000 });
    expect(await plain.json()).toMatchObject({ object: "model", id: "sim", owned_by: "upstream" });
    expect(await failureOf(client.models.retrieve("nope"))).toBeInstanceOf(NotFoundError);
    expect(await failureOf(client.models.list({ limit: 0 }))).toBeInstanceOf(BadRequestError);
    expect(await failureOf(client.models.list({ after_id: "x" }))).toBeInstanceOf(BadRequestError);
  });
});

describe("what reaches beyond the call is refused before anybody is asked", () => {
  const file = { type: "file", file_id: "file_011CNha8iCJcU1wXNR6q4V8w" } as const;
  const cases: [string, object][] = [
    ["inference_geo", { inference_geo: "us" }],
    ["fallbacks", { fallbacks: [{ model: "claude-opus-5" }] }],
    ["thread", { thread: { type: "create" } }],
    ["tools", { tools: [{ type: "advisor_20260301", name: "advisor", model: "claude-opus-5" }] }],
    ["messages", { messages: [{ role: "user", content: [{ type: "document", source: file }] }] }],
    [
      "messages",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t", content: [{ type: "image", source: file }] },
            ],
          },
        ],
      },
    ],
  ];

  for (const [param, more] of cases) {
    test(`${param}: ${JSON.stringify(more).slice(0, 60)}`, async () => {
      const asked = upstream.requests.length;
      const error = await failureOf(
        client.messages.create({ ...asking("Hi.", { model: "on-anthropic" }), ...more }),
      );

      expect(error).toBeInstanceOf(BadRequestError);
      expect(error.errorCode).toBe("not_supported");
      expect(error.apiMessage).toStartWith(`'${param}' is not taken`);
      expect(upstream.requests.length).toBe(asked);
    });
  }
});
