/** One line, one run: from its bytes in the input file to what became of it. */
import {
  type Batch,
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

/** Runs that may fail in a row, by a provider or with a gateway that dies, before the line is refused. */
const FAILURES_MAX = 8;
const FAILURE_BACKOFF = { firstMs: 1_000, maxMs: 60_000 };
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

  #toEnd(
    { number, run, failures }: SentLine,
    requestId: string,
    outcome: RunOutcome,
  ): RunEnd | undefined {
    const { pace } = this.#options;
    const waiting = (waitMs: number, failed: number): RunEnd => ({
      number,
      run,
      state: "waiting",
      waitMs,
      failures: failed,
    });
    switch (outcome.outcome) {
      case "stopped":
        return undefined;
      case "kept":
        pace.answered();
        return { number, run, state: "answered" };
      case "unreached":
        pace.pushedBack(UNREACHED_MS);
        return waiting(UNREACHED_MS, failures);
      case "void":
        if (failures < FAILURES_MAX) return waiting(this.#backoff(failures + 1), failures + 1);
        return { number, run, state: "refused", result: LOST };
      case "refused":
        break;
    }
    const judged = judgeRefusal(outcome);
    if (judged === "pushback") return waiting(pace.pushedBack(outcome.retryAfterMs), failures);
    if (judged === "failure" && failures < FAILURES_MAX) {
      return waiting(outcome.retryAfterMs ?? this.#backoff(failures + 1), failures + 1);
    }
    const { status, body } = outcome;
    return { number, run, state: "refused", result: { status, requestId, body } };
  }

  #backoff(failures: number): number {
    return backoffMs(FAILURE_BACKOFF, failures, this.#options.chance());
  }
}

const LOST = {
  code: "answer_lost",
  message:
    "Every try of this request was lost with the process that made it. Nothing was charged. Tell the operator.",
};
