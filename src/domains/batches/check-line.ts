/** Reads one line of an input file: `{"custom_id", "method", "url", "body"}`. */
import type { JsonObject } from "../../lib/json.ts";
import { type BatchEndpoint, type BatchError, CUSTOM_ID_CHARS_MAX } from "./batch.ts";

export type BatchRequest = { customId: string; body: JsonObject };

type Problem = Omit<BatchError, "line">;

const decoder = new TextDecoder("utf-8", { fatal: true });

export function readBatchLine(
  bytes: Uint8Array,
  endpoint: BatchEndpoint,
): BatchRequest | { problem: Problem } {
  const line = parse(bytes);
  if (line === undefined) {
    return problem("invalid_json_line", "This line is not a JSON object.", null);
  }
  return (
    checkCustomId(line) ??
    checkCall(line, endpoint) ?? {
      customId: line["custom_id"] as string,
      body: line["body"] as JsonObject,
    }
  );
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function checkCustomId(line: JsonObject) {
  const customId = line["custom_id"];
  if (customId === undefined) return missing("custom_id");
  if (typeof customId !== "string" || customId === "" || customId.length > CUSTOM_ID_CHARS_MAX) {
    return problem(
      "invalid_custom_id",
      `'custom_id' must be a text of 1 to ${CUSTOM_ID_CHARS_MAX} characters.`,
      "custom_id",
    );
  }
  return undefined;
}

function checkCall(line: JsonObject, endpoint: BatchEndpoint) {
  if (line["method"] === undefined) return missing("method");
  if (line["method"] !== "POST") {
    return problem("invalid_method", "'method' must be \"POST\".", "method");
  }
  if (line["url"] === undefined) return missing("url");
  if (line["url"] !== endpoint) {
    return problem(
      "mismatched_url",
      `'url' must be the endpoint of the batch, "${endpoint}".`,
      "url",
    );
  }
  if (line["body"] === undefined) return missing("body");
  if (!isObject(line["body"])) {
    return problem("invalid_body", "'body' must be a JSON object.", "body");
  }
  return undefined;
}

const missing = (param: string) =>
  problem("missing_required_parameter", `Missing required parameter: '${param}'.`, param);

const problem = (code: string, message: string, param: string | null): { problem: Problem } => ({
  problem: { code, message, param },
});
