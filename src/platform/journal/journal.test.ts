import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderDisk, type JournalDisk } from "./disk.ts";
import { RECORD_HEADER_BYTES } from "./format.ts";
import { Journal, segmentName } from "./journal.ts";
import { JournalTail } from "./tail.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baseload-journal-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const openJournal = (disk: JournalDisk, segmentBytes = 4096) =>
  Journal.open({
    disk,
    segmentBytes,
    groupMaxRecords: 64,
    wait: (ms) => Bun.sleep(Math.min(ms, 5)),
    onTrouble: () => undefined,
  });

async function readNow(tail: JournalTail): Promise<string[]> {
  const payloads: string[] = [];
  for (;;) {
    const entries = await tail.next();
    if (entries.length === 0) return payloads;
    payloads.push(...entries.map((entry) => entry.payload));
  }
}

async function readAll(tail: JournalTail): Promise<string[]> {
  const payloads = await readNow(tail);
  await tail.close();
  return payloads;
}

describe("a journal", () => {
  test("gives back what was appended, in order, over many segments, while it is written", async () => {
    const disk = folderDisk(folder);
    const journal = await openJournal(disk);
    const tail = new JournalTail(disk, 0n);
    const read: string[] = [];
    const written = Array.from({ length: 500 }, (_, i) => `record ${i} ${"é".repeat(i % 50)}`);

    for (let i = 0; i < written.length; i += 50) {
      await Promise.all(written.slice(i, i + 50).map((payload) => journal.append(payload)));
      read.push(...(await readNow(tail)));
    }

    expect(read).toEqual(written);
    expect((await readdir(folder)).length).toBeGreaterThan(5);
    await journal.close();
    await tail.close();
  });

  test("begins behind the acknowledged record and removes only segments that are acknowledged whole", async () => {
    const disk = folderDisk(folder);
    const journal = await openJournal(disk);
    for (let i = 1; i <= 200; i++) await journal.append(`record ${i} ${"x".repeat(80)}`);
    await journal.close();

    const tail = new JournalTail(disk, 150n);
    const rest = await readNow(tail);
    await tail.removeUpTo(200n);
    await tail.close();

    expect(rest[0]).toStartWith("record 151 ");
    expect(rest).toHaveLength(50);
    const again = await readAll(new JournalTail(disk, 199n));
    expect(again.map((payload) => payload.slice(0, 10))).toEqual(["record 200"]);
  });

  test("reads a record that is longer than its buffer", async () => {
    const disk = folderDisk(folder);
    const journal = await openJournal(disk, 1024 * 1024);
    const long = "y".repeat(80_000);
    await journal.append("short");
    for (let i = 0; i < 4; i++) await journal.append(long);
    await journal.close();

    expect(await readAll(new JournalTail(disk, 0n))).toEqual(["short", long, long, long, long]);
  });

  test("ends at a torn record, wherever it is torn", async () => {
    const disk = folderDisk(folder);
    const journal = await openJournal(disk);
    await journal.append("first");
    await journal.append("second");
    await journal.close();
    const path = join(folder, segmentName(1));
    const whole = await readFile(path);
    const secondAt = 16 + RECORD_HEADER_BYTES + "first".length;
    const end = secondAt + RECORD_HEADER_BYTES + "second".length;

    for (let cut = secondAt; cut < end; cut++) {
      const torn = Buffer.from(whole);
      torn.fill(0, cut);
      await writeFile(path, torn);
      expect(await readAll(new JournalTail(disk, 0n))).toEqual(["first"]);
    }
  });

  test("refuses for good after a failed sync, and tells every writer that waits", async () => {
    const real = folderDisk(folder);
    let fails = false;
    const disk: JournalDisk = {
      ...real,
      async create(name, sizeBytes) {
        const file = await real.create(name, sizeBytes);
        return {
          ...file,
          sync: () => (fails ? Promise.reject(new Error("EIO")) : file.sync()),
        };
      },
    };
    const journal = await openJournal(disk);
    await journal.append("kept");
    fails = true;

    const outcomes = await Promise.allSettled([journal.append("a"), journal.append("b")]);
    fails = false;
    const later = await Promise.allSettled([journal.append("c")]);

    expect([...outcomes, ...later].map((outcome) => outcome.status)).toEqual([
      "rejected",
      "rejected",
      "rejected",
    ]);
    expect(journal.whyRefusing()).toContain("could not be written");
    await journal.close();
  });

  test("writes everything that waits when it is closed, however many segments that takes", async () => {
    const disk = folderDisk(folder);
    const journal = await openJournal(disk, 256);
    const appended = Array.from({ length: 20 }, (_, i) => journal.append(`${i} ${"x".repeat(90)}`));

    await journal.close();
    await Promise.all(appended);

    expect(await readAll(new JournalTail(disk, 0n))).toHaveLength(20);
  });

  test("stops taking work while the disk is full, keeps what is under way, and goes on when there is room", async () => {
    const real = folderDisk(folder);
    let isFull = false;
    const disk: JournalDisk = {
      ...real,
      create: (name, sizeBytes) =>
        isFull
          ? Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }))
          : real.create(name, sizeBytes),
    };
    const journal = await openJournal(disk);
    const payload = "z".repeat(100);
    await journal.append(payload);
    isFull = true;
    let appended = 1;
    while (journal.whyRefusing() === undefined && appended < 1_000) {
      await journal.append(payload);
      appended += 1;
    }
    const refused = journal.whyRefusing();
    for (let i = 0; i < 10; i++) await journal.append(payload);
    isFull = false;
    for (let i = 0; i < 50; i++) await journal.append(payload);

    expect(refused).toContain("disk is full");
    expect(journal.whyRefusing()).toBeUndefined();
    expect(await readAll(new JournalTail(disk, 0n))).toHaveLength(appended + 60);
    await journal.close();
  });
});
