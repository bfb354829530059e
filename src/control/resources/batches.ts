import * as contract from "../../contract/batches.ts";
import {
  type Batch,
  cancelBatch,
  findAnyBatch,
  fromBatchWireId,
  type ListedBatch,
  listAllBatches,
  toBatchWireId,
} from "../../domains/batches/index.ts";
import { findOrganization } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { toPage } from "../../platform/db/page.ts";
import type { Control } from "../control.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime, toTimeOrNull } from "../to-wire.ts";

export const batchRoutes: readonly Route[] = [
  route(contract.listBatches, async ({ database }, { query }) => {
    const { organization, limit, after } = query;
    const organizationId =
      organization && (await findOrganization(database, organization)).organizationId;
    const rows = await listAllBatches(database, {
      organizationId: organizationId || undefined,
      after: after === undefined ? undefined : idFrom(after, "after"),
      limit,
    });
    return toPageBody(
      toPage(rows, query, ({ batchId }) => toBatchWireId(batchId)),
      toWire,
    );
  }),
  route(contract.showBatch, async (control, { params }) => toWire(await find(control, params.id))),
  route(contract.cancelBatch, async (control, { params, actor }) => {
    const batch = await find(control, params.id);
    const byOperator = { actor, action: contract.cancelBatch.id };
    await cancelBatch(control.database, batch, { batchId: batch.batchId, byOperator });
    return toWire(await find(control, params.id));
  }),
];

async function find({ database }: Control, id: string): Promise<ListedBatch> {
  const batch = await findAnyBatch(database, idFrom(id, "id"));
  if (batch !== undefined) return batch;
  throw new Failure("not_found", `There is no batch '${id}'. List them: baseload batch list`, {
    param: "id",
    code: "batch_not_found",
  });
}

function idFrom(text: string, param: string): string {
  const batchId = fromBatchWireId(text);
  if (batchId !== undefined) return batchId;
  throw new Failure("invalid", `'${param}' must be the id of a batch, such as batch_019f….`, {
    param,
  });
}

const endOf = (batch: Batch): Date | null =>
  batch.cancelledAt ?? batch.completedAt ?? batch.failedAt ?? lastOf(batch);

/** An expired batch has ended when its results are written. */
const lastOf = ({ status, expiredAt }: Batch): Date | null =>
  status === "expired" ? expiredAt : null;

const toWire = (batch: ListedBatch): contract.Batch => ({
  id: toBatchWireId(batch.batchId),
  organization: batch.organization,
  project: batch.project,
  key_id: batch.keyId,
  endpoint: batch.endpoint,
  status: batch.status,
  total: batch.total,
  completed: batch.completed,
  failed: batch.failed,
  input_file_id: batch.inputFileId,
  output_file_id: batch.outputFileId,
  error_file_id: batch.errorFileId,
  errors: [...batch.errors],
  created_at: toTime(batch.createdAt),
  in_progress_at: toTimeOrNull(batch.inProgressAt),
  ended_at: toTimeOrNull(endOf(batch)),
  expires_at: toTime(batch.expiresAt),
});
