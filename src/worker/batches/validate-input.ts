/** Reads an input file line by line: every line becomes a row, or the whole file is refused with what is wrong. */
import {
  BATCH_ERRORS_MAX,
  BATCH_LINES_MAX,
  type Batch,
  type BatchError,
  deleteLines,
  insertLines,
  LineTooLong,
  type NewLine,
  readBatchLine,
  readLines,
} from "../../domains/batches/index.ts";
import type { Database } from "../../platform/db/database.ts";
import { faultPoint } from "../../platform/fault-point.ts";

/** Of one line; what a gateway takes as a body by default. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** Rows in one statement. */
const ROWS_AT_ONCE = 1_000;

export type Validated =
  | { total: number }
  | { errors: readonly BatchError[] }
  /** The signal was aborted. */
  | "stopped";

/** Begins anew after a crash: what was stored of the lines is forgotten. */
export async function validateInput(
  database: Database,
  input: { batch: Batch; chunks: AsyncIterable<Uint8Array>; signal: AbortSignal },
): Promise<Validated> {
  const { batch, chunks, signal } = input;
  await deleteLines(database, batch.batchId);
  const lines = new CheckedLines(batch);
  try {
    for await (const line of readLines(chunks, LINE_BYTES_MAX)) {
      if (signal.aborted) return "stopped";
      lines.check(line);
      if (lines.isHopeless) break;
      if (lines.waiting.length >= ROWS_AT_ONCE) {
        await insertLines(database, batch.batchId, lines.takeWaiting());
        faultPoint("worker: lines half stored");
      }
    }
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
    lines.addTooLong(error.line);
  }
  const errors = lines.end();
  if (errors.length > 0) return { errors };
  await insertLines(database, batch.batchId, lines.takeWaiting());
  return { total: lines.total };
}

class CheckedLines {
  readonly #batch: Batch;
  readonly #customIds = new Set<string>();
  readonly #errors: BatchError[] = [];
  #waiting: NewLine[] = [];
  total = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  get waiting(): readonly NewLine[] {
    return this.#waiting;
  }

  /** More would only say the same. */
  get isHopeless(): boolean {
    return this.#errors.length >= BATCH_ERRORS_MAX || this.total > BATCH_LINES_MAX;
  }

  check(line: { number: number; offset: number; length: number; bytes: Uint8Array }): void {
    const { number, offset, length, bytes } = line;
    this.total += 1;
    const read = readBatchLine(bytes, this.#batch.endpoint);
    if ("problem" in read) {
      this.#errors.push({ ...read.problem, line: number });
      return;
    }
    const { customId } = read;
    if (this.#customIds.has(customId)) {
      this.#errors.push({
        code: "duplicate_custom_id",
        message: `The custom_id of this line was used before; each line needs one of its own.`,
        line: number,
        param: "custom_id",
      });
      return;
    }
    this.#customIds.add(customId);
    // Rows of a file that is refused would only be deleted again.
    if (this.#errors.length > 0) return;
    this.#waiting.push({ number, offset, length, customId: JSON.stringify(customId) });
  }

  takeWaiting(): NewLine[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  addTooLong(line: number): void {
    this.#errors.push({
      code: "line_too_long",
      message: `This line has more than ${LINE_BYTES_MAX} bytes.`,
      line,
      param: null,
    });
  }

  end(): readonly BatchError[] {
    const whole = (code: string, message: string) => {
      this.#errors.push({ code, message, line: null, param: null });
    };
    if (this.total > BATCH_LINES_MAX) {
      whole("too_many_requests", `An input file has at most ${BATCH_LINES_MAX} lines. Split it.`);
    } else if (this.total === 0 && this.#errors.length === 0) {
      whole("empty_file", "The input file has no lines.");
    }
    return this.#errors;
  }
}
