/**
 * Tools that the provider runs itself, within one call: its model is asked again with what they found, and every round
 * reads the whole prompt again. What they may do is bounded, so that a call's cost is, and what the provider bills by
 * the piece is counted.
 * https://platform.openai.com/docs/guides/tools
 */
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";

/** Called by the model and run by the client: each ends the call, as functions do. */
const CLIENT_TOOLS: ReadonlySet<unknown> = new Set([
  "function",
  "custom",
  "namespace",
  "local_shell",
  "apply_patch",
  "computer",
  "computer_use_preview",
]);

/** Where the client has set no limit of its own. */
const TOOL_CALLS_MAX = 10;
/** No provider limits what one use brings; searches of the web bring about half of this. */
const RESULT_TOKENS_MAX = 16_384;

/** Types carry the date of their version at times: `web_search_2025_08_26`. */
const isSearch = (type: unknown): boolean =>
  typeof type === "string" && type.startsWith("web_search");

const providerToolsIn = (body: JsonObject): JsonObject[] =>
  listIn(body["tools"]).filter((tool) => !CLIENT_TOOLS.has(tool["type"]) && !isLocal(tool));

/** A shell runs where its environment says. */
const isLocal = ({ environment }: JsonObject): boolean =>
  isRecord(environment) && environment["type"] === "local";

const runsInContainer = (type: unknown): boolean => type === "code_interpreter" || type === "shell";

/** The limit on tool calls that goes with the request; nothing where its tools are the client's. */
export function toolLimitOf(body: JsonObject): { max_tool_calls?: number } {
  if (providerToolsIn(body).length === 0) return {};
  return { max_tool_calls: toolCallsMaxOf(body) };
}

function toolCallsMaxOf({ max_tool_calls: asked }: JsonObject): number {
  return typeof asked === "number" && asked > 0 ? Math.ceil(asked) : TOOL_CALLS_MAX;
}

/**
 * The most that the provider's tools may add to a request whose prompt and answer have so many tokens: what is read
 * again in every round, and pieces.
 */
export function boundOfTools(body: JsonObject, tokensOnce: number): Quantities {
  const tools = providerToolsIn(body);
  if (tools.length === 0) return {};
  const uses = toolCallsMaxOf(body);
  // Results come one after the other, so on average half of them are there.
  const results = Math.ceil((uses * RESULT_TOKENS_MAX * (uses + 1)) / 2);
  const has = (kind: (type: unknown) => boolean) => tools.some(({ type }) => kind(type));
  return {
    uncached_input: uses * tokensOnce + results,
    ...(has((type) => isSearch(type) || runsInContainer(type)) ? { search_units: uses } : {}),
    ...(has((type) => type === "image_generation") ? { images: uses } : {}),
  };
}

/** Pieces that an answer has used: searches of the web, containers in which code ran, and images. */
export function piecesOf({ output, tool_usage }: JsonObject): Quantities {
  const items = listIn(output);
  const containers = new Set(items.flatMap((item) => containerOf(item) ?? []));
  const searches = searchesIn(tool_usage) ?? countOf(items, "web_search_call");
  const pieces = {
    search_units: searches + containers.size,
    images: countOf(items, "image_generation_call"),
  };
  return Object.fromEntries(Object.entries(pieces).filter(([, count]) => count > 0));
}

function containerOf({ type, container_id, environment }: JsonObject): unknown {
  if (type === "code_interpreter_call") return container_id;
  if (type !== "shell_call" || !isRecord(environment)) return undefined;
  return environment["container_id"];
}

/** More than any answer takes: a larger number is an error of the provider. */
const SEARCHES_MAX = 10_000;

/** A search may ask several questions at once, and each is billed. */
function searchesIn(toolUsage: unknown): number | undefined {
  const search = isRecord(toolUsage) ? toolUsage["web_search"] : undefined;
  const requests = isRecord(search) ? search["num_requests"] : undefined;
  if (typeof requests !== "number" || !(requests >= 0) || requests > SEARCHES_MAX) return undefined;
  return Math.floor(requests);
}

function countOf(items: readonly JsonObject[], type: string): number {
  return items.filter((item) => item["type"] === type).length;
}
