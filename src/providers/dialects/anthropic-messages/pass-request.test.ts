import { expect, test } from "bun:test";
import { wrapSeal } from "../../neutral/seal.ts";
import { passRequest } from "./pass-request.ts";

const OPTIONS = { upstreamModel: "claude-opus-5", maxOutputTokens: 500, quirks: {} };

const body = {
  model: "our-opus",
  max_tokens: 4_096,
  system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: "Hi." },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "EqQB" },
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
      ],
    },
  ],
  tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 3 }],
  context_management: { edits: [{ type: "clear_tool_uses_20250919" }] },
  mcp_servers: [{ type: "url", url: "https://mcp.example", name: "x" }],
  novelty: { deep: true },
};

test("only the model and the limit change", () => {
  const passed = passRequest(body, OPTIONS);

  expect(passed).toEqual({ ...body, model: "claude-opus-5", max_tokens: 500 });
  expect(passed["messages"]).toBe(body.messages);
});

test("a budget stays below a limit that was lowered, and is the client's own otherwise", () => {
  const thinking = (budget_tokens: number, max_tokens: number, lowered: number) =>
    passRequest(
      { ...body, max_tokens, thinking: { type: "enabled", budget_tokens } },
      { ...OPTIONS, maxOutputTokens: lowered },
    )["thinking"];

  expect(thinking(2_000, 4_096, 4_096)).toEqual({ type: "enabled", budget_tokens: 2_000 });
  expect(thinking(2_000, 4_096, 1_500)).toEqual({ type: "enabled", budget_tokens: 1_499 });
  expect(thinking(2_000, 4_096, 900)).toEqual({ type: "disabled" });
  // The provider says what is wrong with it.
  expect(thinking(5_000, 4_096, 4_096)).toEqual({ type: "enabled", budget_tokens: 5_000 });
});

test("thoughts of other providers stay behind, and Anthropic's own come out of their envelope", () => {
  const foreign = wrapSeal({ sealedBy: "openai-responses", encrypted: "gAAA", id: "rs_1" });
  const own = wrapSeal({ sealedBy: "anthropic-messages", signature: "EqQB", text: "Hm." });
  const said = { type: "text", text: "So." };
  const turn = (...content: object[]) => ({ role: "assistant", content });
  const { messages } = passRequest(
    {
      ...body,
      messages: [
        turn({ type: "thinking", thinking: "Other.", signature: foreign }, said),
        turn({ type: "redacted_thinking", data: foreign }),
        turn({ type: "thinking", thinking: "", signature: own }, said),
        { role: "user", content: "Hi." },
      ],
    },
    OPTIONS,
  );

  expect(messages).toEqual([
    turn(said),
    turn({ type: "thinking", thinking: "Hm.", signature: "EqQB" }, said),
    { role: "user", content: "Hi." },
  ]);
});
