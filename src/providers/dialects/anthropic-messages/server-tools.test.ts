import { expect, test } from "bun:test";
import { boundedTools, serverWorkOf, tokensReadAgain } from "./server-tools.ts";

const search = { type: "web_search_20250305", name: "web_search" };
const fetching = { type: "web_fetch_20250910", name: "web_fetch" };
const own = { name: "look", input_schema: { type: "object" } };

test("a tool that takes limits has them", () => {
  expect(boundedTools([own, search, { ...fetching, max_uses: 2 }])).toEqual([
    own,
    { ...search, max_uses: 10 },
    { ...fetching, max_uses: 2, max_content_tokens: 50_000 },
  ]);
});

test("and is left alone where nothing is missing", () => {
  const tools = [own, { ...search, max_uses: 3 }, { type: "bash_20250124", name: "bash" }];

  expect(boundedTools(tools)).toBe(tools);
  expect(boundedTools(undefined)).toBeUndefined();
  expect(boundedTools("tools")).toBe("tools");
});

test("what they may do is bounded", () => {
  expect(serverWorkOf({ tools: [own, { type: "computer_20250124" }] })).toEqual({
    rounds: 0,
    resultTokens: 0,
    searches: 0,
  });
  expect(serverWorkOf({ tools: [{ ...search, max_uses: 3 }] })).toEqual({
    rounds: 3,
    resultTokens: 3 * 16_384,
    searches: 3,
  });
  expect(serverWorkOf({ tools: [search, { ...fetching, max_content_tokens: 1_000 }] })).toEqual({
    rounds: 10,
    resultTokens: 10 * 16_384 + 10_000,
    searches: 10,
  });
  expect(serverWorkOf({ tools: [], mcp_servers: [{ type: "url" }] }).rounds).toBe(10);
  expect(serverWorkOf({ tools: [{ type: "code_execution_20250825" }] }).rounds).toBe(10);
});

test("every round reads the prompt again, with what was found until then", () => {
  const work = { rounds: 2, resultTokens: 200, searches: 2 };

  // After the first round 100 tokens are there, after the second 200.
  expect(tokensReadAgain(work, 1_000)).toBe(2 * 1_000 + 100 + 200);
  expect(tokensReadAgain({ rounds: 0, resultTokens: 0, searches: 0 }, 1_000)).toBe(0);
});
