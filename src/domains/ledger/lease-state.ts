/** What a lease pool keeps in memory. */
import type { Nanos, Picos } from "../../lib/money.ts";

/** A part of a wallet that may be spent, until its lease expires. */
export type Lease = {
  readonly leaseId: bigint;
  readonly walletId: bigint;
  /** All that the database has granted, by its last answer. */
  grantedInAll: bigint;
  free: bigint;
  held: bigint;
  holds: number;
  /** On the monotonic clock, the margin already taken off. */
  validUntilMs: number;
  lastUsedMs: number;
  /** Takes no more holds; closed in the journal when its last hold is settled. */
  isRetired: boolean;
};

export type Waiter = { amount: bigint; wake(): void };

/** What the pool knows of one wallet. */
export type WalletState = {
  readonly walletId: bigint;
  lease: Lease | undefined;
  /** One question to the database at a time; who waits, waits for the same answer. */
  asking: Promise<void> | undefined;
  /** Needs of the callers that wait, so that one answer can serve them all. */
  waitingNeed: bigint;
  want: bigint;
  lastAskedMs: number;
  /** Money of this wallet in other processes' leases, by the last answer. */
  leasedElsewhere: bigint;
  available: bigint;
  /** When the database last had too little. */
  refusedMs: number;
  /** Callers that wait for freed money, in the order in which they came. */
  readonly waiters: Set<Waiter>;
  /** Exact cost below one nano-dollar that the next charge of this wallet takes along. */
  carried: Picos;
};

export type Hold = {
  /** Grows only where a charge turns out larger than the hold. */
  amount: Nanos;
  readonly leaseIds: readonly bigint[];
  readonly leases: readonly Lease[];
  isSettled: boolean;
};

export type Reservation =
  | { isCovered: true; hold: Hold }
  /** The wallet that cannot cover the need, and the most that a hold could be right now. */
  | { isCovered: false; walletId: bigint; affordable: Nanos };
