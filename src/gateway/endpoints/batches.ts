/** /v1/batches: create, show, list and cancel. The API is OpenAI's; the worker does the work. */
import { z } from "zod";
import {
  type Batch,
  batchEndpoints,
  COMPLETION_WINDOW,
  cancelBatch as cancel,
  createBatch as create,
  findBatch,
  fromBatchWireId,
  listBatches as list,
} from "../../domains/batches/index.ts";
import { Failure } from "../../lib/errors.ts";
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { callHeaders } from "../client-errors.ts";
import { assertMayKeep } from "../conversations/assert-may-keep.ts";
import type { Call, Gateway } from "../gateway.ts";
import { invalidField } from "../requests/invalid-field.ts";
import { readJsonBody } from "../requests/read-json.ts";
import { readExpiry } from "./expires-after.ts";
import { idFrom, readLimit } from "./listing.ts";
import { toWireBatch } from "./wire-batch.ts";

const LIST_LIMIT = { usual: 20, most: 100 };
const METADATA_MAX = 16;

const Body = z.looseObject({
  input_file_id: z.string().min(1),
  endpoint: z.enum(batchEndpoints, {
    error: `must be one of ${batchEndpoints.join(", ")}`,
  }),
  completion_window: z.literal(COMPLETION_WINDOW),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= METADATA_MAX, `at most ${METADATA_MAX} pairs`)
    .nullish(),
  output_expires_after: z
    .looseObject({ anchor: z.string().optional(), seconds: z.number().optional() })
    .nullish(),
});

export async function createBatch(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  assertMayKeep(principal, "there are no batches: make each call by itself");
  const { body } = await readJsonBody(call, gateway.limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  admit(gateway, principal);
  const { input_file_id, endpoint, metadata, output_expires_after: expires } = parsed.data;
  const batch = await create(gateway.database, {
    organizationId: principal.organizationId,
    projectId: principal.projectId,
    keyId: principal.keyId,
    inputFileId: input_file_id,
    endpoint,
    metadata: metadata ?? null,
    outputExpiresSeconds: readExpiry((name) => expires?.[name], "output_expires_after") ?? null,
  });
  return respond(call, batch);
}

export async function showBatch(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const batchId = fromBatchWireId(idFrom(call));
  const batch = batchId && (await findBatch(gateway.database, principal, batchId));
  if (!batch) throw noSuchBatch(call);
  return respond(call, batch);
}

export async function cancelBatch(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const batchId = fromBatchWireId(idFrom(call));
  const batch = batchId && (await cancel(gateway.database, principal, { batchId }));
  if (!batch) throw noSuchBatch(call);
  return respond(call, batch);
}

export async function listBatches(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const query = new URL(call.request.url).searchParams;
  const limit = readLimit(query, LIST_LIMIT);
  const given = query.get("after");
  const after = given === null ? undefined : fromBatchWireId(given);
  if (given !== null && after === undefined) {
    throw new Failure("invalid", "'after' must be the id of a batch.", {
      code: "invalid_field",
      param: "after",
    });
  }
  const found = await list(gateway.database, principal, { limit, after });
  const data = found.slice(0, limit).map(toWireBatch);
  return Response.json(
    {
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: found.length > limit,
    },
    { headers: callHeaders(call) },
  );
}

const respond = (call: Call, batch: Batch): Response =>
  Response.json(toWireBatch(batch), { headers: callHeaders(call) });

const noSuchBatch = (call: Call): Failure =>
  new Failure("not_found", `There is no batch '${idFrom(call).slice(0, 80)}' in this project.`, {
    code: "batch_not_found",
    param: "batch_id",
  });
