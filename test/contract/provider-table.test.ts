/** Every entry of the table of known providers, against a server that behaves as that provider does. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { findProvider } from "@pydantic/genai-prices";
import { systemClock } from "../../src/lib/clock.ts";
import { Failure } from "../../src/lib/errors.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { Operation } from "../../src/lib/operations.ts";
import { chatExchange } from "../../src/providers/chat-exchange.ts";
import { addressesOf } from "../../src/providers/endpoint.ts";
import type { SendOptions } from "../../src/providers/exchange.ts";
import type { KnownProvider } from "../../src/providers/known-providers/known-provider.ts";
import {
  type Connection,
  connectionTo,
  knownProviders,
} from "../../src/providers/known-providers/known-providers.ts";
import { put, whyNotServed } from "../../src/providers/operations/put.ts";
import {
  type ChatDialectName,
  type EndpointName,
  type Quirks,
  quirksSchema,
  type Upstream,
} from "../../src/providers/upstream.ts";
import { UrlGuard } from "../../src/providers/url-guard.ts";
import { wireStream } from "../support/ai-sdk-caller.ts";
import {
  chunk,
  DONE,
  frame,
  lastChunk,
  type SeenRequest,
  startScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { type Behaviour, behaviours } from "./provider-behaviours.ts";

const server = startScriptedUpstream();
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.requests.length = 0;
});

const account = JSON.stringify({
  client_email: "a@b.example.com",
  private_key: "-----BEGIN PRIVATE KEY-----",
  project_id: "acme",
});

/** An endpoint of an entry, with what an operator would say. */
function connect(known: KnownProvider, endpoint: KnownProvider["endpoints"][number]): Connection {
  const { url, region } = endpoint;
  const isOwn = url.includes("{resource}");
  return connectionTo(known, {
    ...(region === null ? {} : { region: region === "{region}" ? "eu-central-1" : region }),
    ...(isOwn ? { baseUrl: url.replace("{resource}", "acme") } : {}),
    credential: account,
  });
}

/** The same provider on this machine: the name of each host becomes the beginning of the path. */
function here<Value>(value: Value): Value {
  const text = JSON.stringify(value).replaceAll(
    /"https?:\/\/([^/"]+)/g,
    `"http://127.0.0.1:${server.port}/$1`,
  );
  return JSON.parse(text) as Value;
}

function upstreamOf(known: KnownProvider): Upstream {
  const { dialect, baseUrl, quirks } = here(connect(known, known.endpoints[0]));
  return { name: known.name, dialect, baseUrl, credential: "KEY", allowPrivate: true, quirks };
}

const behind = (path: string): string => path.replace(/^\/[^/]+/, "");

const optionsFor = ({ model = "some-model" }: Behaviour): SendOptions => ({
  upstreamModel: model,
  maxOutputTokens: 500,
  attemptId: "0190d1d2-0000-7000-8000-000000000000",
  tenant: "1",
  signal: new AbortController().signal,
  timeoutMs: 2_000,
});

const facts = { requestId: "r1", model: "ours", createdS: 1_750_000_000 };
/** Its client uses the other field for the limit than half of the providers know. */
const chatRequest = {
  model: "ours",
  messages: [
    { role: "developer", content: "Be brief." },
    { role: "user", content: "Hello?" },
  ],
  max_completion_tokens: 10_000,
  temperature: 0.5,
  stream: true,
};

/** What the provider answers a stream with, in its own words. */
function answerOf(known: KnownProvider, behaviour: Behaviour): Response {
  const { recorded, usage, answer = {}, firstFrames = "" } = behaviour;
  if (recorded !== undefined) {
    return wireStream(`${recorded}.${recorded.startsWith("bedrock") ? "jsonl" : "sse"}`);
  }
  const text =
    known.dialect === "anthropic-messages"
      ? anthropicStream(usage)
      : chunk({ role: "assistant", content: "Hi." }, answer) +
        lastChunk() +
        frame({ choices: [], usage, ...answer }) +
        DONE;
  return new Response(firstFrames + text, { headers: { "content-type": "text/event-stream" } });
}

