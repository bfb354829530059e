/** One call of a simulated operation, with the delays and faults that its script asks for. */
import { sleep } from "../../lib/backoff.ts";
import { toErrorBody } from "../../lib/errors.ts";
import { hang, nobodyReadsThis, refuse } from "../no-answer.ts";
import { brokenBody } from "../paced-body.ts";
import { refusalOf } from "../refusal.ts";
import type { Script } from "../script.ts";
import type { Attempt, Outcome, Served } from "../served.ts";
import {
  type OperationRequest,
  type PlannedOperation,
  type PlanOperation,
  SSE_TYPE,
} from "./operation.ts";

export type OperationCall = {
  id: string;
  request: OperationRequest;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
  served: Served;
};

export async function answerOperation(call: OperationCall, plan: PlanOperation): Promise<Response> {
  const { request, served } = call;
  const { script } = request;
  const planned = plan(request);
  const failsLater = planned.isStream && script.error?.after_tokens !== undefined;
  if (script.error !== undefined && !failsLater) return await refuse(call, script, script.error);
  const attempt = served.begin(call.id, { promptTokens: 0, cachedTokens: 0 });
  served.use(attempt, planned.begun);
  if (script.hang === true) return await hang(call, attempt);
  return planned.isStream
    ? new Response(new OperationStream(call, planned, attempt).body(), {
        headers: { "content-type": planned.contentType, "cache-control": "no-cache" },
      })
    : await sendWhole(call, planned, attempt);
}

async function sendWhole(
  call: OperationCall,
  planned: PlannedOperation,
  attempt: Attempt,
): Promise<Response> {
  const { script } = call.request;
  const [part] = planned.parts;
  const bytes = part?.bytes ?? new Uint8Array(0);
  const headers = { headers: { "content-type": planned.contentType } };
  if (!(await sleep(script.first_token_delay_ms ?? 0, call.signal))) {
    call.served.end(attempt, "client_left");
    return nobodyReadsThis();
  }
  if (part?.used !== undefined) call.served.use(attempt, part.used);
  const isCut = script.cut_after_tokens !== undefined;
  call.served.end(attempt, isCut ? "cut" : "answered");
  if (isCut) return new Response(brokenBody(new TextDecoder().decode(bytes.slice(0, 20))), headers);
  const isMalformed = script.malformed_after_tokens !== undefined;
  return new Response(isMalformed ? bytes.slice(0, bytes.length / 2) : bytes, headers);
}

const encoder = new TextEncoder();
const NEVER = Number.POSITIVE_INFINITY;
/** A client that does not read stops the work, as with a real model. */
const UNSENT_BYTES_MAX = 65_536;
/** A reset overtakes what lies unread at the client, so it waits until that has been read. */
const UNTIL_RESET_MS = 20;

/** Sends parts when they are due; ends exactly once, and what was used until then stands. */
class OperationStream {
  readonly #call: OperationCall;
  readonly #script: Script;
  readonly #planned: PlannedOperation;
  readonly #attempt: Attempt;
  readonly #left = new AbortController();
  #next = 0;
  #tokens = 0;
  #isOver = false;

  constructor(call: OperationCall, planned: PlannedOperation, attempt: Attempt) {
    this.#call = call;
    this.#script = call.request.script;
    this.#planned = planned;
    this.#attempt = attempt;
  }

  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#send(controller),
        cancel: () => {
          this.#left.abort();
          this.#end("client_left");
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNSENT_BYTES_MAX }),
    );
  }

  async #send(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const part = this.#planned.parts[this.#next];
    const { first_token_delay_ms: first = 0, token_delay_ms: between = 0 } = this.#script;
    if (!(await sleep(this.#next === 0 ? first : between, this.#left.signal))) return;
    if (part === undefined) {
      this.#end("answered");
      controller.close();
      return;
    }
    this.#next += 1;
    if (this.#breaks(controller)) return;
    if (part.used !== undefined) this.#call.served.use(this.#attempt, part.used);
    this.#tokens += part.used?.output ?? 0;
    controller.enqueue(part.bytes);
  }

  #breaks(controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    const { error, cut_after_tokens: cut = NEVER } = this.#script;
    if (this.#tokens >= cut) {
      this.#end("cut");
      setTimeout(() => controller.error(undefined), UNTIL_RESET_MS);
      return true;
    }
    if (error === undefined || this.#tokens < (error.after_tokens ?? NEVER)) return false;
    this.#end("failed");
    // Among events an error can be told; in the middle of sound the connection can only break.
    if (this.#planned.contentType === SSE_TYPE) {
      const frame = `data: ${JSON.stringify(toErrorBody(refusalOf(error)))}\n\n`;
      controller.enqueue(encoder.encode(frame));
      controller.close();
    } else {
      setTimeout(() => controller.error(undefined), UNTIL_RESET_MS);
    }
    return true;
  }

  #end(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#call.served.end(this.#attempt, outcome);
  }
}
