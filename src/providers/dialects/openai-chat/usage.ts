import type { Quantities, QuantityName } from "../../../lib/quantities.ts";

/** A count beyond this is no count of tokens, but an error of the provider. */
const TOKENS_MAX = 1_000_000_000_000;

/**
 * OpenAI's `usage` as disjoint quantities whose sum is the provider's total; undefined when it is none.
 *
 * Providers nest the parts differently, so every part is cut to what its total leaves:
 *
 * - cached, written, audio and image tokens lie inside `prompt_tokens`; DeepSeek and Moonshot name the cached
 *   ones outside of the details;
 * - reasoning and audio lie inside `completion_tokens` (OpenAI), or beside them, visible only in
 *   `total_tokens` (xAI, Gemini).
 *
 * https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage
 */
export function readUsage(wire: unknown): Quantities | undefined {
  const usage = objectIn(wire);
  const prompt = countIn(usage["prompt_tokens"]);
  const completion = countIn(usage["completion_tokens"]);
  if (prompt === undefined && completion === undefined) return undefined;
  const total = countIn(usage["total_tokens"]) ?? 0;
  const input = prompt ?? Math.max(total - (completion ?? 0), 0);
  const output = Math.max(completion ?? 0, total - input);
  const beside = completion === undefined ? 0 : output - completion;
  return { ...readInput(usage, input), ...readOutput(usage, output, beside) };
}

type Wire = Record<string, unknown>;

function readInput(usage: Wire, total: number): Quantities {
  const details = objectIn(usage["prompt_tokens_details"]);
  const cached =
    countIn(details["cached_tokens"]) ??
    countIn(usage["prompt_cache_hit_tokens"]) ??
    countIn(usage["cached_tokens"]);
  return share(total, "uncached_input", [
    ["cache_read", cached],
    // Alibaba Cloud has a word of its own.
    [
      "cache_write",
      countIn(details["cache_write_tokens"]) ?? countIn(details["cache_creation_input_tokens"]),
    ],
    ["audio_input", countIn(details["audio_tokens"])],
    ["image_input", countIn(details["image_tokens"])],
  ]);
}

/** `beside`: what `total_tokens` counts more than prompt and completion. It is output that nobody sees. */
function readOutput(usage: Wire, total: number, beside: number): Quantities {
  const details = objectIn(usage["completion_tokens_details"]);
  // SGLang says it outside of the details.
  const told = countIn(details["reasoning_tokens"]) ?? countIn(usage["reasoning_tokens"]) ?? 0;
  const reasoning = Math.max(told, beside);
  return share(total, "output_text", [
    ["reasoning", reasoning],
    ["audio_output", countIn(details["audio_tokens"])],
  ]);
}

/** Gives each part what it asks for while there is something left; the remainder gets the rest. */
function share(
  total: number,
  remainder: QuantityName,
  parts: [QuantityName, number | undefined][],
): Quantities {
  const shares: Partial<Record<QuantityName, number>> = {};
  let left = total;
  for (const [name, wanted] of parts) {
    const given = Math.min(wanted ?? 0, left);
    if (given > 0) shares[name] = given;
    left -= given;
  }
  if (left > 0) shares[remainder] = left;
  return shares;
}

function objectIn(value: unknown): Wire {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** A whole number of tokens; undefined for everything that cannot be one. */
function countIn(value: unknown): number | undefined {
  if (typeof value !== "number" || !(value >= 0) || value > TOKENS_MAX) return undefined;
  return Math.floor(value);
}
