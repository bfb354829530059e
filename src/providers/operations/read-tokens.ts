/** Tokens of operations beside chat, as disjoint quantities. */
import type { Quantities } from "../../lib/quantities.ts";
import { countIn, quantitiesOf, recordIn, shareOut } from "./counts.ts";

/**
 * What OpenAI's newer APIs report: `input_tokens`, `output_tokens` and their details. Older names and providers that
 * only tell a total are read, too.
 *
 * @param plainOutput what output tokens are that no detail names.
 * @returns undefined when nothing is told of tokens.
 */
export function readTokens(
  wire: unknown,
  plainOutput: "output_text" | "image_output" | "audio_output",
): Quantities | undefined {
  const usage = recordIn(wire);
  const total = countIn(usage["total_tokens"]);
  const told = countIn(usage["input_tokens"]) ?? countIn(usage["prompt_tokens"]);
  const output = countIn(usage["output_tokens"]) ?? countIn(usage["completion_tokens"]);
  if (total === undefined && told === undefined && output === undefined) return undefined;
  const input = told ?? Math.max((total ?? 0) - (output ?? 0), 0);
  return {
    ...readInput(usage, input),
    ...readOutput(usage, Math.max(output ?? 0, (total ?? 0) - input), plainOutput),
  };
}

/** Operations that write nothing: whatever else a provider counts, it has read. */
export function readInputTokens(wire: unknown): Quantities | undefined {
  const quantities = readTokens(wire, "output_text");
  if (quantities === undefined) return undefined;
  const { output_text: more = 0, ...input } = quantities;
  return { ...input, ...quantitiesOf({ uncached_input: (input.uncached_input ?? 0) + more }) };
}

function readInput(usage: Record<string, unknown>, input: number): Quantities {
  const details = recordIn(
    usage["input_tokens_details"] ?? usage["input_token_details"] ?? usage["prompt_tokens_details"],
  );
  const { parts, rest } = shareOut(input, {
    cache_read: countIn(details["cached_tokens"]),
    audio_input: countIn(details["audio_tokens"]),
    image_input: countIn(details["image_tokens"]),
  });
  return { ...parts, ...quantitiesOf({ uncached_input: rest }) };
}

function readOutput(
  usage: Record<string, unknown>,
  output: number,
  plain: "output_text" | "image_output" | "audio_output",
): Quantities {
  const details = recordIn(
    usage["output_tokens_details"] ??
      usage["output_token_details"] ??
      usage["completion_tokens_details"],
  );
  const { parts, rest } = shareOut(output, {
    reasoning: countIn(details["reasoning_tokens"]),
    image_output: countIn(details["image_tokens"]),
    audio_output: countIn(details["audio_tokens"]),
    output_text: countIn(details["text_tokens"]),
  });
  return { ...parts, ...quantitiesOf({ [plain]: (parts[plain] ?? 0) + rest }) };
}
