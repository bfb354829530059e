/** The disk as the journal needs it: an interface, so that the simulation can lose unsynced bytes and tear records. */
import { constants } from "node:fs";
import { mkdir, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

export interface JournalFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Returns when everything written is on the medium. */
  sync(): Promise<void>;
  /** Reads up to the buffer's length; fewer bytes at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

export interface JournalDisk {
  /** Names of all files, sorted. */
  list(): Promise<string[]>;
  /** Creates a file of zeros whose bytes and name are on the medium when this returns. */
  create(name: string, sizeBytes: number): Promise<JournalFile>;
  openForReading(name: string): Promise<JournalFile>;
  remove(name: string): Promise<void>;
}

const ZEROS = Buffer.alloc(1024 * 1024);

export function folderDisk(folder: string): JournalDisk {
  return {
    async list() {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      return names.sort();
    },

    async create(name, sizeBytes) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = join(folder, name);
      const handle = await open(path, "wx", 0o600);
      try {
        for (let at = 0; at < sizeBytes; at += ZEROS.length) {
          const bytes = ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - at));
          const { bytesWritten } = await handle.write(bytes, 0, bytes.length, at);
          if (bytesWritten !== bytes.length) throw diskFull(path);
        }
        await handle.sync();
        await syncFolder(folder);
      } catch (error) {
        await unlink(path).catch(() => undefined);
        throw error;
      } finally {
        await handle.close();
      }
      return await openDurable(path);
    },

    async openForReading(name) {
      const path = join(folder, name);
      return fileOf(await open(path, "r"), path);
    },

    remove: (name) => unlink(join(folder, name)),
  };
}

/**
 * With `O_DSYNC` a write returns when its bytes are on the medium: one trip to the thread pool for each group
 * instead of two. Where the system lacks it, `sync` does the work.
 */
async function openDurable(path: string): Promise<JournalFile> {
  const { O_DSYNC, O_RDWR } = constants;
  if (O_DSYNC === undefined) return fileOf(await open(path, "r+"), path);
  const file = fileOf(await open(path, O_RDWR | O_DSYNC), path);
  return { ...file, sync: () => Promise.resolve() };
}

function fileOf(handle: Awaited<ReturnType<typeof open>>, path: string): JournalFile {
  return {
    async write(bytes, position) {
      const { bytesWritten } = await handle.write(bytes, 0, bytes.length, position);
      if (bytesWritten !== bytes.length) throw diskFull(path);
    },
    sync: () => handle.datasync(),
    async read(buffer, position) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      return bytesRead;
    },
    close: () => handle.close(),
  };
}

const diskFull = (path: string) =>
  Object.assign(new Error(`${path}: only a part could be written`), { code: "ENOSPC" });

/** A new file's name is durable only when its folder is synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
