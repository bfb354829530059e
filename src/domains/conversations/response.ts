/** What a stored response is, and its limits. */
import type { JsonObject } from "../../lib/json.ts";

/** Whose: every question names one, so that nobody sees another's. */
export type Tenant = { organizationId: bigint; projectId: bigint };

export const responseStatuses = [
  "queued",
  "in_progress",
  "completed",
  "incomplete",
  "failed",
  "cancelled",
] as const;
export type ResponseStatus = (typeof responseStatuses)[number];

/** The answer is as it will stay. */
export const hasEnded = (status: ResponseStatus): boolean =>
  status !== "queued" && status !== "in_progress";

/** One thing said, thought, called or answered, as the Responses API has it. */
export type Item = JsonObject & { id: string };

export type StoredResponse = Tenant & {
  responseId: string;
  keyId: string;
  status: ResponseStatus;
  /** The job that makes it in the background; null where it was answered at once. */
  jobId: string | null;
  /** What that job asks, as JSON, until it has ended. */
  request: string | null;
  previousResponseId: string | null;
  conversationId: string | null;
  /** The items that came with the request. */
  input: Item[];
  /** The whole response object, with its output. */
  response: JsonObject;
  createdAt: Date;
  expiresAt: Date;
};

/** One that is made later: the job, and the request that it puts. */
export type QueuedResponse = NewResponse & { jobId: string; request: JsonObject };

export type NewResponse = Tenant & {
  responseId: string;
  keyId: string;
  status: ResponseStatus;
  previousResponseId: string | null;
  conversationId: string | null;
  input: readonly Item[];
  response: JsonObject;
  retentionDays: number;
};

/** As OpenAI keeps them. */
export const RETENTION_DAYS = 30;
/** Of keys of mode `test`, whose calls nobody pays for: long enough to look at what went wrong yesterday. */
export const TEST_RETENTION_DAYS = 2;

/** Input and output of one response: pictures of a large request, and some room. More is answered, but not kept. */
export const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;

/** Of all that an organization has stored, conversations included; beyond it, answers are given, but not kept. */
export const ORGANIZATION_BYTES_MAX = 50 * 1024 * 1024 * 1024;

/** Responses of an organization that wait or are being made: a queue that nobody can look through helps nobody. */
export const QUEUED_MAX = 10_000;

/** Turns of a conversation that is rebuilt from one response to the one before: more than any model's context takes. */
export const TURNS_MAX = 1_000;

/** Also in paths, so nothing that needs to be escaped there. */
const ID = /^[A-Za-z0-9_.:-]{1,128}$/;

/** What cannot be an id of ours or of a provider is not looked for. */
export const canBeId = (text: string): boolean => ID.test(text);
