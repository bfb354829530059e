import { inputTokensOf, outputTokensOf, type Quantities } from "../../../lib/quantities.ts";
import type { ReadUsage } from "../../neutral/answer.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";

/** A count beyond this is no count of tokens, but an error of the provider. */
const TOKENS_MAX = 1_000_000_000_000;

type Wire = Record<string, unknown>;

/**
 * Anthropic's `usage` as disjoint quantities; undefined when it is none. What was read from the cache or written to it
 * is beside `input_tokens`, not inside; thinking is inside `output_tokens`. What a conversation's shortening by the
 * provider took is in `iterations` alone.
 *
 * https://platform.claude.com/docs/en/api/messages#usage
 */
export function readUsage(wire: unknown): Quantities | undefined {
  if (!isRecord(wire)) return undefined;
  if (countIn(wire["input_tokens"]) === undefined && countIn(wire["output_tokens"]) === undefined) {
    return undefined;
  }
  const compactions = listIn(wire["iterations"]).filter(({ type }) => type === "compaction");
  const tokens = [wire, ...compactions].flatMap((part) => [readInput(part), readOutput(part)]);
  return sum([...tokens, readSearches(wire["server_tool_use"])]);
}

export function toUsage(raw: unknown): ReadUsage | undefined {
  const quantities = readUsage(raw);
  return quantities === undefined ? undefined : { quantities, raw };
}

/** A stream begins with an output of one or none, before there is any. Only what comes at its end is a count. */
export const tellsOutput = (wire: unknown): boolean =>
  isRecord(wire) && countIn(wire["output_tokens"]) !== undefined;

/** A stream says its usage twice, and each count is that of the whole message so far. */
export function mergeUsage(before: Wire | undefined, later: unknown): Wire | undefined {
  if (!isRecord(later)) return before;
  const said = Object.entries(later).filter(([, value]) => value !== null && value !== undefined);
  return { ...before, ...Object.fromEntries(said) };
}

function readInput(wire: Wire): Quantities {
  const written = countIn(wire["cache_creation_input_tokens"]);
  const lifetimes = isRecord(wire["cache_creation"]) ? wire["cache_creation"] : {};
  const hour = countIn(lifetimes["ephemeral_1h_input_tokens"]) ?? 0;
  const minutes = countIn(lifetimes["ephemeral_5m_input_tokens"]) ?? 0;
  // A stream repeats the total at its end, without the lifetimes. What was added since lives as long as the rest did.
  const total = Math.max(written ?? 0, hour + minutes);
  const added = total - hour - minutes;
  const isHour = hour > 0 && minutes === 0;
  return {
    uncached_input: countIn(wire["input_tokens"]) ?? 0,
    cache_read: countIn(wire["cache_read_input_tokens"]) ?? 0,
    cache_write: minutes + (isHour ? 0 : added),
    cache_write_1h: hour + (isHour ? added : 0),
  };
}

function readOutput(wire: Wire): Quantities {
  const total = countIn(wire["output_tokens"]) ?? 0;
  const details = isRecord(wire["output_tokens_details"]) ? wire["output_tokens_details"] : {};
  const reasoning = Math.min(countIn(details["thinking_tokens"]) ?? 0, total);
  return { reasoning, output_text: total - reasoning };
}

/** Searches of the web are billed by the piece, beside the tokens of what they found. */
function readSearches(wire: unknown): Quantities {
  return { search_units: isRecord(wire) ? (countIn(wire["web_search_requests"]) ?? 0) : 0 };
}

/** What is zero is left out. */
function sum(parts: readonly Quantities[]): Quantities {
  const total: Record<string, number> = {};
  for (const [name, count] of parts.flatMap((part) => Object.entries(part))) {
    if (count > 0) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

/** A whole number of tokens; undefined for everything that cannot be one. */
function countIn(value: unknown): number | undefined {
  if (typeof value !== "number" || !(value >= 0) || value > TOKENS_MAX) return undefined;
  return Math.floor(value);
}

/** As Anthropic nests it: `readUsage` reads the same quantities out of it again, but for kinds that it has no word for. */
export function writeUsage(quantities: Quantities) {
  const { cache_read = 0, cache_write = 0, cache_write_1h = 0, reasoning = 0 } = quantities;
  return {
    input_tokens: inputTokensOf(quantities) - cache_read - cache_write - cache_write_1h,
    cache_creation_input_tokens: cache_write + cache_write_1h,
    cache_read_input_tokens: cache_read,
    cache_creation: {
      ephemeral_5m_input_tokens: cache_write,
      ephemeral_1h_input_tokens: cache_write_1h,
    },
    output_tokens: outputTokensOf(quantities),
    output_tokens_details: { thinking_tokens: reasoning },
    server_tool_use: null,
    service_tier: null,
  };
}
