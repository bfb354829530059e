/** A response in the background as a job: its request is put until an answer is kept, then the answer is stored. */
import {
  addItems,
  beginResponse,
  endResponse,
  type ResponseStatus,
  type StoredResponse,
  toItems,
} from "../../domains/conversations/index.ts";
import type { End, Job } from "../../domains/jobs/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import type { JobContext, Kind, OnceAnswer } from "../jobs/kind.ts";

/** A response in the making costs a connection to a gateway and some memory. */
const PLACES = 128;
const PER_ORGANIZATION_MAX = 32;
const FAILURES_MAX = 5;
/** What may pass is tried again for so long after the response was asked for. */
const PATIENCE_MS = 30 * 60_000;
/** The signal was aborted: the job is given back by whoever aborted it. */
const LEFT: End = { againInMs: 0 };

export function responseKind(): Kind {
  return {
    kind: "response",
    places: PLACES,
    perOrganizationMax: PER_ORGANIZATION_MAX,
    failuresMax: FAILURES_MAX,
    run: runResponse,
    giveUp: (job, { database }) =>
      endWith(database, job, {
        status: "failed",
        error: { code: "server_error", message: FAILED },
      }),
  };
}

const FAILED = "The response could not be made. Try again.";

async function runResponse(job: Job, context: JobContext): Promise<End> {
  const { database } = context;
  const stored = await beginResponse(database, job.jobId);
  // Deleted, or ended by a claim before this one that died with its last word.
  if (stored === undefined || stored.request === null) return { state: "done" };
  const answer = await context.askOnce({
    path: "/v1/responses",
    body: stored.request,
    serviceTier: serviceTierOf(stored.request),
    deadlineMs: job.createdAt.getTime() + PATIENCE_MS,
  });
  if (answer.outcome === "stopped") return LEFT;
  faultPoint("worker: response answered, not stored");
  const ended = toEnded(stored, answer);
  await append(context, stored, ended.response);
  await endResponse(database, job.jobId, ended);
  return { state: ended.status === "cancelled" ? "cancelled" : "done" };
}

function serviceTierOf(request: string): "standard" | "flex" | "priority" {
  const { service_tier: tier } = JSON.parse(request) as JsonObject;
  return tier === "flex" || tier === "priority" ? tier : "standard";
}

type Ended = { status: ResponseStatus; response: JsonObject };

function toEnded(
  stored: StoredResponse,
  answer: Exclude<OnceAnswer, { outcome: "stopped" }>,
): Ended {
  switch (answer.outcome) {
    case "kept": {
      const made = JSON.parse(new TextDecoder().decode(answer.body)) as JsonObject;
      const status = made["status"] === "incomplete" ? "incomplete" : "completed";
      return { status, response: { ...made, ...factsOf(stored) } };
    }
    case "refused":
      return { status: "failed", response: { ...stored.response, error: errorIn(answer.body) } };
    case "cancelled":
      return { status: "cancelled", response: stored.response };
  }
}

/** What its provider does not know of it. */
function factsOf({ responseId, previousResponseId, conversationId, response }: StoredResponse) {
  return {
    id: responseId,
    created_at: response["created_at"],
    background: true,
    store: true,
    previous_response_id: previousResponseId,
    conversation: conversationId === null ? null : { id: conversationId },
  };
}

function errorIn(body: string): { code: string; message: string } {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
    return {
      code: typeof error?.code === "string" ? error.code : "server_error",
      message: typeof error?.message === "string" ? error.message : FAILED,
    };
  } catch {
    return { code: "server_error", message: FAILED };
  }
}

async function endWith(
  database: JobContext["database"],
  { jobId }: Job,
  { status, error }: { status: ResponseStatus; error: JsonObject },
): Promise<void> {
  const stored = await beginResponse(database, jobId);
  if (stored === undefined) return;
  await endResponse(database, jobId, { status, response: { ...stored.response, error } });
}

/** Doing it twice adds nothing: items have their ids. */
async function append(
  { database, log }: JobContext,
  stored: StoredResponse,
  response: JsonObject,
): Promise<void> {
  const { conversationId, input } = stored;
  const output = Array.isArray(response["output"]) ? (response["output"] as JsonObject[]) : [];
  if (conversationId === null || output.length === 0) return;
  const items = [...input, ...toItems(output, `${stored.responseId}out`)];
  try {
    await addItems(database, stored, { conversationId, items });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // It is full: the answer is there all the same.
    log.warn("a conversation takes no more items", { conversationId, error });
  }
}
