/**
 * A stream on its way to the client.
 *
 * A `ReadableStream` with `pull` and `cancel`, not an async generator: Bun never starts the body of a generator
 * whose client has already left, so a `finally` inside it would not run and the hold would stay open.
 */
import { Failure } from "../../lib/errors.ts";
import { inputPartOf, NO_USAGE, outputTokensOf } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import { failureFromErrorObject, isWorthAnotherTry } from "../../providers/upstream-failure.ts";
import { encodeErrorFrame } from "../client-errors.ts";
import type { Gateway } from "../gateway.ts";
import { endCall } from "../observe/end-call.ts";
import { tellable } from "../observe/tellable.ts";
import type { CallRecord } from "../request-log/call-record.ts";
import {
  answerHeaders,
  brokenOff,
  costHeaders,
  countedWithin,
  madeBy,
  toUsage,
  wentSilent,
} from "./answer-parts.ts";
import type { AnswerSource } from "./answer-source.ts";
import type { Answer } from "./ask-candidate.ts";
import type { Settled } from "./attempt.ts";
import { inBackground } from "./background.ts";

type Controller = ReadableStreamDefaultController<Uint8Array>;

const encoder = new TextEncoder();

export function relayStream(gateway: Gateway, answer: Answer, source: AnswerSource): Response {
  const headers = streamHeaders(answer);
  const stream = new RelayedStream(gateway, answer, {
    source,
    contentType: headers["content-type"],
  });
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => stream.pull(controller),
      cancel: () => stream.cancel(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { ...headers, ...answerHeaders(answer) },
  });
}

type StreamHeaders = Readonly<Record<string, string>> & { readonly "content-type": string };

const EVENTS_TYPE = "text/event-stream; charset=utf-8";

/** Streams of sound and the like are not events: they keep their type, and nothing is put between their bytes. */
function streamHeaders({ request, response }: Answer): StreamHeaders {
  if (request.operation !== "chat") {
    const type = response.headers.get("content-type");
    if (type !== null && !type.startsWith("text/event-stream")) return { "content-type": type };
  }
  return {
    "content-type": EVENTS_TYPE,
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
  };
}

/** As nginx says it; no client ever sees it. */
const CLIENT_LEFT = 499;

class RelayedStream {
  readonly #gateway: Gateway;
  readonly #answer: Answer;
  readonly #source: AnswerSource;
  readonly #beganMs: number;
  readonly #isEvents: boolean;
  readonly #contentType: string;
  readonly #record: CallRecord | undefined;
  #hasDelivered = false;

  constructor(
    gateway: Gateway,
    answer: Answer,
    { source, contentType }: { source: AnswerSource; contentType: string },
  ) {
    this.#gateway = gateway;
    this.#answer = answer;
    this.#source = source;
    this.#beganMs = gateway.clock.monotonicMs();
    this.#isEvents = contentType === EVENTS_TYPE;
    this.#contentType = contentType;
    this.#record = answer.call.seen?.record;
    if (answer.call.seen !== undefined) answer.call.seen.isOpen = true;
  }

  async pull(controller: Controller): Promise<void> {
    const { reader } = this.#source;
    try {
      // Until there is something to send: a pull that brings nothing is not followed by another one.
      for (;;) {
        const { frames, hasEnded } = await this.#source.read();
        for (const frame of frames) {
          this.#answer.cacheSlot?.add(frame);
          this.#record?.answered(frame, this.#contentType);
          controller.enqueue(frame);
        }
        this.#hasDelivered ||= frames.length > 0;
        faultPoint("gateway: stream under way");
        if (hasEnded || reader.error !== undefined) return await this.#finish(controller);
        if (frames.length > 0) return;
      }
    } catch (error) {
      await this.#breakOff(controller, error);
    }
  }

  /** The client left. */
  cancel(): void {
    this.#end();
    this.#answer.stop.abort();
    this.#leave();
  }

