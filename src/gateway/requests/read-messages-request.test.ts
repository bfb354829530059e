import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Failure } from "../../lib/errors.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { readCountRequest, readMessagesRequest } from "./read-messages-request.ts";

const limits = {
  bodyBytesMax: 4 * 1024 * 1024,
  jsonDepthMax: 16,
  messagesMax: 200,
  bodyTimeoutMs: 1_000,
} as GatewayLimits;

type Options = { headers?: Record<string, string>; reader?: typeof readMessagesRequest };

function read(body: object, options: Options = {}): Promise<CallRequest> {
  const { headers = {}, reader = readMessagesRequest } = options;
  const request = new Request("http://gateway/v1/messages?beta=true", {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return reader({ request, requestId: "r", startedAtMs: 0 } as Call, limits);
}

async function failureOf(body: object, options?: Options): Promise<Failure> {
  const error = await read(body, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`expected a failure, not ${Bun.inspect(error)}`);
  return error;
}

const asking = (content: unknown, more: object = {}) => ({
  model: "m",
  max_tokens: 100,
  messages: [{ role: "user", content }],
  ...more,
});
const base64 = (bytes: number) => "A".repeat(bytes);
const image = {
  type: "image",
  source: { type: "base64", media_type: "image/png", data: base64(90_000) },
};
const pdf = {
  type: "document",
  source: { type: "base64", media_type: "application/pdf", data: base64(100_000) },
};

describe("what is read", () => {
  test("of a plain request", async () => {
    const body = asking("How much is the fish?", { metadata: { user_id: "u-1" }, stream: true });

    expect(await read(body)).toMatchObject({
      operation: "chat",
      model: "m",
      isStream: true,
      choices: 1,
      maxTokens: 100,
      producesTokens: true,
      fixed: {},
      serviceTier: "standard",
      needs: { capabilities: [], modalities: [] },
      facts: { metadata: { user_id: "u-1" } },
    });
  });

  test("of what a model must be able to do", async () => {
    const { needs, facts } = await read(
      asking([image, { type: "text", text: "What is it?" }, pdf], {
        tools: [{ name: "look", input_schema: {} }],
        output_config: { format: { type: "json_schema", schema: {} } },
        thinking: { type: "enabled", budget_tokens: 50 },
        system: "Be brief.",
      }),
    );

    expect(needs.capabilities).toEqual(["tools", "structured_output", "reasoning"]);
    expect([...needs.modalities].sort()).toEqual(["file", "image"]);
    expect(facts.sampleText()).toContain("What is it?");
    expect(facts.prefix()).toStartWith('"Be brief."');
  });

  test("of how fast it shall be, which has a price of its own", async () => {
    expect((await read(asking("Hi.", { speed: "fast" }))).serviceTier).toBe("priority");
    expect((await read(asking("Hi.", { speed: "standard" }))).serviceTier).toBe("standard");
  });

  test("a limit is needed for an answer, and may be zero to fill a cache; to count there is none", async () => {
    const { max_tokens: _, ...counted } = asking("Hi.");

    expect((await failureOf(counted)).param).toBe("max_tokens");
    expect((await read(asking("Hi.", { max_tokens: 0 }))).maxTokens).toBe(0);
    expect((await read(counted, { reader: readCountRequest })).maxTokens).toBeUndefined();
  });

  test("what is wrong is named", async () => {
    const wrong: [string, object][] = [
      ["model", { model: "" }],
      ["messages", { messages: [] }],
      ["messages[0].role", { messages: [{ role: "tool", content: "x" }] }],
      ["messages[0].content", { messages: [{ role: "user", content: 7 }] }],
      ["temperature", { temperature: 1.5 }],
      ["tools", { tools: "all" }],
      // They would travel to a provider of another API as fields that nobody knows.
      ["models", { models: ["vendor/dearest"] }],
      ["plugins", { plugins: [{ id: "web" }] }],
      ["n_predict", { n_predict: 100_000 }],
    ];
    for (const [param, more] of wrong) {
      expect(await failureOf(asking("Hi.", more))).toMatchObject({ kind: "invalid", param });
    }
    const headers = { "anthropic-beta": "no such; thing" };
    expect((await failureOf(asking("Hi."), { headers })).param).toBe("anthropic-beta");
  });
});

describe("the upper bound of the input", () => {
  const maxOf = async (body: object) => (await read(body)).inputTokensMax;

  test("is above the bytes of every text, wherever it stands", async () => {
    const someText = fc.string({ unit: "grapheme", maxLength: 200 });
    const someBlock = fc.oneof(
      fc.record({ type: fc.constant("text"), text: someText }),
      fc.record({
        type: fc.constant("tool_result"),
        tool_use_id: someText,
        content: fc.oneof(
          someText,
          fc.array(fc.record({ type: fc.constant("text"), text: someText })),
        ),
      }),
      fc.record({
        type: fc.constant("document"),
        source: fc.record({ type: fc.constant("text"), data: someText }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(someBlock, { maxLength: 5 }), someText, async (content, system) => {
        const textsIn = (value: unknown): string[] =>
          typeof value === "string"
            ? [value]
            : Object.values(value ?? {}).flatMap((one) => textsIn(one));
        const bytes = Buffer.byteLength(textsIn([content, system]).join(""));
        const { inputTokensMax, inputTokensCounted } = await read(asking(content, { system }));

        expect(inputTokensMax).toBeGreaterThan(bytes);
        expect(inputTokensCounted).toBeLessThan(inputTokensMax);
      }),
      { numRuns: 100 },
    );
  });

  test("measures pictures by the piece, within results of tools, too", async () => {
    const plain = await maxOf(asking([{ type: "text", text: "Hi." }]));
    const within = { type: "tool_result", tool_use_id: "t", content: [image, image] };

    expect((await maxOf(asking([image]))) - plain).toBeWithin(16_384, 16_384 + 200);
    expect((await maxOf(asking([within]))) - plain).toBeWithin(2 * 16_384, 2 * 16_384 + 400);
    expect((await read(asking([image]))).inputTokensCounted).toBeWithin(1_000, 1_100);
  });

  test("takes a document for as long as one may be", async () => {
    const url = { type: "document", source: { type: "url", url: "https://x.example/a.pdf" } };

    for (const document of [pdf, url]) {
      const { inputTokensMax, inputTokensCounted } = await read(asking([document]));
      expect(inputTokensMax).toBeGreaterThan(600 * 7_000);
      expect(inputTokensCounted).toBeWithin(4_800, 25_000);
    }
  });

  test("leaves room for what providers write around tools that their models know", async () => {
    const known = { type: "text_editor_20250728", name: "str_replace_based_edit_tool" };
    const own = { name: "str_replace_based_edit_tool", input_schema: {}, type: "custom" };
    const difference =
      (await maxOf(asking("Hi.", { tools: [known] }))) -
      (await maxOf(asking("Hi.", { tools: [own] })));

    expect(difference).toBeWithin(900, 1_100);
  });
});

describe("what a provider may do beside", () => {
  const search = { type: "web_search_20250305", name: "web_search", max_uses: 2 };
  const boundOf = async (more: object) => await read(asking("Search.", more));

  test("is bounded: searches with their prices, and the prompt read again after each", async () => {
    const custom = { ...search, type: "custom", input_schema: {} };
    const plain = await boundOf({ tools: [custom] });
    const searching = await boundOf({ tools: [search] });
    const once = plain.inputTokensMax + 100;

    expect(searching).toMatchObject({
      contexts: 3,
      fixed: { search_units: 2 },
      priceNeeds: [["search_units"]],
    });
    // The prompt three times, and the results of the first search twice. A known tool has words of its own.
    const bound = plain.inputTokensMax + 2 * once + 3 * 16_384;
    expect(searching.inputTokensMax).toBeWithin(bound, bound + 3 * 1_100);
  });

  test("is nothing for tools that the client runs itself", async () => {
    const tools = [
      { type: "bash_20250124", name: "bash" },
      { name: "look", input_schema: {} },
    ];

    expect(await boundOf({ tools })).toMatchObject({ contexts: 1, fixed: {}, priceNeeds: [] });
  });

  test("is one more reading and a summary, where it shortens the conversation", async () => {
    const edited = (type: string) => boundOf({ context_management: { edits: [{ type }] } });
    const plain = await edited("clear_thinking_20251015");
    const shortened = await edited("compact_20260112");

    expect(plain).toMatchObject({ contexts: 1, fixed: {} });
    expect(shortened).toMatchObject({ contexts: 2, fixed: { output_text: 16_384 } });
    expect(shortened.inputTokensMax).toBeGreaterThanOrEqual(2 * (plain.inputTokensMax - 20));
  });
});
