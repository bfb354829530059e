import type { Quirks } from "../../upstream.ts";

/** The client's request as the upstream shall see it: unknown fields are kept. */
export function encodeChatRequest(
  request: Record<string, unknown>,
  options: { upstreamModel: string; maxOutputTokens: number; stream: boolean; quirks: Quirks },
): string {
  throw new Error(`to come: ${JSON.stringify(request)} ${options.upstreamModel}`);
}
