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
  type Queryable,
  touchFile,
} from "./store.ts";

export type FilesOptions = {
  database: Database;
  folder: FileFolder;
  limits: FileLimits;
  clock: Clock;
};

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

  /** @param bytesMax what is announced, if anything: that much of the quota is set aside until the file is complete. */
  async receive(tenant: Tenant, bytesMax: number | undefined): Promise<ArrivingFile> {
    const { fileBytesMax, organizationBytesMax } = this.#options.limits;
    return await this.#begin(tenant, {
      bytesMax: Math.min(bytesMax ?? fileBytesMax, fileBytesMax),
      organizationBytesMax,
    });
  }

  /** For results that were paid for: not bound by the quota, though they count. */
  async produce(tenant: Tenant): Promise<ArrivingFile> {
    return await this.#begin(tenant, {
      bytesMax: Number.MAX_SAFE_INTEGER,
      organizationBytesMax: undefined,
    });
  }

  async #begin(
    tenant: Tenant,
    limits: { bytesMax: number; organizationBytesMax: number | undefined },
  ): Promise<ArrivingFile> {
    const { database, folder, clock } = this.#options;
    const fileId = newFileId();
    const isLimited = limits.organizationBytesMax !== undefined;
    await insertFile(database, {
      ...tenant,
      fileId,
      name: "file",
      storeId: folder.storeId,
      bytesMax: isLimited ? limits.bytesMax : 0,
      organizationBytesMax: limits.organizationBytesMax,
    });
    const writer = await folder.create(fileId);
    return new ArrivingFile({ database, clock, fileId, writer, bytesMax: limits.bytesMax });
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
  fileId: string;
  writer: FileWriter;
  bytesMax: number;
};

/** Well below what makes an upload count as dead. */
const TOUCH_MS = 60_000;

/** A file whose bytes are arriving. It is finished or discarded; one whose process dies is cleared up later. */
export class ArrivingFile {
  readonly #options: ArrivingOptions;
  #touchedMs: number;
  #written: Promise<{ bytes: number; sha256: Buffer }> | undefined;

  constructor(options: ArrivingOptions) {
    this.#options = options;
    this.#touchedMs = options.clock.monotonicMs();
  }

  get fileId(): string {
    return this.#options.fileId;
  }

  get bytes(): number {
    return this.#options.writer.bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { writer, bytesMax, clock, database, fileId } = this.#options;
    if (writer.bytes + chunk.length > bytesMax) {
      throw new Failure("too_large", `A file has at most ${bytesMax} bytes. Split it.`, {
        code: "file_too_large",
        param: "file",
      });
    }
    await writer.write(chunk);
    if (clock.monotonicMs() - this.#touchedMs < TOUCH_MS) return;
    this.#touchedMs = clock.monotonicMs();
    await touchFile(database, fileId);
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
    const { fileId } = this.#options;
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
    await discardFile(this.#options.database, this.#options.fileId);
  }
}
