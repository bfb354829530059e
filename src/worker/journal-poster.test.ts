import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawSeed, SeededRandom } from "../../test/support/seeded-random.ts";
import { gatewayIdOf, requestIdOf, usageEvent } from "../../test/support/usage-events.ts";
import type { LedgerStore, PostBatch } from "../domains/ledger/index.ts";
import { callFactsOf, encodeRecord, type Intent, usageEventId } from "../domains/metering/index.ts";
import { nanos } from "../lib/money.ts";
import { folderDisk, type JournalDisk } from "../platform/journal/disk.ts";
import { Journal } from "../platform/journal/journal.ts";
import { JournalPoster } from "./journal-poster.ts";

const gatewayId = gatewayIdOf(1);

let folder: string;
let disk: JournalDisk;
let journal: Journal;
let ledger: Ledger;

/** What a worker needs of the ledger, with failures before and after a batch is booked. */
class Ledger {
  acked = 0n;
  readonly posted = new Map<string, number>();
  readonly closed: bigint[] = [];
  batches = 0;
  failure: "none" | "before" | "after" = "none";

  store(): LedgerStore {
    return {
      ackedSequence: async () => this.acked,
      post: async (batch: PostBatch) => this.#post(batch),
    } as Partial<LedgerStore> as LedgerStore;
  }

  #post(batch: PostBatch): number {
    if (this.failure === "before") throw new Error("the database is away");
    this.batches += 1;
    for (const id of batch.events.map(usageEventId))
      this.posted.set(id, (this.posted.get(id) ?? 0) + 1);
    this.closed.push(...batch.closedLeaseIds);
    if (batch.ackedSequence > this.acked) this.acked = batch.ackedSequence;
    if (this.failure === "after") throw new Error("the answer got lost");
    return batch.events.length;
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "baseload-poster-"));
  disk = folderDisk(folder);
  journal = await Journal.open({
    disk,
    segmentBytes: 4_096,
    groupMaxRecords: 64,
    wait: Bun.sleep,
    onTrouble: () => undefined,
  });
  ledger = new Ledger();
});
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true, force: true });
});

const newPoster = (batchSize = 100) =>
  new JournalPoster({ gatewayId, disk, store: ledger.store(), batchSize });

const event = (number: number) => usageEvent(number, { leaseIds: [1n], chargeNanos: nanos(5n) });

const intentOf = (number: number): Intent => ({
  ...callFactsOf(event(number) as never),
  inputTokensCounted: 1,
  inputTokensMax: 10,
  outputTokensMax: 10,
  holdNanos: nanos(100n),
  isKept: false,
});

const appendIntent = (number: number) =>
  journal.append(encodeRecord({ type: "intent", intent: intentOf(number) }));
const appendUsage = (number: number) =>
  journal.append(encodeRecord({ type: "usage", event: event(number) }));

async function postAll(poster: JournalPoster): Promise<number> {
  let records = 0;
  for (;;) {
    const read = await poster.step();
    if (read === 0) return records;
    records += read;
  }
}

const openIn = (poster: JournalPoster) => poster.openIntents().map(({ requestId }) => requestId);

describe("a poster", () => {
  test("acknowledges everything when every attempt has ended", async () => {
    await appendIntent(1);
    await appendIntent(2);
    await appendUsage(2);
    await appendUsage(1);
    await journal.append(encodeRecord({ type: "lease_closed", leaseId: 7n }));
    const poster = newPoster();

    expect(await postAll(poster)).toBe(5);
    expect([...ledger.posted.keys()]).toEqual([event(2), event(1)].map(usageEventId));
    expect(ledger.closed).toEqual([7n]);
    expect(ledger.acked).toBe(5n);
    expect(openIn(poster)).toEqual([]);
    await poster.close();
  });

  test("acknowledges nothing behind an intent that is still open, so that a new worker finds it again", async () => {
    await appendIntent(1);
    await appendUsage(1);
    await appendIntent(2);
    await appendIntent(3);
    await appendUsage(3);
    const first = newPoster();
    await postAll(first);
    await first.close();
    const second = newPoster();
    await postAll(second);

    expect(ledger.acked).toBe(2n);
    expect(openIn(second)).toEqual([requestIdOf(2)]);
    // Read again, and posted again: the ledger knows the event by its id.
    expect(ledger.posted.get(usageEventId(event(3)))).toBe(2);
    expect(ledger.posted.get(usageEventId(event(1)))).toBe(1);

    await appendUsage(2);
    await postAll(second);
    expect(ledger.acked).toBe(6n);
    await second.close();
  });

  test("keeps the segment of an open intent, and removes those before it", async () => {
    for (let number = 1; number <= 40; number++) {
      await appendIntent(number);
      if (number !== 20) await appendUsage(number);
    }
    const before = await readdir(folder);
    const poster = newPoster(10);
    await postAll(poster);
    const kept = await readdir(folder);
    await poster.close();
    const again = newPoster();
    await postAll(again);

    expect(kept.length).toBeLessThan(before.length);
    expect(openIn(again)).toEqual([requestIdOf(20)]);

    await again.postRecovered([{ ...event(20), outcome: "interrupted" }]);
    expect(openIn(again)).toEqual([]);
    expect(ledger.acked).toBe(79n);
    await again.close();
  });

  test("posts again what may not have been posted, and passes nothing over", async () => {
    await appendIntent(1);
    await appendUsage(1);
    const poster = newPoster();
    for (const failure of ["before", "after"] as const) {
      ledger.failure = failure;
      await expect(poster.step()).rejects.toThrow();
    }
    ledger.failure = "none";
    await appendIntent(2);
    await appendUsage(2);
    await postAll(poster);

    expect([...ledger.posted.keys()]).toEqual([event(1), event(2)].map(usageEventId));
    expect(ledger.acked).toBe(4n);
    await poster.close();
  });

  test("loses nothing and acknowledges nothing too early, through failures and restarts", async () => {
    const seed = drawSeed();
    const chance = new SeededRandom(seed);
    /** Sequence of each intent that has no usage yet. */
    const open = new Map<number, bigint>();
    const ended = new Map<string, bigint>();
    let poster = newPoster(3);
    let last = 0n;
    for (let number = 1; number <= 150; number++) {
      if (chance.chance(0.8)) {
        await appendIntent(number);
        last += 1n;
        open.set(number, last);
      }
      const some = chance.pick([...open.keys(), 0]);
      if (open.has(some) && chance.chance(0.8)) {
        await appendUsage(some);
        last += 1n;
        open.delete(some);
        ended.set(usageEventId(event(some)), last);
      }
      ledger.failure = chance.pick(["none", "none", "before", "after"]);
      if (chance.chance(0.5)) await poster.step().catch(() => undefined);
      if (chance.chance(0.1)) {
        await poster.close();
        poster = newPoster(chance.between(1, 5));
      }
      const oldest = open.values().next().value ?? last + 1n;
      const early = [...ended].filter(([id, at]) => at <= ledger.acked && !ledger.posted.has(id));
      expect({ seed, isEarly: ledger.acked >= oldest, early }).toEqual({
        seed,
        isEarly: false,
        early: [],
      });
    }
    ledger.failure = "none";
    await postAll(poster);

    expect({ seed, posted: [...ledger.posted.keys()].sort() }).toEqual({
      seed,
      posted: [...ended.keys()].sort(),
    });
    expect(openIn(poster).sort()).toEqual([...open.keys()].map(requestIdOf).sort());
    expect(ledger.acked).toBe((open.values().next().value ?? last + 1n) - 1n);
    await poster.close();
  });
});
