/** What a client is told of its limits, in the names of its own dialect. */
import type { ChatDialectName } from "../../providers/upstream.ts";
import type { Standing } from "./limit-rate.ts";

const NOTHING: Readonly<Record<string, string>> = {};

/**
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers,
 * https://docs.anthropic.com/en/api/rate-limits#response-headers
 */
export function limitHeaders(
  standing: Standing,
  dialect: ChatDialectName,
): Readonly<Record<string, string>> {
  const { requests, tokens } = standing;
  if (requests === undefined && tokens === undefined) return NOTHING;
  return dialect === "anthropic-messages" ? anthropicHeaders(standing) : openAiHeaders(standing);
}

function openAiHeaders({ requests, tokens, resetMs }: Standing): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, count] of Object.entries({ requests, tokens })) {
    if (count === undefined) continue;
    headers[`x-ratelimit-limit-${name}`] = String(count.limit);
    headers[`x-ratelimit-remaining-${name}`] = String(count.remaining);
    headers[`x-ratelimit-reset-${name}`] = `${(resetMs / 1_000).toFixed(3)}s`;
  }
  return headers;
}

function anthropicHeaders({ requests, tokens, resetMs, nowMs }: Standing): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, count] of Object.entries({ requests, tokens })) {
    if (count === undefined) continue;
    headers[`anthropic-ratelimit-${name}-limit`] = String(count.limit);
    headers[`anthropic-ratelimit-${name}-remaining`] = String(count.remaining);
    headers[`anthropic-ratelimit-${name}-reset`] = new Date(nowMs + resetMs).toISOString();
  }
  return headers;
}
