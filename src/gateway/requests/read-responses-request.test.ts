import { describe, expect, test } from "bun:test";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { readResponsesBody, toResponsesRequest } from "./read-responses-request.ts";

const limits = {
  bodyBytesMax: 100_000,
  jsonDepthMax: 16,
  messagesMax: 3,
  bodyTimeoutMs: 1_000,
} as GatewayLimits;
const clock = { nowMs: () => 1_790_000_000_000, monotonicMs: () => 0 };

async function read(fields: JsonObject): Promise<CallRequest & { bytes: number }> {
  const body = JSON.stringify({ model: "m", input: "Hi", ...fields });
  const request = new Request("http://gateway/v1/responses", { method: "POST", body });
  const call = { requestId: "r", request, startedAtMs: 0, dialect: "openai-responses" } as Call;
  const asking = await readResponsesBody(call, limits);
  return { ...toResponsesRequest(call, { limits, clock }, asking), bytes: asking.bytes };
}

async function failureOf(fields: JsonObject): Promise<Failure> {
  const error = await read(fields).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error("did not fail");
}

const user = (...content: JsonObject[]): JsonObject => ({ input: [{ role: "user", content }] });

describe("the bounds of a request", () => {
  test("are no fewer tokens than its text has bytes, and the client's own limit", async () => {
    const request = await read({ input: "x".repeat(1_000), max_output_tokens: 70 });
    expect(request.inputTokensMax).toBeGreaterThanOrEqual(1_000);
    expect(request.inputTokensCounted).toBeLessThan(400);
    expect(request).toMatchObject({ maxTokens: 70, choices: 1, fixed: {}, isStream: false });
  });

  test("of pictures, files and sound are not those of their bytes", async () => {
    const data = "x".repeat(40_000);
    const image = await read(
      user({ type: "input_image", image_url: `data:image/png;base64,${data}` }),
    );
    expect(image.inputTokensMax).toBeLessThan(20_000);
    expect(image.inputTokensCounted).toBeLessThan(2_000);
    const file = await read(
      user({ type: "input_file", file_data: `data:application/pdf;base64,${data}` }),
    );
    expect(file.inputTokensMax).toBeGreaterThan(100_000);
    expect(file.inputTokensCounted).toBeLessThan(10_000);
    const sound = await read(user({ type: "input_audio", input_audio: { data, format: "wav" } }));
    expect(sound.inputTokensMax).toBeLessThan(5_000);
  });

  test("hold what the provider's tools may do", async () => {
    const request = await read({ tools: [{ type: "web_search" }], max_tool_calls: 4 });
    expect(request.fixed).toMatchObject({ search_units: 4 });
    expect(request.priceNeeds).toEqual([["search_units"]]);
    expect(request.fixed.uncached_input).toBeGreaterThan(4 * request.inputTokensMax);
    const own = await read({ tools: [{ type: "function", name: "f", parameters: {} }] });
    expect([own.fixed, own.priceNeeds]).toEqual([{}, []]);
  });
});

test("what a model must be able to do and to read", async () => {
  const request = await read({
    ...user({ type: "input_image", image_url: "https://example.com/a.png" }),
    tools: [{ type: "function", name: "f", parameters: {} }],
    text: { format: { type: "json_schema", name: "n", schema: {} } },
    reasoning: { effort: "high" },
    include: ["message.output_text.logprobs"],
  });
  expect(request.needs).toEqual({
    capabilities: ["tools", "structured_output", "reasoning", "logprobs"],
    modalities: ["image"],
  });
  const plain = await read({ reasoning: { effort: "none", summary: "auto" } });
  expect(plain.needs).toEqual({ capabilities: [], modalities: [] });
});

test("what routes look at", async () => {
  const input = [
    { role: "user", content: "Erste Frage" },
    { role: "assistant", content: "Antwort" },
    { role: "user", content: [{ type: "input_text", text: "Zweite Frage" }] },
  ];
  const { facts, serviceTier } = await read({
    ...{ input, metadata: { team: "search" }, service_tier: "flex", instructions: "Kurz." },
  });
  expect(facts.metadata).toEqual({ team: "search" });
  expect(facts.sampleText()).toBe("Zweite Frage");
  expect(facts.prefix()).toStartWith("Kurz.");
  expect(serviceTier).toBe("flex");
});

describe("what is refused", () => {
  const cases: [param: string, fields: JsonObject][] = [
    ["model", { model: "" }],
    ["input", { input: 7 }],
    ["input", { input: Array.from({ length: 4 }, () => ({ role: "user", content: "x" })) }],
    ["max_output_tokens", { max_output_tokens: 0 }],
    ["background", { background: "yes" }],
    ["conversation.id", { conversation: { id: 7 } }],
    ["metadata", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "x"])) }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["models", { models: ["vendor/dearest"] }],
    ["plugins", { plugins: [{ id: "web" }] }],
    ["n_predict", { n_predict: 100_000 }],
    ["tools[0]", { tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }] }],
    [
      "tools[0]",
      { tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["f"] } }] },
    ],
    ["tools[0]", { tools: [{ type: "shell", environment: { type: "container_reference" } }] }],
    ["input[0]", user({ type: "input_image", file_id: "file-1" })],
  ];
  for (const [param, fields] of cases) {
    test(`${param}: ${JSON.stringify(fields).slice(0, 60)}`, async () => {
      expect(await failureOf(fields)).toMatchObject({ kind: "invalid", param });
    });
  }
});
