/**
 * The disk of one machine. What is written lies in the page cache, where a reader sees it; only what is synced
 * survives a loss of power, and of the rest any sector may or may not. A process that is killed may leave a write
 * half done.
 */
import type { JournalDisk, JournalFile } from "../../src/platform/journal/disk.ts";
import { type Owner, PlannedFault, type Scheduler } from "./scheduler.ts";

type Write = { position: number; bytes: Uint8Array };

type StoredFile = {
  /** What readers see. */
  cache: Buffer;
  /** What survives a loss of power. */
  medium: Buffer;
  unsynced: Write[];
  /** Unlinked, but its name may come back after a loss of power: folders are not synced for a removal. */
  isRemoved: boolean;
};

/** Smaller than a real sector, so that records are torn more often. */
const SECTOR_BYTES = 64;
const WRITE_MS = 0.6;
const SYNC_MS = 3;

export class SimulatedDisk {
  readonly #scheduler: Scheduler;
  readonly #folders = new Map<string, Map<string, StoredFile>>();
  /** Writes under way, by whose they are. */
  readonly #writing = new Map<Owner, Set<Write & { file: StoredFile }>>();
  readonly #failing = new Set<Owner>();
  isFull = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Folders that have files. */
  folders(): string[] {
    return [...this.#folders].flatMap(([name, files]) =>
      [...files.values()].some((file) => !file.isRemoved) ? [name] : [],
    );
  }

  removeFolder(folder: string): void {
    for (const file of this.#folders.get(folder)?.values() ?? []) file.isRemoved = true;
  }

  /** The next sync or write of this process fails. */
  failNext(owner: Owner): void {
    this.#failing.add(owner);
  }

  heal(): void {
    this.isFull = false;
    this.#failing.clear();
  }

  /** `kill -9`: what the page cache holds stays; a write under way may be done, half done, or not done. */
  onKill(owner: Owner): void {
    for (const { file, position, bytes } of this.#writing.get(owner) ?? []) {
      const { random } = this.#scheduler;
      const length = random.pick([0, bytes.length, random.between(0, bytes.length)]);
      this.#put(file, { position, bytes: Uint8Array.from(bytes.subarray(0, length)) });
    }
    this.#writing.delete(owner);
  }

  onPowerLoss(): void {
    const { random } = this.#scheduler;
    for (const files of this.#folders.values()) {
      for (const file of files.values()) {
        for (const write of file.unsynced) this.#loseSectors(file, write);
        file.unsynced = [];
        file.cache = Buffer.from(file.medium);
        if (file.isRemoved && random.chance(0.3)) file.isRemoved = false;
      }
    }
    this.#writing.clear();
  }

  #loseSectors(file: StoredFile, { position, bytes }: Write): void {
    const end = position + bytes.length;
    for (let at = position; at < end; ) {
      const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (this.#scheduler.random.chance(0.5)) {
        file.medium.set(bytes.subarray(at - position, next - position), at);
      }
      at = next;
    }
  }

  open(folder: string, owner: Owner): JournalDisk {
    const filesOf = () => {
      const files = this.#folders.get(folder) ?? new Map<string, StoredFile>();
      this.#folders.set(folder, files);
      return files;
    };
    const find = (name: string) => {
      const file = filesOf().get(name);
      if (file === undefined || file.isRemoved) throw new PlannedFault(`${name}: ENOENT`);
      return file;
    };
    const namesNow = () =>
      [...filesOf()].flatMap(([name, file]) => (file.isRemoved ? [] : [name])).sort();
    return {
      list: () => this.#do(owner, WRITE_MS, "list", namesNow),
      create: (name, sizeBytes) =>
        this.#do(owner, SYNC_MS, `create ${name}`, () => {
          if (this.isFull) throw new PlannedFault("ENOSPC");
          const file: StoredFile = {
            ...{ cache: Buffer.alloc(sizeBytes), medium: Buffer.alloc(sizeBytes) },
            ...{ unsynced: [], isRemoved: false },
          };
          filesOf().set(name, file);
          return this.#open(file, owner);
        }),
      openForReading: (name) =>
        this.#do(owner, WRITE_MS, `open ${name}`, () => this.#open(find(name), owner)),
      remove: (name) =>
        this.#do(owner, WRITE_MS, `remove ${name}`, () => {
          find(name).isRemoved = true;
        }),
    };
  }

  #open(file: StoredFile, owner: Owner): JournalFile {
    return {
      write: (bytes, position) => this.#write(file, owner, { bytes, position }),
      sync: () =>
        this.#do(owner, SYNC_MS, "sync", () => {
          if (this.#fails(owner)) {
            // The kernel forgets that these pages are dirty: readers still see them, the medium never does.
            file.unsynced = [];
            throw new PlannedFault("EIO");
          }
          for (const { bytes, position } of file.unsynced) file.medium.set(bytes, position);
          file.unsynced = [];
        }),
      read: (buffer, position) =>
        this.#do(owner, WRITE_MS, "read", () => file.cache.copy(buffer, 0, position)),
      close: async () => undefined,
    };
  }

  async #write(file: StoredFile, owner: Owner, write: Write): Promise<void> {
    const underWay = { ...write, file };
    const all = this.#writing.get(owner) ?? new Set();
    this.#writing.set(owner, all.add(underWay));
    await this.#do(owner, WRITE_MS, `write ${write.bytes.length} bytes`, () => {
      all.delete(underWay);
      if (this.#fails(owner)) throw new PlannedFault("EIO");
      // Read only now, as the kernel does: a buffer that is used again too early shows.
      this.#put(file, { position: write.position, bytes: Uint8Array.from(write.bytes) });
    });
  }

  #put(file: StoredFile, write: Write): void {
    file.cache.set(write.bytes, write.position);
    file.unsynced.push(write);
  }

  #fails(owner: Owner): boolean {
    return this.#failing.delete(owner);
  }

  #do<T>(owner: Owner, mostMs: number, what: string, run: () => T): Promise<T> {
    const { random } = this.#scheduler;
    const isSlow = random.chance(0.03);
    const delayMs = random.next() * (isSlow ? 100 * mostMs : mostMs);
    return this.#scheduler.call(owner, delayMs, what, run);
  }
}
