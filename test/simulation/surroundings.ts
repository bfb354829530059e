/** What the processes of a simulation see of the world around them. */

import {
  completeTerms,
  type Price,
  type PriceComponents,
  termsFor,
} from "../../src/domains/catalog/price.ts";
import type { LedgerStore } from "../../src/domains/ledger/index.ts";
import type { Outcome } from "../../src/domains/metering/index.ts";
import { assert } from "../../src/lib/errors.ts";
import { type Nanos, picos } from "../../src/lib/money.ts";
import type { ServiceTier } from "../../src/lib/service-tiers.ts";
import type { Journal } from "../../src/platform/journal/journal.ts";
import type { MemoryLedgerStore } from "../support/memory-ledger-store.ts";
import type { Owner, Scheduler } from "./scheduler.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedKeptAnswers } from "./simulated-kept-answers.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import type { SimulatedUpstream } from "./simulated-upstream.ts";

/** Odd numbers, so that almost every charge carries a part of a nano-dollar. Long prompts and hurry cost more. */
const terms = completeTerms({
  uncached_input: picos(1_337n),
  cache_read: picos(331n),
  cache_write_1h: picos(2_671n),
  output_text: picos(7_919n),
  reasoning: picos(9_001n),
  images: picos(40_009n),
  requests: picos(503n),
  cache_hits: picos(211n),
  contextTiers: [
    { aboveInputTokens: 150, picos: { uncached_input: picos(2_011n), output_text: picos(6_007n) } },
    { aboveInputTokens: 250, picos: { cache_read: picos(7_001n) } },
  ],
  serviceTiers: {
    batch: { uncached_input: picos(669n), output_text: picos(3_961n), images: picos(20_011n) },
    priority: {
      ...{ uncached_input: picos(2_339n), output_text: picos(13_859n), images: picos(70_001n) },
      contextTiers: [{ aboveInputTokens: 200, picos: { output_text: picos(20_771n) } }],
    },
  },
});
const { serviceTiers = {}, ...standard } = terms;

export const PRICES: Pick<Price, "picos" | "serviceTiers"> = { picos: standard, serviceTiers };
export const PRICE_VERSION_ID = 1n;
/** Nobody asks for `flex`: it has no price. */
export const SERVICE_TIERS = ["standard", "standard", "batch", "priority"] as const;

export function priceOf(serviceTier: ServiceTier): PriceComponents {
  const price = termsFor(PRICES, serviceTier);
  assert(price !== undefined, `the service tier ${serviceTier} has a price`);
  return price;
}

export type Organization = { walletId: bigint; scopes: readonly (readonly bigint[])[] };

export type JournalPort = Pick<Journal, "append" | "whyRefusing" | "close">;

/** Faults of the product that a test plants on purpose, to see that they are found. */
export type Plan = {
  ledger?: MemoryLedgerStore;
  gatewayStore?(store: LedgerStore): LedgerStore;
  workerStore?(store: LedgerStore): LedgerStore;
  journal?(journal: JournalPort): JournalPort;
  /** A worker that takes interrupted attempts for unused ones. */
  recoversBlindly?: boolean;
  /** A worker that takes a process that does not move for a dead one. */
  takesPausedForDead?: boolean;
  /** A worker that charges what the upstream served, although nobody kept the answer. */
  chargesLostAnswers?: boolean;
  /** Kept answers that are only looked at: a late write can still keep what was found not to be there. */
  keepsLate?: boolean;
  /** A gateway that charges before it knows that the answer is kept. */
  chargesBeforeKept?: boolean;
  /** A gateway that holds money for one leg of a call that it asks twice at once. */
  hedgesOnOneHold?: boolean;
  /** A gateway that takes no notice of tiers when it holds. */
  holdsAtBasePrice?: boolean;
};

/** A process that ends. */
export type Process = { readonly owner: Owner; readonly gatewayId: string };

export type Surroundings = {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly ledger: MemoryLedgerStore;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  readonly upstream: SimulatedUpstream;
  readonly kept: SimulatedKeptAnswers;
  readonly organizations: readonly Organization[];
  readonly takesCalls: boolean;
  /** A gateway is called about twice in this time. */
  readonly callMs: number;
  newRequestId(): string;
  isAlive(gatewayId: string): boolean;
  endGateway(gateway: Process): void;
  report(problem: string): void;
  /** The intent is durable and the attempt may be dispatched: it must get a terminal state. */
  begin(eventId: string): void;
  /** Our own cache answers, and no upstream knows of it. */
  hit(eventId: string, serviceTier: ServiceTier): void;
  /** Errors that the simulation made are part of the game; all others are bugs. */
  expectPlanned(error: unknown, what: string): void;
  /** The client was told: this must be in the ledger, whatever happens from now on. */
  promise(eventId: string, settled: { outcome: Outcome; charge: Nanos }): void;
};
