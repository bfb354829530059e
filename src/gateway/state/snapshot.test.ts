import { describe, expect, test } from "bun:test";
import type { Principal } from "../../domains/identity/index.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { Snapshot, type SnapshotContent } from "./snapshot.ts";

/** A database whose answers are held back until the test lets them go. */
class HeldReads {
  readonly keys = new Set<string>();
  begun = 0;
  isHeld = false;
  #letGo: (() => void)[] = [];

  /** As a database does: what is read is what was there when the read began. */
  read = async (): Promise<SnapshotContent> => {
    this.begun += 1;
    const principals = new Map([...this.keys].map((key) => [key, {} as Principal]));
    if (this.isHeld) await new Promise<void>((resolve) => this.#letGo.push(resolve));
    return { principals, models: new Map(), routes: new Map() };
  };

  letGo(): void {
    this.isHeld = false;
    for (const resolve of this.#letGo.splice(0)) resolve();
  }
}

const snapshotOf = (read: () => Promise<SnapshotContent>) =>
  new Snapshot({ read, clock: systemClock, log: silentLog });

const lookFor = async (snapshot: Snapshot, key: string): Promise<boolean> => {
  await snapshot.lookAgain(() => snapshot.principals.has(key));
  return snapshot.principals.has(key);
};

describe("a snapshot", () => {
  test("keeps the last content while the database cannot be read", async () => {
    const reads = new HeldReads();
    reads.keys.add("live1");
    let isAway = false;
    const snapshot = snapshotOf(() => (isAway ? Promise.reject(new Error("away")) : reads.read()));
    await snapshot.refresh();
    isAway = true;
    const failed = snapshot.refresh();

    await expect(failed).rejects.toThrow("away");
    expect(await lookFor(snapshot, "live2")).toBe(false);
    expect(snapshot.principals.has("live1")).toBe(true);
    expect(snapshot.isLoaded).toBe(true);
  });

  test("reads once more after a change that came during a read", async () => {
    const reads = new HeldReads();
    const snapshot = snapshotOf(reads.read);
    reads.isHeld = true;
    const first = snapshot.refresh();
    reads.keys.add("live1");
    const notices = [snapshot.refresh(), snapshot.refresh(), snapshot.refresh()];
    reads.letGo();
    await Promise.all([first, ...notices]);

    expect(reads.begun).toBe(2);
    expect(snapshot.principals.has("live1")).toBe(true);
  });

  test("forgets verified keys with the content they were verified against", async () => {
    const snapshot = snapshotOf(new HeldReads().read);
    await snapshot.refresh();
    snapshot.verifiedKeys.set("bl_live1", {} as Principal);
    await snapshot.refresh();

    expect(snapshot.verifiedKeys.size).toBe(0);
  });
});

describe("a name that is not there", () => {
  test("is looked for once more, together with all others, not once for each", async () => {
    const reads = new HeldReads();
    const snapshot = snapshotOf(reads.read);
    await snapshot.refresh();
    const startMs = performance.now();
    const found: boolean[] = [];
    // A flood that keeps coming: whoever is refused asks again at once.
    const flood = async (name: string) => {
      while (performance.now() - startMs < 600) found.push(await lookFor(snapshot, name));
    };
    await Promise.all(Array.from({ length: 50 }, (_, i) => flood(`live${i}`)));
    const intervals = (performance.now() - startMs) / 250;

    expect(found).not.toContain(true);
    expect(found.length).toBeGreaterThan(50);
    expect(reads.begun - 1).toBeWithin(1, Math.ceil(intervals) + 2);
  });

  test("is not called unknown because of a read that began before it was created", async () => {
    const reads = new HeldReads();
    const snapshot = snapshotOf(reads.read);
    reads.isHeld = true;
    const early = snapshot.refresh();
    reads.keys.add("live1");
    const looks = [lookFor(snapshot, "live1"), lookFor(snapshot, "live1")];
    reads.letGo();
    await early;

    expect(snapshot.principals.has("live1")).toBe(false);
    expect(await Promise.all(looks)).toEqual([true, true]);
    expect(reads.begun).toBe(2);
  });

  test("is found by a read that somebody else caused, without a further one", async () => {
    const reads = new HeldReads();
    const snapshot = snapshotOf(reads.read);
    await snapshot.refresh();
    const look = lookFor(snapshot, "live1");
    reads.keys.add("live1");
    await snapshot.refresh();

    expect(await look).toBe(true);
    expect(reads.begun).toBe(2);
  });

  test("keeps nobody waiting long for a database that does not answer", async () => {
    const reads = new HeldReads();
    const snapshot = snapshotOf(reads.read);
    await snapshot.refresh();
    reads.isHeld = true;
    const startMs = performance.now();
    const found = await lookFor(snapshot, "live1");

    expect(found).toBe(false);
    expect(performance.now() - startMs).toBeWithin(900, 3_000);
    reads.letGo();
  });
});
