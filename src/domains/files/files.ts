/**
 * Files: rows in PostgreSQL, bytes in a folder, and how the two stay together. There is a row before there is a byte, and until
 * after the last byte is gone; so whatever crashes when, a row leads to what is to be cleared up.
 */
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import type { Database } from "../../platform/db/database.ts";
import {
  type FileLimits,
  type FilePurpose,
  isFileId,
  newFileId,
  type StoredFile,
  type Tenant,
  toFileName,
} from "./file.ts";
import type { FileFolder, FileWriter } from "./folder.ts";
import {
  completeFile,
  discardFile,
  expireFiles,
  type FileQuestion,
  findFile,
  forgetFiles,
  insertFile,
  listDeleted,
  listFiles,
  markDeleted,
  type NewFile,
  type Queryable,
  setMoreAside,
  touchFile,
} from "./store.ts";

export type FilesOptions = {
  database: Database;
  folder: FileFolder;
  limits: FileLimits;
  clock: Clock;
};

/** Where nobody says how much is to come, the quota is taken in steps. */
const SET_ASIDE_BYTES = 16 * 1024 * 1024;

type Room = { bytesMax: number } & Pick<NewFile, "setAside" | "organizationBytesMax">;

export class Files {
  readonly #options: FilesOptions;

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  get storeId(): string {
    return this.#options.folder.storeId;
  }

  get limits(): FileLimits {
    return this.#options.limits;
  }

  /** @param announced how large its request is, if that is known: so much of the quota is set aside at once. */
  async receive(tenant: Tenant, announced: number | undefined): Promise<ArrivingFile> {
    const { fileBytesMax, organizationBytesMax } = this.#options.limits;
    return await this.#begin(tenant, {
      bytesMax: fileBytesMax,
      setAside: Math.min(announced ?? SET_ASIDE_BYTES, fileBytesMax),
      organizationBytesMax,
    });
  }

  /** For results that were paid for: not bound by the quota, though they count. */
  async produce(tenant: Tenant): Promise<ArrivingFile> {
    return await this.#begin(tenant, {
      bytesMax: Number.MAX_SAFE_INTEGER,
      setAside: 0,
      organizationBytesMax: undefined,
    });
  }

  async #begin(tenant: Tenant, room: Room): Promise<ArrivingFile> {
    const { database, folder, clock } = this.#options;
    const fileId = newFileId();
    const { organizationId, projectId } = tenant;
    const file = { organizationId, projectId, fileId, storeId: folder.storeId, ...room };
    await insertFile(database, file);
    const writer = await folder.create(fileId);
    return new ArrivingFile({ database, clock, file, writer });
  }

  /** @throws Failure `not_found` also for files of other tenants. */
  async read(tenant: Tenant, fileId: string): Promise<StoredFile> {
    const { database } = this.#options;
    const file = isFileId(fileId) ? await findFile(database, tenant, fileId) : undefined;
    if (file === undefined) throw noSuchFile(fileId);
    return file;
  }

  list(tenant: Tenant, question: FileQuestion): Promise<StoredFile[]> {
    return listFiles(this.#options.database, tenant, question);
  }

  /** Where the bytes are. @throws Failure when they lie in another machine's folder. */
  pathOf(file: StoredFile): string {
    const { folder } = this.#options;
    if (file.storeId === folder.storeId) return folder.pathOf(file.fileId);
    throw new Failure(
      "overloaded",
      `The file ${file.fileId} lies on another machine. Ask that one, or have the operator put the folder of files where all machines see it (files.folder).`,
      { code: "file_elsewhere" },
    );
  }

  /** The row first: from then on nobody sees it. The bytes go at once, or with the next clearing-up. */
  async remove(tenant: Tenant, fileId: string): Promise<void> {
    const { database } = this.#options;
    const isThere = isFileId(fileId) && (await markDeleted(database, tenant, fileId));
    if (!isThere) throw noSuchFile(fileId);
    await this.clearUp();
  }

  /** Lets files expire, gives dead uploads up, and removes the bytes of what is deleted. */
  async expire(): Promise<void> {
    await expireFiles(this.#options.database);
    await this.clearUp();
  }

  async clearUp(): Promise<void> {
    const { database, folder } = this.#options;
    const fileIds = await listDeleted(database, folder.storeId);
    if (fileIds.length === 0) return;
    for (const fileId of fileIds) await folder.remove(fileId);
    await forgetFiles(database, fileIds);
  }
}

const noSuchFile = (fileId: string): Failure =>
  new Failure("not_found", `There is no file '${fileId.slice(0, 80)}' in this project.`, {
    code: "file_not_found",
    param: "file_id",
  });

type ArrivingOptions = {
  database: Database;
  clock: Clock;
  file: NewFile & { bytesMax: number };
  writer: FileWriter;
};

/** Well below what makes an upload count as dead. */
const TOUCH_MS = 60_000;

/** A file whose bytes are arriving. It is finished or discarded; one whose process dies is cleared up later. */
export class ArrivingFile {
  readonly #options: ArrivingOptions;
  #touchedMs: number;
  #setAside: number;
  #written: Promise<{ bytes: number; sha256: Buffer }> | undefined;

  constructor(options: ArrivingOptions) {
    this.#options = options;
    this.#touchedMs = options.clock.monotonicMs();
    this.#setAside = options.file.setAside;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { writer, file } = this.#options;
    const bytes = writer.bytes + chunk.length;
    if (bytes > file.bytesMax) {
      throw new Failure("too_large", `A file has at most ${file.bytesMax} bytes. Split it.`, {
        code: "file_too_large",
        param: "file",
      });
    }
    if (file.organizationBytesMax !== undefined && bytes > this.#setAside) await this.#grow(bytes);
    await writer.write(chunk);
    await this.#touch();
  }

  async #grow(bytes: number): Promise<void> {
    const { database, file } = this.#options;
    const most = Math.min(bytes + SET_ASIDE_BYTES, file.bytesMax);
    await setMoreAside(database, file, most - this.#setAside);
    this.#setAside = most;
  }

  async #touch(): Promise<void> {
    const { clock, database, file } = this.#options;
    if (clock.monotonicMs() - this.#touchedMs < TOUCH_MS) return;
    this.#touchedMs = clock.monotonicMs();
    await touchFile(database, file.fileId);
  }

  /**
   * The file is there when this returns.
   *
   * @param queryable the transaction that the file belongs to; then it is there when that commits.
   */
  async finish(
    file: { name: string; purpose: FilePurpose; expiresSeconds: number | undefined },
    queryable: Queryable = this.#options.database.pool,
  ): Promise<StoredFile> {
    const { fileId } = this.#options.file;
    const written = await this.#flushed();
    return await completeFile(queryable, {
      ...file,
      ...written,
      fileId,
      name: toFileName(file.name),
    });
  }

  /** The bytes are on the medium when this returns; nothing more is written. */
  async flush(): Promise<void> {
    await this.#flushed();
  }

  /** Once: a transaction that is tried again finishes the same bytes. */
  #flushed() {
    this.#written ??= this.#options.writer.finish();
    return this.#written;
  }

  /** The bytes go now, the row with the next clearing-up. */
  async discard(): Promise<void> {
    await this.#options.writer.discard();
    await discardFile(this.#options.database, this.#options.file.fileId);
  }
}
