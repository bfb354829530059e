/**
 * A whole Baseload under everything that may go wrong, driven by one seed. To repeat a run that failed:
 *
 *   SEED=… STEPS=… bin/baseload-bun test test/simulation/simulation.test.ts
 */
import { describe, expect, test } from "bun:test";
import { drawSeed } from "../support/seeded-random.ts";
import { World } from "./world.ts";

const STEPS = Number(process.env["STEPS"] ?? 3_000);
const FIXED_SEEDS = [1, 7, 38, 42, 89, 171, 181, 264, 270, 437, 455, 1_000, 2_026, 65_535];
const RANDOM_SEEDS = 24;
/** A machine under load leaves out random seeds, but never takes fewer steps than are wanted. */
const TIME_LIMIT_MS = 20_000;
const STEPS_WANTED = 10_000;

async function run(seed: number): Promise<World> {
  const world = new World(seed);
  await world.run(STEPS);
  if (world.problems.length > 0) throw new Error(describeFailure(seed, world));
  return world;
}

const describeFailure = (seed: number, { problems, scheduler }: World): string =>
  [
    `The simulation found ${problems.length} problems at step ${scheduler.count}:`,
    ...problems.slice(0, 10).map((problem) => `  ${problem}`),
    "The last steps were:",
    ...scheduler.lastSteps().map((step) => `  ${step}`),
    `Repeat it: SEED=${seed} STEPS=${STEPS} bin/baseload-bun test test/simulation/simulation.test.ts`,
  ].join("\n");

const wanted = process.env["SEED"];
const firstRandom = drawSeed();
const seeds =
  wanted === undefined
    ? [...FIXED_SEEDS, ...Array.from({ length: RANDOM_SEEDS }, (_, i) => firstRandom + i)]
    : [Number(wanted)];

describe(`${STEPS} steps and a quiet end each`, () => {
  const startedMs = performance.now();
  const worlds: World[] = [];
  /** Not counted is how long the quiet end takes. */
  const stepsTaken = () => worlds.length * STEPS;

  for (const seed of seeds) {
    test(`seed ${seed}: invariants hold after every step, and the ledger equals what was served`, async () => {
      const isLate = performance.now() - startedMs > TIME_LIMIT_MS;
      if (isLate && stepsTaken() >= STEPS_WANTED) return;
      worlds.push(await run(seed));
    }, 60_000);
  }

  test.skipIf(wanted !== undefined)("the runs met everything that they are for", () => {
    const count = (items: readonly string[]) => new Set(items).size;
    const events = worlds.flatMap(({ ledger }) => [...ledger.events.values()]);
    const transfers = worlds.flatMap(({ ledger }) => ledger.transfers);
    const has = (kind: string) => transfers.some((transfer) => transfer.kind === kind);

    expect(stepsTaken()).toBeGreaterThanOrEqual(STEPS_WANTED);
    expect(count(worlds.flatMap(({ mishaps }) => Object.keys(mishaps)))).toBe(12);
    expect(count(events.map(({ outcome }) => outcome))).toBe(4);
    expect(count(events.map(({ source }) => source))).toBe(5);
    expect(count(events.map(({ serviceTier }) => serviceTier))).toBe(3);
    expect(count(events.map(({ leaseIds }) => String(leaseIds.length)))).toBe(3);
    for (const kind of ["lease", "lease_return", "quarantine", "charge", "remainder"]) {
      expect({ kind, isThere: has(kind) }).toEqual({ kind, isThere: true });
    }
  });

  test("one seed is one history", async () => {
    const history = async () => {
      const world = await run(seeds[0] ?? 1);
      return {
        steps: world.scheduler.count,
        last: world.scheduler.lastSteps(),
        transfers: world.ledger.transfers,
      };
    };

    expect(await history()).toEqual(await history());
  });
});
