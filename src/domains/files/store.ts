/** Files on PostgreSQL: whose they are, how large, and until when. Locks: the organization, then its files. */
import type { Pool, PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { Database } from "../../platform/db/database.ts";
import { type FilePurpose, isFileId, type StoredFile, type Tenant } from "./file.ts";

type FileRow = {
  file_id: string;
  purpose: FilePurpose;
  name: string;
  bytes: bigint;
  sha256: Buffer;
  store_id: string;
  created_at: Date;
  expires_at: Date | null;
};

const fileColumns = "file_id, purpose, name, bytes, sha256, store_id, created_at, expires_at";

const toFile = (row: FileRow): StoredFile => ({
  fileId: row.file_id,
  purpose: row.purpose,
  name: row.name,
  bytes: Number(row.bytes),
  sha256: row.sha256,
  storeId: row.store_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

export type NewFile = Tenant & {
  fileId: string;
  storeId: string;
  /** Of the quota, until it is complete. */
  setAside: number;
  /** Undefined: not limited, for what was paid for already. */
  organizationBytesMax: number | undefined;
};

/** Rows are small, but not nothing. */
const FILES_MAX = 100_000;

/** Sets bytes aside for a file that is about to arrive. */
export async function insertFile(database: Database, file: NewFile): Promise<void> {
  await database.transact(async (client) => {
    await assertRoom(client, file, file.setAside);
    await client.query(
      `insert into file (file_id, organization_id, project_id, name, bytes, store_id)
       values ($1, $2, $3, 'file', $4, $5)`,
      [file.fileId, file.organizationId, file.projectId, file.setAside, file.storeId],
    );
  });
}

/** It turns out to be larger than what was set aside for it. */
export async function setMoreAside(
  database: Database,
  file: Pick<NewFile, "fileId" | "organizationId" | "organizationBytesMax">,
  bytes: number,
): Promise<void> {
  await database.transact(async (client) => {
    await assertRoom(client, file, bytes);
    await client.query(
      `update file set bytes = bytes + $2, touched_at = now()
       where file_id = $1 and organization_id = $3 and state = 'arriving'`,
      [file.fileId, bytes, file.organizationId],
    );
  });
}

/** The organization is locked, so that two uploads cannot both take the last of its quota. */
async function assertRoom(
  client: PoolClient,
  {
    organizationId,
    organizationBytesMax: most,
  }: Pick<NewFile, "organizationId" | "organizationBytesMax">,
  bytes: number,
): Promise<void> {
  if (most === undefined) return;
  await client.query("select from organization where organization_id = $1 for no key update", [
    organizationId,
  ]);
  const { rows } = await client.query<{ bytes: bigint; files: number }>(
    `select coalesce(sum(bytes), 0)::bigint as bytes, count(*)::int as files from file
     where organization_id = $1`,
    [organizationId],
  );
  const stored = { bytes: Number(rows[0]?.bytes ?? 0n), files: rows[0]?.files ?? 0 };
  const isRoom = stored.bytes + bytes <= most && stored.files < FILES_MAX;
  if (!isRoom) throw quotaExceeded(stored, most);
}

const quotaExceeded = (stored: { bytes: number; files: number }, most: number): Failure =>
  new Failure(
    "too_large",
    `This organization has ${stored.files} files of ${stored.bytes} bytes together; ${FILES_MAX} files and ${most} bytes are allowed. Delete what is no longer needed, or ask the operator for more room (files.organizationBytesMax).`,
    { code: "file_quota_exceeded" },
  );

/** An upload that is not touched for long is taken for dead. */
export async function touchFile(database: Database, fileId: string): Promise<void> {
  await database.pool.query(
    "update file set touched_at = now() where file_id = $1 and state = 'arriving'",
    [fileId],
  );
}

/** A pool, or a transaction. */
export type Queryable = Pool | PoolClient;

export type CompleteFile = {
  fileId: string;
  name: string;
  purpose: FilePurpose;
  bytes: number;
  sha256: Buffer;
  /** Seconds from its making; undefined: until somebody deletes it. */
  expiresSeconds: number | undefined;
};

/** Its bytes are on the medium: from now on it is there. */
export async function completeFile(queryable: Queryable, file: CompleteFile): Promise<StoredFile> {
  const { rows } = await queryable.query<FileRow>(
    `update file set state = 'ready', name = $2, purpose = $3, bytes = $4, sha256 = $5,
       expires_at = created_at + $6 * interval '1 second'
     where file_id = $1 and state = 'arriving' returning ${fileColumns}`,
    [file.fileId, file.name, file.purpose, file.bytes, file.sha256, file.expiresSeconds ?? null],
  );
  const row = rows[0];
  if (row !== undefined) return toFile(row);
  throw new Failure("conflict", "The upload took too long and was given up. Upload it again.", {
    code: "upload_given_up",
  });
}

/** The upload has failed: its part of the quota is free again. */
export async function discardFile(database: Database, fileId: string): Promise<void> {
  await database.pool.query("delete from file where file_id = $1 and state = 'arriving'", [fileId]);
}

export async function findFile(
  database: Database,
  tenant: Tenant,
  fileId: string,
): Promise<StoredFile | undefined> {
  const { rows } = await database.pool.query<FileRow>(
    `select ${fileColumns} from file
     where file_id = $1 and organization_id = $2 and project_id = $3 and state = 'ready'
       and (expires_at is null or expires_at > now() or holders <> '{}')`,
    [fileId, tenant.organizationId, tenant.projectId],
  );
  return rows[0] === undefined ? undefined : toFile(rows[0]);
}

export type FileQuestion = {
  purpose: string | undefined;
  order: "asc" | "desc";
  limit: number;
  /** The last file of the page before. */
  after: string | undefined;
};

/** By their making. One more than the limit, if there is one: it says that there is a next page. */
export async function listFiles(
  database: Database,
  tenant: Tenant,
  question: FileQuestion,
): Promise<StoredFile[]> {
  const [compare, order] = question.order === "asc" ? [">", "asc"] : ["<", "desc"];
  const { rows } = await database.pool.query<FileRow>(
    `select ${fileColumns} from file
     where organization_id = $1 and project_id = $2 and state = 'ready'
       and (expires_at is null or expires_at > now())
       and ($3::text is null or purpose = $3) and ($4::text is null or file_id ${compare} $4)
     order by file_id ${order} limit $5`,
    [
      tenant.organizationId,
      tenant.projectId,
      question.purpose ?? null,
      question.after ?? null,
      question.limit + 1,
    ],
  );
  return rows.map(toFile);
}

/** Nobody sees the file from now on. False when there is none. */
export async function markDeleted(
  database: Database,
  tenant: Tenant,
  fileId: string,
): Promise<boolean> {
  const mine = [fileId, tenant.organizationId, tenant.projectId];
  const { rowCount } = await database.pool.query(
    `update file set state = 'deleted', touched_at = now()
     where file_id = $1 and organization_id = $2 and project_id = $3 and state = 'ready' and holders = '{}'`,
    mine,
  );
  if (rowCount === 1) return true;
  const { rows } = await database.pool.query<{ holder: string | null }>(
    `select holders[1] as holder from file
     where file_id = $1 and organization_id = $2 and project_id = $3 and state = 'ready'`,
    mine,
  );
  if (rows[0] === undefined) return false;
  throw new Failure(
    "conflict",
    `The file ${fileId} is needed by ${rows[0].holder ?? "something"}. Wait until that has ended, or cancel it first.`,
    { code: "file_in_use" },
  );
}

/** From now on the file cannot be deleted and does not expire. Undefined when it is not there. */
export async function holdFile(
  client: PoolClient,
  tenant: Tenant,
  hold: { fileId: string; holder: string },
): Promise<StoredFile | undefined> {
  if (!isFileId(hold.fileId)) return undefined;
  const { rows } = await client.query<FileRow>(
    `update file set holders = array_append(array_remove(holders, $4), $4)
     where file_id = $1 and organization_id = $2 and project_id = $3 and state = 'ready'
       and (expires_at is null or expires_at > now())
     returning ${fileColumns}`,
    [hold.fileId, tenant.organizationId, tenant.projectId, hold.holder],
  );
  return rows[0] === undefined ? undefined : toFile(rows[0]);
}

export async function releaseFile(
  client: PoolClient,
  tenant: Tenant,
  hold: { fileId: string; holder: string },
): Promise<void> {
  await client.query(
    `update file set holders = array_remove(holders, $4)
     where file_id = $1 and organization_id = $2 and project_id = $3`,
    [hold.fileId, tenant.organizationId, tenant.projectId, hold.holder],
  );
}

/** No writer touches its upload less often by far. */
const DEAD_UPLOAD_MINUTES = 15;
const CLEARED_AT_ONCE = 500;

/** Expired files and dead uploads become deleted ones. What somebody holds stays until it is released. */
export async function expireFiles(database: Database): Promise<void> {
  await database.pool.query(
    `update file set state = 'deleted', touched_at = now()
     where state = 'ready' and expires_at <= now() and holders = '{}'`,
  );
  await database.pool.query(
    `update file set state = 'deleted', touched_at = now()
     where state = 'arriving' and touched_at < now() - $1 * interval '1 minute'`,
    [DEAD_UPLOAD_MINUTES],
  );
}

/** Files of this folder whose bytes are to go. */
export async function listDeleted(database: Database, storeId: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ file_id: string }>(
    "select file_id from file where state = 'deleted' and store_id = $1 limit $2",
    [storeId, CLEARED_AT_ONCE],
  );
  return rows.map((row) => row.file_id);
}

/** Their bytes are gone. */
export async function forgetFiles(database: Database, fileIds: readonly string[]): Promise<void> {
  const { rowCount } = await database.pool.query(
    "delete from file where file_id = any ($1::text[]) and state = 'deleted'",
    [fileIds],
  );
  assert(rowCount === null || rowCount <= fileIds.length, "only named files are forgotten");
}

export type ListedFile = StoredFile & { organization: string; project: string };

/** For operators: of all organizations, or of one. */
export async function listAllFiles(
  database: Database,
  page: { organizationId: bigint | undefined; after: string | undefined; limit: number },
): Promise<ListedFile[]> {
  const { rows } = await database.pool.query<FileRow & { organization: string; project: string }>(
    `select f.*, o.name as organization, p.name as project
     from file f join organization o using (organization_id) join project p using (project_id)
     where f.state = 'ready' and ($1::bigint is null or f.organization_id = $1)
       and ($2::text is null or f.file_id < $2)
     order by f.file_id desc limit $3`,
    [page.organizationId ?? null, page.after ?? null, page.limit + 1],
  );
  return rows.map((row) => ({
    ...toFile(row),
    organization: row.organization,
    project: row.project,
  }));
}
