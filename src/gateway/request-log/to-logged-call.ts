/** An ended call → its row: metadata that PostgreSQL takes, and content that is redacted, cut and sealed. */

import type { LoggedContent, NewLoggedCall } from "../../domains/request-log/index.ts";
import { assert } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { seal } from "../../platform/crypto.ts";
import { toCallLine } from "../observe/call-line.ts";
import { type EndedCall, SIDE_BYTES_MAX, type Side } from "./call-record.ts";
import { joinStream } from "./joined-stream.ts";
import { redact, redactJson } from "./redact.ts";

export function toLoggedCall(call: EndedCall, sealKey: string): NewLoggedCall {
  const { seen, logging } = call;
  assert(seen.principal !== undefined, "a call is recorded for an organization");
  const isFull = logging.mode === "full";
  return {
    requestId: seen.requestId,
    organizationId: seen.principal.organizationId,
    at: new Date(seen.startedAtMs),
    metadata: metadataOf(call),
    content: isFull ? seal(sealKey, JSON.stringify(contentOf(call))) : null,
  };
}

/** Columns say these already. */
const COLUMNS = new Set(["time", "request_id", "organization"]);

function metadataOf({ seen, logging }: EndedCall): JsonObject {
  const fields = Object.entries(toCallLine(seen)).filter(([name]) => !COLUMNS.has(name));
  return Object.fromEntries(
    fields.map(([name, value]) => [name, typeof value === "string" ? toText(value) : value]),
  );

  /** `jsonb` refuses these; a client chooses how it calls a model. */
  function toText(value: string): string {
    const text = value.toWellFormed().replaceAll("\0", "");
    return logging.isRedacted ? redact(text) : text;
  }
}

function contentOf({ request, response, logging }: EndedCall): LoggedContent {
  const { isRedacted } = logging;
  return {
    request: sideOf(request, isRedacted),
    response: sideOf(response, isRedacted),
    isRequestCut: request.isCut,
    isResponseCut: response.isCut,
    isRedacted,
  };
}

const decoder = new TextDecoder();

/** Redacted first, then cut: half a secret is not recognised. */
function sideOf(side: Side, isRedacted: boolean): unknown {
  const { bytes, contentType } = side;
  if (bytes.length === 0) return null;
  if (!isReadable(contentType)) return `[${contentType}]`;
  if (contentType.startsWith("text/event-stream")) {
    const joined = joinStream(side.isCut ? bytes.subarray(0, SIDE_BYTES_MAX) : bytes);
    return isRedacted ? redactJson(joined) : joined;
  }
  const text = decoder.decode(bytes);
  const value = side.isCut ? undefined : parse(text);
  if (value !== undefined) return isRedacted ? redactJson(value) : value;
  return (isRedacted ? redact(text) : text).slice(0, SIDE_BYTES_MAX);
}

/** Sound and images are not for reading. */
const isReadable = (contentType: string): boolean =>
  contentType === "" || /^(text\/|application\/json)/.test(contentType);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
