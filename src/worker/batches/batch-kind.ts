/** A batch as a job: checked, sent line by line, written into its files. Each step can be taken up again by whoever comes next. */
import {
  type Batch,
  beginBatch,
  beginFinalizing,
  failBatch,
  hasEnded,
  readBatch,
} from "../../domains/batches/index.ts";
import type { Files } from "../../domains/files/index.ts";
import type { End, Job } from "../../domains/jobs/index.ts";
import type { Clock } from "../../lib/clock.ts";
import { assert } from "../../lib/errors.ts";
import type { Gateways } from "../jobs/gateways.ts";
import type { JobContext, Kind } from "../jobs/kind.ts";
import type { FairSlots } from "./fair-slots.ts";
import { LineRunner } from "./line-runner.ts";
import { Pace } from "./pace.ts";
import { LineSending } from "./send-lines.ts";
import { validateInput } from "./validate-input.ts";
import { writeResults } from "./write-results.ts";

export type BatchKindOptions = {
  files: Files;
  gateways: Gateways;
  clock: Clock;
  chance(): number;
  /** Lines under way, of all batches of this worker together. */
  concurrency: number;
  slots: FairSlots;
};

/** A batch that waits for its turn costs a few rows; one that runs costs a few kilobytes of memory. */
const PLACES = 64;
const PER_ORGANIZATION_MAX = 16;
/** The signal was aborted: the job is given back by whoever aborted it. */
const LEFT: End = { againInMs: 0 };

export function batchKind(options: BatchKindOptions): Kind {
  return {
    kind: "batch",
    places: PLACES,
    perOrganizationMax: PER_ORGANIZATION_MAX,
    // Lines were paid for: whatever is in the way, their results are written in the end.
    failuresMax: Number.POSITIVE_INFINITY,
    run: (job, context) => runBatch(options, job, context),
    giveUp: () => Promise.reject(new Error("a batch is never given up")),
  };
}

async function runBatch(options: BatchKindOptions, job: Job, context: JobContext): Promise<End> {
  const read = () => readBatch(context.database, job.jobId);
  let batch = await read();
  if (hasEnded(batch.status)) return { state: "done" };
  if (batch.inProgressAt === null) {
    if ((await validate(options, batch, context)) === "stopped") return LEFT;
    batch = await read();
    if (hasEnded(batch.status)) return { state: "done" };
  }
  if (batch.finalizingAt === null) {
    const end = await sendLines(options, batch, context);
    if (end === "stopped") return LEFT;
    await beginFinalizing(context.database, batch.batchId, { hasExpired: end === "expired" });
    batch = await read();
  }
  const { database, signal } = context;
  const written = await writeResults({ database, files: options.files, signal }, batch);
  return written === "stopped" ? LEFT : { state: "done" };
}

async function validate(
  { files }: BatchKindOptions,
  batch: Batch,
  { database, signal }: JobContext,
): Promise<"done" | "stopped"> {
  const input = await openInput(files, batch);
  if (!(await input.exists())) {
    await failBatch(database, batch.batchId, [FILE_LOST]);
    return "done";
  }
  const validated = await validateInput(database, { batch, chunks: input.stream(), signal });
  if (validated === "stopped") return "stopped";
  if ("errors" in validated) await failBatch(database, batch.batchId, validated.errors);
  else await beginBatch(database, batch.batchId, validated.total);
  return "done";
}

async function sendLines(options: BatchKindOptions, batch: Batch, context: JobContext) {
  const { files, gateways, clock, chance, concurrency, slots } = options;
  const input = await openInput(files, batch);
  const pace = new Pace({ most: concurrency, clock, chance });
  const { database, signal } = context;
  const runner = new LineRunner({
    batch,
    calling: { database, gateways, clock, signal },
    pace,
    chance,
    readBytes: async ({ offset, length }) => {
      const bytes = await input.slice(offset, offset + length).bytes();
      assert(bytes.length === length, "the input file is shorter than it was");
      return bytes;
    },
  });
  return await new LineSending({ batch, context, runner, slots, pace, clock }).run();
}

const FILE_LOST = {
  code: "file_lost",
  message: "The bytes of the input file are gone. Upload it again, and tell the operator.",
  line: null,
  param: "input_file_id",
};

async function openInput(files: Files, batch: Batch) {
  return Bun.file(files.pathOf(await files.read(batch, batch.inputFileId)));
}
