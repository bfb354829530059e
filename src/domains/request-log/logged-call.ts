import type { JsonObject } from "../../lib/json.ts";
import type { PageRequest } from "../../platform/db/page.ts";

export type NewLoggedCall = {
  requestId: string;
  organizationId: bigint;
  /** The beginning of the call. */
  at: Date;
  /** Nothing of what was said. */
  metadata: JsonObject;
  /** What was asked and answered, sealed. */
  content: Buffer | null;
};

export type LoggedCall = {
  requestId: string;
  organization: string;
  at: Date;
  metadata: JsonObject;
  hasContent: boolean;
};

/** What was said, each side by itself: JSON as it was, texts of a stream joined, or text that is no JSON. */
export type LoggedContent = {
  request: unknown;
  response: unknown;
  /** Too long: the end is missing. */
  isRequestCut: boolean;
  isResponseCut: boolean;
  isRedacted: boolean;
};

export type LogFilter = PageRequest & {
  organizationId: bigint;
  from?: Date | undefined;
  to?: Date | undefined;
  /** The HTTP status that was answered. */
  status?: number | undefined;
};
