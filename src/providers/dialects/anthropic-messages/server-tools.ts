/**
 * Tools that Anthropic runs itself, within one call: its model is asked again with what they found, and every round
 * reads the whole prompt again. What they may do is bounded, so that a call's cost is.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
 */
import type { JsonObject } from "../../../lib/json.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";

/** After so many rounds Anthropic pauses the turn. */
const ROUNDS_MAX = 10;
/** Where the client has set no limit of its own. */
const USES_MAX = 10;
const FETCHED_TOKENS_MAX = 50_000;
/** Anthropic sets no limit to what one use of another tool brings; searches bring about half of this. */
const RESULT_TOKENS_MAX = 16_384;

type Bounds = { max_uses?: number; max_content_tokens?: number };

const boundsOf = (type: string): Required<Bounds> | Bounds => {
  if (type.startsWith("web_search_")) return { max_uses: USES_MAX };
  if (type.startsWith("web_fetch_")) {
    return { max_uses: USES_MAX, max_content_tokens: FETCHED_TOKENS_MAX };
  }
  return {};
};

/** The tools with a limit on each that takes one. The list itself, where nothing is missing. */
export function boundedTools(tools: unknown): unknown {
  if (!Array.isArray(tools) || !tools.some((tool) => missingBounds(tool) !== undefined)) {
    return tools;
  }
  return tools.map((tool) => ({ ...tool, ...missingBounds(tool) }));
}

function missingBounds(tool: unknown): Bounds | undefined {
  if (!isRecord(tool) || typeof tool["type"] !== "string") return undefined;
  const missing = Object.entries(boundsOf(tool["type"])).filter(
    ([name]) => typeof tool[name] !== "number",
  );
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}

export type ServerWork = {
  /** In which the prompt is read once more. */
  rounds: number;
  /** Of all results together. */
  resultTokens: number;
  searches: number;
};

/** The most that the tools of a request may do at the provider. */
export function serverWorkOf({ tools, mcp_servers }: JsonObject): ServerWork {
  const used = listIn(boundedTools(tools)).map(usesOf);
  const isLinked = Array.isArray(mcp_servers) && mcp_servers.length > 0;
  if (isLinked) used.push(others);
  const sum = (field: "uses" | "resultTokens" | "searches") =>
    used.reduce((total, one) => total + one[field], 0);
  return {
    rounds: Math.min(sum("uses"), ROUNDS_MAX),
    resultTokens: sum("resultTokens"),
    searches: sum("searches"),
  };
}

type Uses = { uses: number; resultTokens: number; searches: number };

const none: Uses = { uses: 0, resultTokens: 0, searches: 0 };
const others: Uses = {
  uses: ROUNDS_MAX,
  resultTokens: ROUNDS_MAX * RESULT_TOKENS_MAX,
  searches: 0,
};
const OTHER_TYPES =
  /^(?:code_execution|bash_code_execution|text_editor_code_execution|tool_search|mcp_toolset)/;

function usesOf({ type, max_uses, max_content_tokens }: JsonObject): Uses {
  if (typeof type !== "string") return none;
  const uses = toCount(max_uses);
  if (type.startsWith("web_search_")) {
    return { uses, resultTokens: uses * RESULT_TOKENS_MAX, searches: uses };
  }
  if (type.startsWith("web_fetch_")) {
    return { uses, resultTokens: uses * toCount(max_content_tokens), searches: 0 };
  }
  return OTHER_TYPES.test(type) ? others : none;
}

const toCount = (value: unknown): number =>
  typeof value === "number" && value > 0 ? Math.ceil(value) : 0;

/** The tokens that the rounds may read beside the prompt's first reading. */
export function tokensReadAgain(
  { rounds, resultTokens }: ServerWork,
  promptTokens: number,
): number {
  // Results come one after the other, so on average half of them are there.
  return rounds * promptTokens + Math.ceil((resultTokens * (rounds + 1)) / 2);
}
