/** One line, one run: from its bytes in the input file to what became of it. */
import {
  type Batch,
  type LineResult,
  type RunEnd,
  readBatchLine,
  type SentLine,
} from "../../domains/batches/index.ts";
import { runRequestId } from "../../domains/jobs/index.ts";
import { backoffMs } from "../../lib/backoff.ts";
import {
  type Calling,
  judgeRefusal,
  type RunOutcome,
  runCall,
  settleLost,
} from "../jobs/run-call.ts";
import type { Pace } from "./pace.ts";

export type LineRunnerOptions = {
  batch: Batch;
  calling: Calling;
  pace: Pace;
  readBytes(line: { offset: number; length: number }): Promise<Uint8Array>;
  chance(): number;
};

/** Tries that a provider fails, or that are lost with a gateway: with the waits between them this takes about an hour. */
const FAILURES_MAX = 15;
/** A provider has worked for as long as it may, for nothing: that is not tried as often. */
const TIMEOUT_FAILURES = 5;
const FAILURE_BACKOFF = { firstMs: 1_000, maxMs: 600_000 };
/** No gateway listens: one is being started, or none is wanted. */
const UNREACHED_MS = 1_000;

export class LineRunner {
  readonly #options: LineRunnerOptions;

  constructor(options: LineRunnerOptions) {
    this.#options = options;
  }

  /** Undefined: we are to stop, and whoever comes next finds out what became of the run. */
  async send(line: SentLine): Promise<RunEnd | undefined> {
    const { batch, calling, readBytes } = this.#options;
    const read = readBatchLine(await readBytes(line), batch.endpoint);
    // It was valid when it was checked.
    if ("problem" in read) throw new Error(`line ${line.number} of the input file has changed`);
    const run = this.#runOf(line);
    const outcome = await runCall(calling, {
      ...run,
      keyId: batch.keyId,
      path: batch.endpoint,
      body: JSON.stringify(read.body),
      serviceTier: "batch",
    });
    return this.#toEnd(line, run.requestId, outcome);
  }

  /** A line that was sent by an earlier claim. */
  async lookAfter(line: SentLine): Promise<RunEnd | undefined> {
    const run = this.#runOf(line);
    return this.#toEnd(line, run.requestId, await settleLost(this.#options.calling, run));
  }

  #runOf({ number, run }: SentLine) {
    const { batchId: jobId, organizationId } = this.#options.batch;
    return { requestId: runRequestId({ jobId, number, run }), jobId, organizationId };
  }

  #toEnd(line: SentLine, requestId: string, outcome: RunOutcome): RunEnd | undefined {
    const { number, run, failures } = line;
    const { pace } = this.#options;
    switch (outcome.outcome) {
      case "stopped":
        return undefined;
      case "kept":
        pace.answered();
        return { number, run, state: "answered" };
      case "unreached":
        pace.pushedBack(UNREACHED_MS);
        return { number, run, state: "waiting", waitMs: UNREACHED_MS, failures };
      case "void":
        return this.#afterFailure(line, { askedMs: 0, result: LOST, counts: 1 });
      case "refused":
        break;
    }
    const { status, body, retryAfterMs } = outcome;
    const result = { status, requestId, body };
    const judged = judgeRefusal(outcome);
    if (judged === "failure") {
      const counts = status === 504 || status === 408 ? TIMEOUT_FAILURES : 1;
      return this.#afterFailure(line, { askedMs: retryAfterMs, result, counts });
    }
    if (judged === "final") return { number, run, state: "refused", result };
    return { number, run, state: "waiting", waitMs: pace.pushedBack(retryAfterMs), failures };
  }

  #afterFailure(
    { number, run, failures }: SentLine,
    failure: { askedMs: number | undefined; result: LineResult; counts: number },
  ): RunEnd {
    const { pace, chance } = this.#options;
    pace.failed();
    const failed = failures + failure.counts;
    if (failed >= FAILURES_MAX) return { number, run, state: "refused", result: failure.result };
    const backoff = backoffMs(FAILURE_BACKOFF, failed, 0.5 + chance() / 2);
    const waitMs = Math.max(failure.askedMs ?? 0, backoff);
    return { number, run, state: "waiting", waitMs, failures: failed };
  }
}

const LOST = {
  code: "answer_lost",
  message:
    "Every try of this request was lost with the process that made it. Nothing was charged. Tell the operator.",
};