function anthropicStream(usage: Record<string, unknown>): string {
  const { output_tokens, ...input } = usage;
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content: [] };
  return [
    { type: "message_start", message: { ...message, usage: { ...input, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi." } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens } },
    { type: "message_stop" },
  ]
    .map((event) => `event: ${event.type}\n${frame(event)}`)
    .join("");
}

const at = (body: unknown, path: string): unknown =>
  path.split(".").reduce((inner, key) => (inner as JsonObject | undefined)?.[key], body);

function sent(): SeenRequest {
  expect(server.requests).toHaveLength(1);
  return server.requests[0] as SeenRequest;
}

/** How what the client sent arrived, as far as quirks speak of it. */
function expectWords({ body }: SeenRequest, quirks: Quirks, isChat: boolean): void {
  if (!isChat) return;
  const roles = (body["messages"] as { role: string }[]).map(({ role }) => role);
  expect(roles).toEqual([quirks.developer_role ?? "developer", "user"]);
  expect(body["model"]).toBe("some-model");
  expect(body["stream_options"]).toEqual({ include_usage: true });
  const limits = ["max_tokens", "max_completion_tokens"].filter((field) => field in body);
  expect(limits).toEqual([quirks.output_limit_field ?? "max_completion_tokens"]);
}

async function failureOf(asked: Promise<unknown>): Promise<Failure> {
  const error = await asked.then(
    () => "answered",
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`not a Failure: ${error}`);
  return error;
}

const endpointOfDialect: Readonly<Record<ChatDialectName, JsonObject>> = {
  "openai-chat": chatRequest,
  "openai-responses": { model: "ours", input: "Hello?", stream: true },
  "anthropic-messages": {
    model: "ours",
    max_tokens: 100,
    messages: [{ role: "user", content: "Hello?" }],
    stream: true,
  },
};

/** Where OpenAI has them. */
const usualPaths: Readonly<Record<Exclude<Operation, "chat">, string>> = {
  embeddings: "/embeddings",
  rerank: "/rerank",
  image_generation: "/images/generations",
  image_edit: "/images/edits",
  speech: "/audio/speech",
  transcription: "/audio/transcriptions",
  moderation: "/moderations",
};

test("the table has the providers that were promised, each with a behaviour to be tested against", () => {
  const names = knownProviders.map(({ name }) => name);

  expect(names.length).toBeGreaterThanOrEqual(25);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(behaviours).toSorted()).toEqual(names.toSorted());
});

for (const known of knownProviders) {
  const behaviour = behaviours[known.name];
  if (behaviour === undefined) continue;

  describe(known.name, () => {
    test("is valid: its name, its quirks and its addresses in every region, its prices and its source", async () => {
      const guard = new UrlGuard({ lookUp: async () => ["8.8.8.8"], clock: systemClock });
      expect(known.name).toMatch(/^[a-z0-9][a-z0-9.-]{0,62}$/);
      expect(known.docs).toMatch(/^https:\/\//);
      expect(known.operations).toContain("chat");
      expect(known.keyVariable ?? "NONE").toMatch(/^[A-Z][A-Z0-9_]+$/);
      for (const endpoint of known.endpoints) {
        const connection = connect(known, endpoint);
        expect(quirksSchema.parse(connection.quirks)).toEqual(connection.quirks);
        for (const { url } of addressesOf(connection)) {
          const allowPrivate = url.startsWith("http://127.0.0.1");
          expect((await guard.resolve(url, { allowPrivate })).urls).not.toBeEmpty();
          expect(url).not.toMatch(/[{}]|\/$/);
        }
        const prices = endpoint.prices ?? known.prices;
        if (prices !== null) expect(findProvider({ providerId: prices })?.id).toBe(prices);
      }
    });

    test("gets a chat as it wants it, and its usage is read into disjoint parts", async () => {
      const upstream = upstreamOf(known);
      server.answer = () => answerOf(known, behaviour);
      const exchange = chatExchange("openai-chat", chatRequest, facts);

      expect(exchange.whyNot(upstream)).toBeUndefined();
      const reader = exchange.readStream(upstream);
      const response = await exchange.send(upstream, optionsFor(behaviour));
      const said = [...reader.take(new Uint8Array(await response.arrayBuffer())), ...reader.end()];

      const request = sent();
      const [name, value] = behaviour.header;
      expect(behind(request.path) + request.search).toBe(behaviour.path);
      expect(request.headers.get(name)).toBe(value);
      expect(JSON.stringify([...request.headers]).match(/KEY/g)).toHaveLength(1);
      expect(at(request.body, behaviour.limit)).toBe(500);
      expectWords(request, upstream.quirks, known.dialect === "openai-chat");
      expect(reader.usage?.quantities).toEqual(behaviour.quantities);
      expect(reader.finished || reader.done).toBe(true);
      expect(Buffer.concat(said).toString()).toMatch(/Hi\.|Bonjour/);
    });

    test("says no in its own words", async () => {
      const upstream = upstreamOf(known);
      const { status, body, code } = behaviour.refusal;
      for (const stream of [true, false]) {
        server.answer = () => Response.json(body, { status });
        const exchange = chatExchange("openai-chat", { ...chatRequest, stream }, facts);
        const failure = await failureOf(
          exchange
            .send(upstream, optionsFor(behaviour))
            .then((response) => exchange.readWhole(upstream, response)),
        );
        expect(failure.code).toBe(code);
      }
    });

    for (const dialect of upstreamOf(known).quirks.also_speaks ?? []) {
      test(`serves clients of ${dialect} in their own words`, async () => {
        const upstream = upstreamOf(known);
        const expected = behaviour.others?.[dialect];
        server.answer = () =>
          new Response("", { headers: { "content-type": "text/event-stream" } });

        await chatExchange(dialect, endpointOfDialect[dialect], facts).send(
          upstream,
          optionsFor(behaviour),
        );

        const { path, headers } = sent();
        expect(behind(path)).toBe(expected?.path ?? "no path is said");
        expect(headers.get(expected?.header[0] ?? "")).toBe(expected?.header[1] ?? null);
      });
    }

    for (const operation of known.operations) {
      if (operation === "chat") continue;
      test(`serves ${operation} where it has it`, async () => {
        const upstream = upstreamOf(known);
        const path = usualPaths[operation];
        const door = { endpoint: operation satisfies EndpointName, path };
        server.answer = () => Response.json({});

        expect(whyNotServed(upstream, door)).toBeUndefined();
        await put(upstream, door, { body: {}, options: optionsFor(behaviour) });

        const { headers, ...request } = sent();
        const base = new URL(upstream.baseUrl).pathname;
        const expected = behaviour.paths?.[operation] ?? `${behind(base)}${path}`;
        expect(behind(request.path) + request.search).toBe(expected);
        expect([...headers.values()].join(" ")).toContain("KEY");
      });
    }
  });
}
