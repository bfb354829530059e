import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FairQueue, type Waiting } from "./fair-queue.ts";

const NORMAL = 2;
const HIGH = 1;
const LOW = 3;

const waiting = (
  organizationId: bigint,
  item: string,
  more: { rank?: number; sinceMs?: number } = {},
): Waiting<string> => ({ organizationId, rank: NORMAL, sinceMs: 0, item, ...more });

function serve(queue: FairQueue<string>, nowMs = 0): string[] {
  const served: string[] = [];
  for (let next = queue.peek(nowMs); next !== undefined; next = queue.peek(nowMs)) {
    queue.remove(next);
    served.push(next.item);
  }
  return served;
}

describe("those who wait", () => {
  test("take turns by organization, in their order within each", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "a2", "a3", "a4"]) queue.push(waiting(1n, item));
    queue.push(waiting(2n, "b1"));
    queue.push(waiting(2n, "b2"));
    queue.push(waiting(3n, "c1"));

    expect(serve(queue)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  });

  test("go by class first", () => {
    const queue = new FairQueue<string>();
    queue.push(waiting(1n, "low", { rank: LOW }));
    queue.push(waiting(1n, "normal"));
    queue.push(waiting(2n, "high", { rank: HIGH }));

    expect(serve(queue)).toEqual(["high", "normal", "low"]);
  });

  test("of a low class go before newcomers of a higher one when they have waited long", () => {
    const queue = new FairQueue<string>();
    queue.push(waiting(1n, "old and low", { rank: LOW, sinceMs: 0 }));
    queue.push(waiting(2n, "new and normal", { sinceMs: 5_001 }));
    queue.push(waiting(3n, "new and high", { rank: HIGH, sinceMs: 5_001 }));

    expect(serve(queue, 5_001)).toEqual(["new and high", "old and low", "new and normal"]);
  });

  test("may leave from anywhere, and lose nobody else a turn", () => {
    const queue = new FairQueue<string>();
    const leaving = waiting(1n, "a2");
    queue.push(waiting(1n, "a1"));
    queue.push(leaving);
    queue.push(waiting(2n, "b1"));
    queue.push(waiting(1n, "a3"));

    expect([queue.remove(leaving), queue.remove(leaving)]).toEqual([true, false]);
    expect(serve(queue)).toEqual(["a1", "b1", "a3"]);
    expect(queue.length).toBe(0);
  });

  test("are all served, once each, and a modest one is not kept waiting by a greedy one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt(1n, 5n), fc.integer({ min: 0, max: 4 })), { minLength: 1 }),
        (calls) => {
          const queue = new FairQueue<string>();
          for (const [i, [organizationId, rank]] of calls.entries()) {
            queue.push(waiting(organizationId, `${i}`, { rank }));
          }
          const served = serve(queue).map((item) => calls[Number.parseInt(item, 10)]);
          expect(served).toHaveLength(calls.length);
          for (const rank of [0, 1, 2, 3, 4]) {
            const turns = served.flatMap((call) => (call?.[1] === rank ? [call[0]] : []));
            // Between two calls of one organization every other one that waits has had its turn.
            for (const [i, organizationId] of turns.entries()) {
              const next = turns.indexOf(organizationId, i + 1);
              const rest = new Set(turns.slice(i + 1));
              if (next === -1) continue;
              const between = new Set(turns.slice(i + 1, next));
              expect(between.size).toBe(rest.size - (between.has(organizationId) ? 0 : 1));
            }
          }
        },
      ),
    );
  });
});