  async #finish(controller: Controller): Promise<void> {
    this.#source.close();
    const { reader } = this.#source;
    if (reader.error !== undefined) {
      throw failureFromErrorObject(this.#answer.candidate.upstream, reader.error);
    }
    if (!reader.done && !reader.finished) throw brokenOff(this.#answer, "the stream ended early");
    const settled = await this.#settleUnreported("completed");
    const closing = reader.closing();
    this.#record?.answered(closing, this.#contentType);
    this.#end();
    this.#tell({ status: 200 });
    this.#observeSpeed(settled);
    if (this.#isEvents) {
      controller.enqueue(encoder.encode(toComments(costHeaders(this.#answer, settled))));
    }
    await this.#answer.request.onAnswered?.(closing);
    if (closing.length > 0) controller.enqueue(closing);
    this.#answer.cacheSlot?.add(closing);
    this.#answer.cacheSlot?.keep(madeBy(this.#answer, this.#contentType));
    controller.close();
    void this.#source.drain();
  }

  /** For routes that prefer the fastest. */
  #observeSpeed({ usage }: Settled): void {
    const seconds = (this.#gateway.clock.monotonicMs() - this.#beganMs) / 1_000;
    const tokens = outputTokensOf(usage.quantities);
    if (seconds <= 0 || tokens === 0) return;
    this.#gateway.health.streamed(this.#answer.candidate, tokens / seconds);
  }

  #end(): void {
    this.#source.close();
    this.#answer.deadline.end();
  }

  #leave(): void {
    const settled = this.#settleUnreported("disconnected");
    const ended = settled.finally(() => this.#tell({ status: CLIENT_LEFT }));
    inBackground(this.#gateway, ended);
  }

  /** Once it is settled: what it cost is a part of what is told. */
  #tell(how: { status: number; failure?: Failure }): void {
    endCall(this.#gateway, this.#answer.call, how);
  }

  async #breakOff(controller: Controller, thrown: unknown): Promise<void> {
    const { call, deadline, stop, candidate } = this.#answer;
    const error = deadline.explain(thrown);
    this.#end();
    stop.abort();
    if (call.signal.aborted) {
      this.#leave();
      controller.close();
      return;
    }
    const failure = this.#toFailure(error);
    if (isWorthAnotherTry(failure)) this.#gateway.health.failed(candidate, failure);
    this.#gateway.metrics.countFailure(failure.kind);
    this.#gateway.log.warn("a stream broke off", {
      requestId: call.requestId,
      error: tellable(call, failure),
    });
    const settled = await this.#settleFailed().catch(() => undefined);
    this.#tell({ status: 200, failure });
    if (!this.#isEvents) {
      // The connection breaks. Without a reason: the runtime would write it on stderr, and it stands in the log.
      controller.error(undefined);
      return;
    }
    const comments = settled === undefined ? "" : toComments(costHeaders(this.#answer, settled));
    const frames =
      this.#source.reader.failing?.(failure, call.requestId) ??
      encoder.encode(encodeErrorFrame(call, failure));
    if (comments !== "") controller.enqueue(encoder.encode(comments));
    controller.enqueue(frames);
    controller.close();
  }

  #toFailure(error: unknown): Failure {
    if (this.#source.isSilent) return wentSilent(this.#answer, error);
    return error instanceof Failure ? error : brokenOff(this.#answer, error);
  }

  /** Where nothing reached the client, nothing is charged, as with whole answers. */
  #settleFailed(): Promise<Settled> {
    if (this.#hasDelivered) return this.#settleUnreported("failed");
    return this.#answer.attempt.settle("failed", NO_USAGE);
  }

  /** What was delivered is charged, and the provider's own number is preferred where it can be had. */
  #settleUnreported(outcome: "completed" | "disconnected" | "failed"): Promise<Settled> {
    const { attempt } = this.#answer;
    const { reader } = this.#source;
    const delivered = {
      outputTokens: countedWithin(this.#answer, reader.countedOutputTokens()),
      // Whoever leaves in the middle has asked for all of it, and it is made all the same.
      counted: outcome === "disconnected" ? undefined : reader.counted?.(),
      input: inputPartOf(reader.usage?.quantities ?? {}),
    };
    const usage = toUsage(reader.usage);
    if (usage !== undefined && (reader.finished || outcome === "completed")) {
      return attempt.settle(outcome, attempt.billed(usage, delivered));
    }
    return attempt.settleUnreported(outcome, delivered);
  }
}

function toComments(headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `: ${name}: ${value}\n`);
  return `${lines.join("")}\n`;
}
