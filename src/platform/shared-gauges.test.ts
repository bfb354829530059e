import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SharedGauges } from "./shared-gauges.ts";

let folder: string;
let nowMs: number;
const clock = { nowMs: () => nowMs };
const open = () => SharedGauges.open(join(folder, "gauges.bin"), clock);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baseload-gauges-"));
  nowMs = 1_700_000_000_000;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("what is in use over all processes", () => {
  test("is never more than there is, and free again when it is left", () => {
    const [one, other] = [open(), open()];
    const entered = [one, other, one, other].map((process) => process.enter("key", 3));
    other.leave("key");

    expect(entered).toEqual([true, true, true, false]);
    expect([one.inUse("key"), other.inUse("key")]).toEqual([2, 2]);
    expect(one.enter("key", 3)).toBe(true);
    expect(one.enter("another", 1)).toBe(true);
  });

  test("forgets a process that was killed, and not one that lives", () => {
    const [one, killed] = [open(), open()];
    killed.enter("key", 2);
    one.enter("key", 2);
    nowMs += 9_000;
    one.beat();
    expect(one.enter("key", 2)).toBe(false);
    nowMs += 2_000;
    one.beat();

    expect(one.inUse("key")).toBe(1);
    expect(one.enter("key", 2)).toBe(true);
  });

  test("knows again what a process holds that was only stopped for long", () => {
    const [one, stopped] = [open(), open()];
    stopped.enter("key", 5);
    nowMs += 20_000;
    one.beat();
    // It takes the column of the silent one.
    const third = open();
    third.enter("key", 5);
    stopped.beat();

    expect(one.inUse("key")).toBe(2);
    stopped.leave("key");
    expect(one.inUse("key")).toBe(1);
  });

  test("is given back at once by a process that ends", () => {
    const [one, ended] = [open(), open()];
    ended.enter("key", 1);
    ended.close();

    expect(one.enter("key", 1)).toBe(true);
  });

  test("is the number of those who entered and have not left, whatever they do", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.constantFrom("a", "b", "c"), fc.boolean()), {
          maxLength: 60,
        }),
        fc.integer({ min: 1, max: 6 }),
        (steps, max) => {
          rmSync(join(folder, "gauges.bin"), { force: true });
          const processes = [open(), open(), open()];
          const held = new Map<string, number[]>();
          for (const [number, name, enters] of steps) {
            const process = processes[number] as SharedGauges;
            const holders = held.get(name) ?? [];
            if (enters) {
              const isIn = process.enter(name, max);
              expect(isIn).toBe(holders.length < max);
              if (isIn) held.set(name, [...holders, number]);
            } else if (holders.includes(number)) {
              process.leave(name);
              held.set(name, holders.toSpliced(holders.indexOf(number), 1));
            }
            expect(process.inUse(name)).toBe(held.get(name)?.length ?? 0);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
