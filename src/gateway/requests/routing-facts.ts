/** What a client says about a call beside the prompt: its task, its metadata, and how long it waits. */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Call } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";

const METADATA_HEADER = "x-baseload-metadata";
const TASK_HEADER = "x-baseload-task";
const TIMEOUT_HEADER = "x-baseload-timeout-ms";

/** As at OpenAI. */
const PAIRS_MAX = 16;
const NAME_CHARS_MAX = 64;
const VALUE_CHARS_MAX = 512;
const HEADER_CHARS_MAX = 8_192;
const TASK_CHARS_MAX = 64;
const TIMEOUT_MAX_MS = 24 * 3_600_000;

const Metadata = z
  .record(z.string().min(1).max(NAME_CHARS_MAX), z.string().max(VALUE_CHARS_MAX))
  .refine((pairs) => Object.keys(pairs).length <= PAIRS_MAX, `at most ${PAIRS_MAX} pairs`);

type Told = Pick<CallRequest, "timeoutMs"> & {
  metadata: Readonly<Record<string, string>>;
  task: string | undefined;
};

const NOTHING: Readonly<Record<string, string>> = {};

/**
 * What the headers say, with the metadata of the body beneath.
 *
 * @param ofBody the field `metadata` of the request, which some dialects have.
 * @throws Failure `invalid` that names the header.
 */
export function readTold({ request: { headers } }: Call, ofBody?: unknown): Told {
  return {
    metadata: { ...plainPairsIn(ofBody), ...readMetadata(headers.get(METADATA_HEADER)) },
    task: readTask(headers.get(TASK_HEADER)),
    timeoutMs: readTimeout(headers.get(TIMEOUT_HEADER)),
  };
}

/** The body's own metadata is the provider's to judge: what is no text tells a route nothing. */
function plainPairsIn(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return NOTHING;
  const pairs = Object.entries(value).filter(([, one]) => typeof one === "string");
  return Object.fromEntries(pairs.slice(0, PAIRS_MAX)) as Record<string, string>;
}

function readMetadata(header: string | null): Readonly<Record<string, string>> {
  if (header === null) return NOTHING;
  const parsed = Metadata.safeParse(header.length > HEADER_CHARS_MAX ? null : jsonIn(header));
  if (parsed.success) return parsed.data;
  throw invalidHeader(
    METADATA_HEADER,
    `a JSON object of up to ${PAIRS_MAX} texts, such as {"team":"search"}`,
  );
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readTask(header: string | null): string | undefined {
  if (header === null) return undefined;
  if (header === "" || header.length > TASK_CHARS_MAX) {
    throw invalidHeader(TASK_HEADER, `a name of up to ${TASK_CHARS_MAX} characters`);
  }
  return header;
}

function readTimeout(header: string | null): number | undefined {
  if (header === null) return undefined;
  const timeoutMs = /^\d{1,9}$/.test(header) ? Number.parseInt(header, 10) : 0;
  if (timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS) return timeoutMs;
  throw invalidHeader(TIMEOUT_HEADER, `whole milliseconds from 1 to ${TIMEOUT_MAX_MS}`);
}

const invalidHeader = (header: string, what: string): Failure =>
  new Failure("invalid", `The header '${header}' must be ${what}.`, {
    code: "invalid_header",
    param: header,
  });

/** `auto` and `default` are the provider's usual; what else there is costs what its own price says. */
export function readServiceTier(value: unknown): ServiceTier {
  return value === "flex" || value === "priority" ? value : "standard";
}
