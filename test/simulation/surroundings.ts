/** What the processes of a simulation see of the world around them. */
import type { LedgerStore } from "../../src/domains/ledger/index.ts";
import type { Outcome, PriceComponents } from "../../src/domains/metering/index.ts";
import { type Nanos, picos } from "../../src/lib/money.ts";
import type { Journal } from "../../src/platform/journal/journal.ts";
import type { MemoryLedgerStore } from "../support/memory-ledger-store.ts";
import type { Owner, Scheduler } from "./scheduler.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import type { SimulatedUpstream } from "./simulated-upstream.ts";

/** Odd numbers, so that almost every charge carries a part of a nano-dollar. */
export const PRICE: PriceComponents = {
  uncached_input: picos(1_337n),
  cache_read: picos(331n),
  output_text: picos(7_919n),
  reasoning: picos(9_001n),
  requests: picos(503n),
};
export const PRICES = { picos: PRICE };
export const PRICE_VERSION_ID = 1n;

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
  /** Errors that the simulation made are part of the game; all others are bugs. */
  expectPlanned(error: unknown, what: string): void;
  /** The client was told: this must be in the ledger, whatever happens from now on. */
  promise(eventId: string, settled: { outcome: Outcome; charge: Nanos }): void;
};
