/** A batch in the shape of OpenAI's API. */
import { type Batch, COMPLETION_WINDOW, toBatchWireId } from "../../domains/batches/index.ts";
import { inputTokensOf, outputTokensOf, type Quantities } from "../../lib/quantities.ts";

export const toWireBatch = (batch: Batch) => ({
  id: toBatchWireId(batch.batchId),
  object: "batch" as const,
  endpoint: batch.endpoint,
  errors: batch.errors.length === 0 ? null : { object: "list" as const, data: batch.errors },
  input_file_id: batch.inputFileId,
  completion_window: COMPLETION_WINDOW,
  status: batch.status,
  output_file_id: batch.outputFileId,
  error_file_id: batch.errorFileId,
  created_at: toSeconds(batch.createdAt),
  in_progress_at: toSeconds(batch.inProgressAt),
  expires_at: toSeconds(batch.expiresAt),
  finalizing_at: toSeconds(batch.finalizingAt),
  completed_at: toSeconds(batch.completedAt),
  failed_at: toSeconds(batch.failedAt),
  expired_at: toSeconds(batch.expiredAt),
  cancelling_at: toSeconds(batch.cancellingAt),
  cancelled_at: toSeconds(batch.cancelledAt),
  request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
  metadata: batch.metadata,
  ...(batch.usage === null ? {} : { usage: toWireUsage(batch.usage) }),
});

const toSeconds = (at: Date | null): number | null =>
  at === null ? null : Math.floor(at.getTime() / 1_000);

function toWireUsage(usage: Quantities) {
  const [input, output] = [inputTokensOf(usage), outputTokensOf(usage)];
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cache_read ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + output,
  };
}
