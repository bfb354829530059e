/** /v1/files, but for uploads: list, show, read and delete the files of a project. The API is OpenAI's. */
import {
  isFileId,
  type StoredFile,
  type Tenant,
  uploadPurposes,
} from "../../domains/files/index.ts";
import { Failure } from "../../lib/errors.ts";
import { authenticate } from "../admit/authenticate.ts";
import { callHeaders } from "../client-errors.ts";
import type { Call, Gateway } from "../gateway.ts";
import { idFrom, readLimit } from "./listing.ts";

const LIST_LIMIT_MAX = 10_000;
const listedPurposes: readonly string[] = [...uploadPurposes, "batch_output"];

export async function listFiles(gateway: Gateway, call: Call): Promise<Response> {
  const tenant: Tenant = await authenticate(gateway, call);
  const query = new URL(call.request.url).searchParams;
  const limit = readLimit(query, { usual: LIST_LIMIT_MAX, most: LIST_LIMIT_MAX });
  const purpose = query.get("purpose") ?? undefined;
  if (purpose !== undefined && !listedPurposes.includes(purpose)) {
    throw wrong("purpose", `must be one of ${listedPurposes.join(", ")}`);
  }
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw wrong("order", "must be asc or desc");
  const after = query.get("after") ?? undefined;
  if (after !== undefined && !isFileId(after)) throw wrong("after", "must be the id of a file");
  const found = await gateway.files.list(tenant, { purpose, order, limit, after });
  const data = found.slice(0, limit).map(toWireFile);
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

const wrong = (param: string, what: string): Failure =>
  new Failure("invalid", `'${param}' ${what}.`, { code: "invalid_field", param });

export async function showFile(gateway: Gateway, call: Call): Promise<Response> {
  const tenant = await authenticate(gateway, call);
  const file = await gateway.files.read(tenant, idFrom(call));
  return Response.json(toWireFile(file), { headers: callHeaders(call) });
}

export async function deleteFile(gateway: Gateway, call: Call): Promise<Response> {
  const tenant = await authenticate(gateway, call);
  const id = idFrom(call);
  await gateway.files.remove(tenant, id);
  return Response.json({ id, object: "file", deleted: true }, { headers: callHeaders(call) });
}

/** Streamed from the disk, whole or a range of it. */
export async function readFileContent(gateway: Gateway, call: Call): Promise<Response> {
  const tenant = await authenticate(gateway, call);
  const file = await gateway.files.read(tenant, idFrom(call));
  const bytes = Bun.file(gateway.files.pathOf(file));
  if (!(await bytes.exists())) {
    gateway.log.error("the bytes of a file are gone", { fileId: file.fileId });
    throw new Failure("upstream", `The bytes of the file ${file.fileId} are gone.`, {
      code: "file_lost",
      status: 500,
    });
  }
  const range = readRange(call.request.headers.get("range"), file.bytes);
  const headers: Record<string, string> = {
    ...callHeaders(call),
    // Never shown by a browser, whatever somebody has uploaded.
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    etag: `"${file.sha256.toString("hex")}"`,
  };
  if (range === undefined) return new Response(bytes, { headers });
  const [first, last] = range;
  headers["content-range"] = `bytes ${first}-${last}/${file.bytes}`;
  return new Response(bytes.slice(first, last + 1), { status: 206, headers });
}

/** One range, as RFC 9110 defines it; anything else is answered with the whole file, which that allows. */
function readRange(header: string | null, size: number): readonly [number, number] | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (found === null || found[0] === "bytes=-") return undefined;
  const [, from = "", to = ""] = found;
  const first = from === "" ? Math.max(size - Number(to), 0) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (first <= last) return [first, last];
  throw new Failure("invalid", `The file has ${size} bytes; the range lies outside of it.`, {
    status: 416,
    code: "range_not_satisfiable",
  });
}

const toSeconds = (at: Date): number => Math.floor(at.getTime() / 1_000);

export const toWireFile = (file: StoredFile) => ({
  id: file.fileId,
  object: "file" as const,
  bytes: file.bytes,
  created_at: toSeconds(file.createdAt),
  ...(file.expiresAt === null ? {} : { expires_at: toSeconds(file.expiresAt) }),
  filename: file.name,
  purpose: file.purpose,
  status: "processed" as const,
  status_details: null,
});
