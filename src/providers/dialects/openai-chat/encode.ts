import type { Quirks } from "../../upstream.ts";

export type EncodeOptions = {
  /** The model's name at the provider. */
  upstreamModel: string;
  /** Per choice. Always sent: the hold was made for it. */
  maxOutputTokens: number;
  stream: boolean;
  quirks: Quirks;
};

const LIMIT_FIELDS = ["max_tokens", "max_completion_tokens"] as const;

/**
 * The client's request as the upstream shall see it. Fields we do not know are kept: a new feature of a
 * provider works on the day it appears.
 */
export function encodeChatRequest(
  request: Record<string, unknown>,
  options: EncodeOptions,
): string {
  const body: Record<string, unknown> = { ...request, model: options.upstreamModel };
  const used = LIMIT_FIELDS.filter((field) => body[field] !== undefined && body[field] !== null);
  const fields = used.length > 0 ? used : [options.quirks.output_limit_field ?? "max_tokens"];
  for (const field of fields) body[field] = options.maxOutputTokens;
  if (options.stream) {
    body["stream"] = true;
    // Usage is asked for even when the client did not: without it the answer could only be estimated.
    if (options.quirks.no_stream_options === true) delete body["stream_options"];
    else body["stream_options"] = { ...objectIn(request["stream_options"]), include_usage: true };
  }
  return JSON.stringify(body);
}

function objectIn(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
