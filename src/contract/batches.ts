/** Batches of all organizations, for operators. Clients have /v1/batches on the data plane. */
import { z } from "zod";
import { Id, Name, PageQuery, pageOf, Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";

const Count = z.int().min(0);

export const BatchProblem = z
  .object({
    code: z.string(),
    message: z.string(),
    line: Count.nullable(),
    param: z.string().nullable(),
  })
  .meta({ id: "BatchProblem" });

export const Batch = z
  .object({
    id: Id.meta({ examples: ["batch_019f0a46c1e7d2a9b1f3c5d7e9f1a20"] }),
    organization: z.string(),
    project: z.string(),
    key_id: Id,
    endpoint: z.string().meta({ examples: ["/v1/chat/completions"] }),
    status: z.enum([
      "validating",
      "failed",
      "in_progress",
      "finalizing",
      "completed",
      "expired",
      "cancelling",
      "cancelled",
    ]),
    total: Count.meta({ description: "Lines; 0 until the input has been read" }),
    completed: Count.meta({ description: "Lines that were answered" }),
    failed: Count.meta({ description: "Lines that were refused, cancelled or have expired" }),
    input_file_id: Id,
    output_file_id: Id.nullable(),
    error_file_id: Id.nullable(),
    errors: z
      .array(BatchProblem)
      .meta({ description: "What is wrong with the input of a failed batch" }),
    created_at: Time,
    in_progress_at: Time.nullable(),
    ended_at: Time.nullable(),
    expires_at: Time,
  })
  .meta({ id: "Batch" });
export type Batch = z.infer<typeof Batch>;

const BatchParams = z.strictObject({ id: z.string().min(1).max(64) });

export const listBatches = defineOperation({
  id: "batch.list",
  method: "get",
  path: "/batches",
  summary: "List batches, newest first, of all organizations unless narrowed",
  query: PageQuery.extend({ organization: Name.optional() }),
  answer: pageOf(Batch),
  status: 200,
});

export const showBatch = defineOperation({
  id: "batch.show",
  method: "get",
  path: "/batches/{id}",
  summary: "Show a batch and how far it has come",
  params: BatchParams,
  answer: Batch,
  status: 200,
});

export const cancelBatch = defineOperation({
  id: "batch.cancel",
  method: "post",
  path: "/batches/{id}/cancel",
  summary: "Cancel a batch: what is under way is finished and paid, nothing more is sent",
  params: BatchParams,
  answer: Batch,
  status: 200,
});
