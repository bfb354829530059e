/**
 * The simulation finds bugs: each of these plants one, as the product could have it, and the runs must notice
 * within a bounded number of steps.
 */
import { expect, test } from "bun:test";
import type { UsageEvent } from "../../src/domains/metering/index.ts";
import { MemoryLedgerStore } from "../support/memory-ledger-store.ts";
import type { Plan } from "./surroundings.ts";
import { World } from "./world.ts";

const STEPS_PER_RUN = 2_500;
const RUNS = 60;

class ChargesReplays extends MemoryLedgerStore {
  protected override postEvent(event: UsageEvent): boolean {
    if (!super.postEvent(event)) this.charge(event);
    return true;
  }
}

class LendsToTheDead extends MemoryLedgerStore {
  protected override isRunning(): boolean {
    return true;
  }
}

class PostsWhatIsCarried extends MemoryLedgerStore {
  protected override carriedAtMost(): bigint {
    return 0n;
  }
}

const faults: Record<string, { plan: () => Plan; finds: RegExp }> = {
  "a ledger that charges a replayed event again": {
    plan: () => ({ ledger: new ChargesReplays() }),
    finds: /^6: .* was booked twice|overspent/,
  },
  "a ledger that leases to a process that was declared dead": {
    plan: () => ({ ledger: new LendsToTheDead() }),
    finds: /^4: lease \d+ is open, and its gateway is recovered/,
  },
  "a ledger that posts remainders which running processes still carry": {
    plan: () => ({ ledger: new PostsWhatIsCarried() }),
    finds: /account_remainder_is_not_negative/,
  },
  "a journal that acknowledges before it has synced": {
    plan: () => ({
      journal: (journal) => ({
        ...{ whyRefusing: () => journal.whyRefusing(), close: () => journal.close() },
        append: async (payload) => void journal.append(payload).catch(() => undefined),
      }),
    }),
    finds: /^2: /,
  },
  "a gateway that gives money back again when the answer got lost": {
    plan: () => ({
      gatewayStore: (store) => ({
        ...store,
        returnLease: (leaseId, amount) =>
          store.returnLease(leaseId, amount).catch(() => store.returnLease(leaseId, amount)),
      }),
    }),
    finds: /^3: gateway .* needs \d+ at hand|overspent/,
  },
  "a worker that acknowledges intents which have no terminal state yet": {
    plan: () => ({
      workerStore: (store) => ({
        ...store,
        post: (batch) => store.post({ ...batch, ackedSequence: batch.ackedSequence + 1n }),
      }),
    }),
    finds: /^2: |is missing before|overspent/,
  },
  "a worker that takes interrupted attempts for unused": {
    plan: () => ({ recoversBlindly: true }),
    finds: /^2: attempt .* \(interrupted\) cost 0/,
  },
  "a worker that charges answers that nobody kept": {
    plan: () => ({ chargesLostAnswers: true }),
    finds: /^2: the answer .* is charged and was not kept/,
  },
  "kept answers that can still be kept after recovery found them missing": {
    plan: () => ({ keepsLate: true }),
    finds: /^2: the answer .* is kept and is not charged/,
  },
  "a gateway that charges an answer before it knows that it is kept": {
    plan: () => ({ chargesBeforeKept: true }),
    finds: /^2: the answer .* is charged and was not kept/,
  },
  "a gateway that asks two upstreams at once on one hold": {
    plan: () => ({ hedgesOnOneHold: true }),
    finds: /a settled hold cannot be charged|^3: |overspent/,
  },
  "a gateway that holds a long prompt at the price of a short one": {
    plan: () => ({ holdsAtBasePrice: true }),
    finds: /^3: .* cost more than its (upper bound|hold)/,
  },
  "a worker that takes a process which does not move for dead": {
    plan: () => ({ takesPausedForDead: true }),
    finds: /^[234]: |overspent/,
  },
};

for (const [fault, { plan, finds }] of Object.entries(faults)) {
  test(`${fault} is found`, async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const world = new World(seed, plan());
      await world.run(STEPS_PER_RUN);
      if (world.problems.length === 0) continue;
      expect(world.problems.filter((problem) => finds.test(problem))).not.toEqual([]);
      return;
    }
    throw new Error(`not found in ${RUNS} runs of ${STEPS_PER_RUN} steps`);
  }, 60_000);
}
