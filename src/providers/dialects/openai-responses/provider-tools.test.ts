import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../lib/json.ts";
import { openAiResponses } from "./openai-responses.ts";
import { boundOfTools, piecesOf } from "./provider-tools.ts";

const pass = (body: JsonObject): JsonObject =>
  openAiResponses.passRequest(body, { upstreamModel: "up", maxOutputTokens: 1, quirks: {} });
const withTools = (...types: string[]): JsonObject => ({ tools: types.map((type) => ({ type })) });

describe("a request whose provider runs tools", () => {
  test("always has a limit on their calls", () => {
    expect(pass(withTools("web_search"))["max_tool_calls"]).toBe(10);
    expect(pass({ ...withTools("mcp"), max_tool_calls: 3 })["max_tool_calls"]).toBe(3);
    expect(pass(withTools("something_new"))["max_tool_calls"]).toBe(10);
    const local = { tools: [{ type: "shell", environment: { type: "local" } }] };
    expect(pass(local)).not.toHaveProperty("max_tool_calls");
    expect(pass(withTools("function", "custom", "computer"))).not.toHaveProperty("max_tool_calls");
  });

  test("may read its prompt again for each, and costs the pieces that it may use", () => {
    const once = 1_000;
    expect(boundOfTools(withTools("function", "custom"), once)).toEqual({});
    expect(
      boundOfTools({ ...withTools("web_search_2025_08_26"), max_tool_calls: 2 }, once),
    ).toEqual({
      uncached_input: 2 * once + 3 * 16_384,
      search_units: 2,
    });
    expect(boundOfTools(withTools("mcp"), once)).not.toHaveProperty("search_units");
    expect(boundOfTools(withTools("code_interpreter", "image_generation"), once)).toMatchObject({
      search_units: 10,
      images: 10,
    });
  });
});

describe("pieces of an answer", () => {
  const items = (...list: JsonObject[]): JsonObject => ({ output: list });
  const code = (container_id: string) => ({ type: "code_interpreter_call", container_id });

  test("are searches as the provider counts them, or as many as there are", () => {
    const searched = items({ type: "web_search_call" }, { type: "message" });
    expect(piecesOf(searched)).toEqual({ search_units: 1 });
    const tool_usage = { web_search: { num_requests: 3 } };
    expect(piecesOf({ ...searched, tool_usage })).toEqual({ search_units: 3 });
    expect(piecesOf({ ...searched, tool_usage: { web_search: { num_requests: 1e12 } } })).toEqual({
      search_units: 1,
    });
  });

  test("are containers, however often code ran in them, and images", () => {
    expect(piecesOf(items(code("a"), code("a"), code("b")))).toEqual({ search_units: 2 });
    const shell = { type: "shell_call", environment: { container_id: "c" } };
    expect(piecesOf(items(code("a"), shell, shell))).toEqual({ search_units: 2 });
    expect(piecesOf(items({ type: "shell_call", environment: { type: "local" } }))).toEqual({});
    expect(piecesOf(items({ type: "image_generation_call" }))).toEqual({ images: 1 });
    expect(piecesOf(items({ type: "message" }))).toEqual({});
    expect(piecesOf({})).toEqual({});
  });
});
