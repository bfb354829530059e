/**
 * The text that a model has generated, in UTF-8 bytes: answer, reasoning, refusal and tool calls of one message
 * or one delta of a stream. The basis of the estimate where a provider does not report usage.
 */
export function textBytesOf(message: unknown): number {
  if (!isRecord(message)) return 0;
  let bytes = byteLength(message["content"]) + byteLength(message["refusal"]);
  // Servers that changed the name send the same words under both.
  bytes += Math.max(byteLength(message["reasoning"]), byteLength(message["reasoning_content"]));
  for (const call of listIn(message["tool_calls"])) bytes += bytesOfFunction(call["function"]);
  if (isRecord(message["audio"])) bytes += byteLength(message["audio"]["transcript"]);
  return bytes + bytesOfFunction(message["function_call"]);
}

/** Average of common tokenizers on plain text. */
const BYTES_PER_TOKEN = 4;

export function tokensForBytes(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; nothing for everything else. */
export function listIn(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function bytesOfFunction(call: unknown): number {
  return isRecord(call) ? byteLength(call["name"]) + byteLength(call["arguments"]) : 0;
}

function byteLength(text: unknown): number {
  return typeof text === "string" ? Buffer.byteLength(text) : 0;
}

/** The object in a text; undefined for everything that is none. */
export function parseRecord(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Some providers send `"error": null` with every answer. */
export function isError(value: unknown): boolean {
  return isRecord(value) || (typeof value === "string" && value !== "");
}

/** What a frame says of an error; undefined for frames of an answer. */
export function errorIn(
  { event, data }: { event: string | undefined; data: string | undefined },
  body: Record<string, unknown> | undefined,
): unknown {
  const error = body?.["error"];
  if (event !== "error" && !isError(error)) return undefined;
  return error ?? body ?? data ?? event;
}
