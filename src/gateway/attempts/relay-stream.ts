/**
 * A stream on its way to the client.
 *
 * A `ReadableStream` with `pull` and `cancel`, not an async generator: Bun never starts the body of a generator
 * whose client has already left, so a `finally` inside it would not run and the hold would stay open.
 */
import { Failure, toErrorBody } from "../../lib/errors.ts";
import { NO_USAGE } from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import { StreamTap } from "../../providers/dialects/openai-chat/stream-tap.ts";
import { failureFromErrorObject } from "../../providers/upstream-failure.ts";
import type { Gateway } from "../gateway.ts";
import {
  answerHeaders,
  brokenOff,
  costHeaders,
  countedWithin,
  toUsage,
  wentSilent,
} from "./answer-parts.ts";
import { type Answer, inBackground } from "./ask.ts";
import type { Settled } from "./attempt.ts";

type Controller = ReadableStreamDefaultController<Uint8Array>;

const DRAIN_MS = 1_000;

const encoder = new TextEncoder();

export function relayStream(gateway: Gateway, answer: Answer): Response {
  const stream = new ChatStream(gateway, answer);
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => stream.pull(controller),
      cancel: () => stream.cancel(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...answerHeaders(answer),
    },
  });
}

class ChatStream {
  readonly #gateway: Gateway;
  readonly #answer: Answer;
  readonly #tap: StreamTap;
  readonly #reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
  readonly #silence: Timer;
  #isSilent = false;
  #hasDelivered = false;

  constructor(gateway: Gateway, answer: Answer) {
    this.#gateway = gateway;
    this.#answer = answer;
    this.#tap = new StreamTap({ hideUsage: !answer.request.wantsUsage });
    this.#reader = answer.response.body?.getReader() ?? { read: async () => ({ done: true }) };
    this.#silence = setTimeout(() => {
      this.#isSilent = true;
      answer.stop.abort();
    }, gateway.limits.silenceTimeoutMs);
  }

  async pull(controller: Controller): Promise<void> {
    try {
      // Until there is something to send: a pull that brings nothing is not followed by another one.
      for (;;) {
        const { done, value } = await this.#reader.read();
        this.#silence.refresh();
        const frames = value === undefined ? [] : this.#tap.take(value);
        if (done) frames.push(...this.#tap.end());
        for (const frame of frames) controller.enqueue(frame);
        this.#hasDelivered ||= frames.length > 0;
        faultPoint("gateway: stream under way");
        if (done || this.#tap.done || this.#tap.error !== undefined) {
          await this.#finish(controller);
          return;
        }
        if (frames.length > 0) return;
      }
    } catch (error) {
      await this.#breakOff(controller, error);
    }
  }

  /** The client left. */
  cancel(): void {
    clearTimeout(this.#silence);
    this.#answer.stop.abort();
    inBackground(this.#gateway, this.#settleUnreported("disconnected"));
  }

  async #finish(controller: Controller): Promise<void> {
    clearTimeout(this.#silence);
    const tap = this.#tap;
    if (tap.error !== undefined) {
      throw failureFromErrorObject(this.#answer.candidate.upstream, tap.error);
    }
    if (!tap.done && !tap.finished) throw brokenOff(this.#answer, "the stream ended early");
    const usage = toUsage(tap.usage);
    const settled =
      usage === undefined
        ? await this.#settleUnreported("completed")
        : await this.#answer.attempt.settle("completed", usage);
    controller.enqueue(encoder.encode(toComments(costHeaders(this.#answer, settled))));
    controller.enqueue(tap.heldDone ?? encoder.encode("data: [DONE]\n\n"));
    controller.close();
    void this.#drain();
  }

  /** Reads the end of the body, so that the connection goes back to the pool; one that does not end is cut. */
  async #drain(): Promise<void> {
    const cut = setTimeout(() => this.#answer.stop.abort(), DRAIN_MS);
    try {
      while (!(await this.#reader.read()).done);
    } catch {
      // A connection that breaks behind the end of its answer has told all there was.
    } finally {
      clearTimeout(cut);
    }
  }

  async #breakOff(controller: Controller, error: unknown): Promise<void> {
    clearTimeout(this.#silence);
    this.#answer.stop.abort();
    if (this.#answer.call.signal.aborted) {
      inBackground(this.#gateway, this.#settleUnreported("disconnected"));
      controller.close();
      return;
    }
    const failure = this.#toFailure(error);
    this.#gateway.metrics.countFailure(failure.kind);
    this.#gateway.log.warn("a stream broke off", {
      requestId: this.#answer.call.requestId,
      error: failure,
    });
    const settled = await this.#settleFailed().catch(() => undefined);
    const comments = settled === undefined ? "" : toComments(costHeaders(this.#answer, settled));
    const frame = `data: ${JSON.stringify(toErrorBody(failure))}\n\n`;
    controller.enqueue(encoder.encode(comments + frame));
    controller.close();
  }

  #toFailure(error: unknown): Failure {
    if (this.#isSilent) return wentSilent(this.#answer, error);
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
    const usage = toUsage(this.#tap.usage);
    if (usage !== undefined && this.#tap.finished) return attempt.settle(outcome, usage);
    const outputTokens = countedWithin(this.#answer, this.#tap.countedOutputTokens());
    return attempt.settleUnreported(outcome, { outputTokens });
  }
}

function toComments(headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `: ${name}: ${value}\n`);
  return `${lines.join("")}\n`;
}
