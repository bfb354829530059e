/** Every line of a batch as a line of its output file or its error file, and with that the end of the batch. */
import {
  answeredLine,
  type Batch,
  type EndedLine,
  endBatch,
  listEnded,
  readLastNumber,
  refusedLine,
  toBatchWireId,
  unansweredLine,
} from "../../domains/batches/index.ts";
import type { ArrivingFile, Files } from "../../domains/files/index.ts";
import { readKeptAnswers, runRequestId } from "../../domains/jobs/index.ts";
import { assert } from "../../lib/errors.ts";
import { type Quantities, type QuantityName, quantityNames } from "../../lib/quantities.ts";
import type { Database } from "../../platform/db/database.ts";
import { faultPoint } from "../../platform/fault-point.ts";

/** Answers in memory at once: each may have megabytes. */
const LINES_AT_ONCE = 16;

export type Writing = { database: Database; files: Files; signal: AbortSignal };

/** May be called again after every crash: files that were not finished are cleared up as uploads without an end. */
export async function writeResults(writing: Writing, batch: Batch): Promise<"done" | "stopped"> {
  const results = new ResultFiles(writing, batch);
  try {
    const last = await readLastNumber(writing.database, batch.batchId);
    for (let from = 1; from <= last; from += LINES_AT_ONCE) {
      if (writing.signal.aborted) return await results.discard();
      const to = from + LINES_AT_ONCE - 1;
      await results.write(await listEnded(writing.database, batch.batchId, { from, to }));
    }
    await results.end();
    return "done";
  } catch (error) {
    await results.discard().catch(() => undefined);
    throw error;
  }
}

class ResultFiles {
  readonly #writing: Writing;
  readonly #batch: Batch;
  #output: ArrivingFile | undefined;
  #errors: ArrivingFile | undefined;
  #count = 0;
  readonly #usage: Partial<Record<QuantityName, number>> = {};

  constructor(writing: Writing, batch: Batch) {
    this.#writing = writing;
    this.#batch = batch;
  }

  async write(lines: readonly EndedLine[]): Promise<void> {
    const { batchId: jobId, organizationId } = this.#batch;
    const requestIdOf = ({ number, run }: EndedLine) =>
      runRequestId({ jobId, number, run: Math.max(run, 1) });
    const requestIds = lines.filter(({ state }) => state === "answered").map(requestIdOf);
    const kept = await readKeptAnswers(this.#writing.database, { organizationId, requestIds });
    for (const line of lines) {
      const requestId = requestIdOf(line);
      this.#count += 1;
      if (line.state === "answered") {
        const answer = kept.get(requestId);
        assert(answer !== undefined, `line ${line.number} was answered, and its answer is gone`);
        this.#add(answer.usage.quantities);
        await (await this.#outputFile()).write(answeredLine({ ...line, requestId, ...answer }));
      } else {
        const { result, customId } = line;
        const written =
          "status" in result
            ? refusedLine({ customId, ...result })
            : unansweredLine({ customId, requestId, ...result });
        await (await this.#errorFile()).write(written);
      }
    }
  }

  async end(): Promise<void> {
    const batch = this.#batch;
    const { database } = this.#writing;
    assert(this.#count === batch.total, `${this.#count} results of ${batch.total} lines`);
    // Synced before the transaction begins: a slow disk must not hold its locks.
    await this.#output?.flush();
    await this.#errors?.flush();
    faultPoint("worker: result files written, batch not ended");
    await database.transact(async (client) => {
      const finish = async (file: ArrivingFile | undefined, what: string) =>
        (
          await file?.finish(
            {
              name: `${toBatchWireId(batch.batchId)}_${what}.jsonl`,
              purpose: "batch_output",
              expiresSeconds: batch.outputExpiresSeconds ?? undefined,
            },
            client,
          )
        )?.fileId ?? null;
      await endBatch(client, batch, {
        outputFileId: await finish(this.#output, "output"),
        errorFileId: await finish(this.#errors, "errors"),
        usage: this.#usage,
      });
    });
    faultPoint("worker: batch ended, job not");
  }

  async discard(): Promise<"stopped"> {
    await this.#output?.discard();
    await this.#errors?.discard();
    return "stopped";
  }

  /** A file without lines is not made. */
  async #outputFile(): Promise<ArrivingFile> {
    this.#output ??= await this.#writing.files.produce(this.#batch);
    return this.#output;
  }

  async #errorFile(): Promise<ArrivingFile> {
    this.#errors ??= await this.#writing.files.produce(this.#batch);
    return this.#errors;
  }

  #add(quantities: Quantities): void {
    for (const name of quantityNames) {
      const more = quantities[name] ?? 0;
      if (more > 0) this.#usage[name] = (this.#usage[name] ?? 0) + more;
    }
  }
}
