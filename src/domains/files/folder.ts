/**
 * The folder that holds the bytes of files. It says itself which folder it is, in the file `store-id`: machines that share one
 * know that they do, and a file of another folder is not looked for here.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../../lib/errors.ts";
import { isUuid } from "../../lib/ids.ts";
import { shelfOf } from "./file.ts";

export class FileFolder {
  readonly #path: string;
  readonly storeId: string;

  private constructor(path: string, storeId: string) {
    this.#path = path;
    this.storeId = storeId;
  }

  static async open(path: string): Promise<FileFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new FileFolder(path, await readStoreId(join(path, "store-id")));
  }

  pathOf(fileId: string): string {
    return join(this.#path, shelfOf(fileId), fileId);
  }

  /** Nobody reads the file before a row says that it is there, so it gets its name at once. */
  async create(fileId: string): Promise<FileWriter> {
    const path = this.pathOf(fileId);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return new FileWriter(path, await open(path, "wx", 0o600));
  }

  /** Removing what is not there is no error: whoever was interrupted comes again. */
  async remove(fileId: string): Promise<void> {
    await rm(this.pathOf(fileId), { force: true });
  }
}

/** One file on its way to the disk: in memory is never more than what was just given. */
class FileWriter {
  readonly #path: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #hash = new Bun.CryptoHasher("sha256");
  bytes = 0;

  constructor(path: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    let at = 0;
    while (at < chunk.length) {
      const { bytesWritten } = await orFull(this.#handle.write(chunk, at, chunk.length - at));
      at += bytesWritten;
    }
    this.bytes += chunk.length;
  }

  /** Returns when the bytes and the name are on the medium. */
  async finish(): Promise<{ bytes: number; sha256: Buffer }> {
    await orFull(this.#handle.datasync());
    await this.#handle.close();
    await syncFolder(dirname(this.#path));
    await syncFolder(dirname(dirname(this.#path)));
    return { bytes: this.bytes, sha256: this.#hash.digest() };
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#path, { force: true });
  }
}

export type { FileWriter };

/** A folder's new name is durable only when the folder that it lies in is synced. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function orFull<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "ENOSPC" && code !== "EDQUOT") throw cause;
    throw new Failure(
      "overloaded",
      "The disk that holds files is full, so nothing was stored. An operator must make room.",
      { code: "disk_full", cause },
    );
  }
}

/** Two processes may begin at once: the first one's id appears whole, and the other reads it. */
async function readStoreId(path: string): Promise<string> {
  const found = await readFile(path, "utf8").catch(() => undefined);
  if (found !== undefined) return assertStoreId(path, found);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(draft, `${Bun.randomUUIDv7()}\n`, { mode: 0o600, flush: true });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  } finally {
    await unlink(draft);
  }
  return assertStoreId(path, await readFile(path, "utf8"));
}

function assertStoreId(path: string, text: string): string {
  const storeId = text.trim();
  if (isUuid(storeId)) return storeId;
  throw new Failure("invalid", `${path} does not hold an id. Restore it from a backup.`);
}
