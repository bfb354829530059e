/**
 * The stream of a stored response: what there is at once, and the rest when it is there. An answer that is made in the
 * background is told when it is complete.
 */
import {
  findResponse,
  findStatus,
  hasEnded,
  type ResponseStatus,
  type StoredResponse,
  type Tenant,
} from "../../domains/conversations/index.ts";
import type { JsonObject } from "../../lib/json.ts";
import { replay } from "../../providers/dialects/openai-responses/replay.ts";
import type { Call, Gateway } from "../gateway.ts";

type Controller = ReadableStreamDefaultController<Uint8Array>;

export type Following = {
  call: Call;
  tenant: Tenant;
  responseId: string;
  /** The number of the first event that is told. */
  fromNumber: number;
  /** As it is now. */
  response: JsonObject;
};

export function followResponse(gateway: Gateway, following: Following): Response {
  const stream = new FollowedResponse(gateway, following);
  const body = new ReadableStream<Uint8Array>(
    { pull: (controller) => stream.pull(controller) },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": following.call.requestId,
    },
  });
}

/** Whoever waits long asks less often. */
const POLL_MS = 300;
const POLL_GROWTH = 1.2;
const POLL_MS_MAX = 3_000;
/** So that nothing in between takes the connection for dead. */
const COMMENT_MS = 15_000;

const encoder = new TextEncoder();

class FollowedResponse {
  readonly #gateway: Gateway;
  readonly #following: Following;
  #next: number;
  #latest: JsonObject | undefined;
  #status: ResponseStatus;
  #toldMs: number;
  #pollMs = POLL_MS;

  constructor(gateway: Gateway, following: Following) {
    this.#gateway = gateway;
    this.#following = following;
    this.#next = following.fromNumber;
    this.#latest = following.response;
    this.#status = following.response["status"] as ResponseStatus;
    this.#toldMs = gateway.clock.monotonicMs();
  }

  /** Until there is something to send: a pull that brings nothing is not followed by another one. */
  async pull(controller: Controller): Promise<void> {
    try {
      while (!this.#tell(controller)) {
        await Bun.sleep(this.#pollMs);
        this.#pollMs = Math.min(this.#pollMs * POLL_GROWTH, POLL_MS_MAX);
        if (this.#mustStop() || !(await this.#look())) {
          controller.close();
          return;
        }
      }
    } catch (error) {
      const { responseId } = this.#following;
      this.#gateway.log.warn("a response can no longer be followed", { responseId, error });
      controller.close();
    }
  }

  /** Its client finds everything again by asking from the last number on. */
  #mustStop(): boolean {
    return this.#following.call.signal.aborted || this.#gateway.isLeaving();
  }

  #tell(controller: Controller): boolean {
    const nowMs = this.#gateway.clock.monotonicMs();
    const response = this.#latest;
    this.#latest = undefined;
    const told = response === undefined ? undefined : replay(response, this.#next);
    const isLong = nowMs - this.#toldMs > COMMENT_MS;
    const text = told?.frames || (isLong ? ": waiting\n\n" : "");
    if (told !== undefined) this.#next = Math.max(this.#next, told.events);
    if (text !== "") {
      this.#toldMs = nowMs;
      controller.enqueue(encoder.encode(text));
    }
    if (!hasEnded(this.#status)) return text !== "";
    controller.close();
    return true;
  }

  /** False when it was deleted. */
  async #look(): Promise<boolean> {
    const { database } = this.#gateway.responses;
    const { tenant, responseId } = this.#following;
    const status = await findStatus(database, tenant, responseId);
    if (status === undefined) return false;
    if (status === this.#status) return true;
    const found: StoredResponse | undefined = await findResponse(database, tenant, responseId);
    if (found === undefined) return false;
    this.#status = found.status;
    this.#latest = found.response;
    return true;
  }
}
