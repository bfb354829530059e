/**
 * What the gateway and the worker need of the ledger's storage. Two implementations pass one contract
 * suite: `store.ts` on PostgreSQL, and the in-memory one that the simulation drives.
 *
 * Times are arguments, so that a simulated clock can drive expiry.
 */
import { type Nanos, nanos } from "../../lib/money.ts";
import type { UsageEvent } from "../metering/index.ts";

export type LeaseRequest = {
  gatewayId: string;
  walletId: bigint;
  /** Tops this lease up if it is still open; otherwise a new lease is opened. */
  leaseId: bigint | undefined;
  /** Less than this is of no use to the caller: nothing is granted then, and idle leases are recalled. */
  need: Nanos;
  /** What all waiting callers lack together. If the wallet has less, all it has is granted. */
  demand: Nanos;
  /** More than the demand is granted only while plenty is left: available ÷ (2 × gateways) at most. */
  want: Nanos;
  gateways: number;
  expiresAt: Date;
};

export type LeaseGrant = {
  leaseId: bigint;
  /** 0 when the wallet cannot cover the need. */
  granted: Nanos;
  /** All that this lease was ever granted: what an answer that got lost had granted is in the next one. */
  grantedInAll: Nanos;
  /** What the wallet still had when nothing could be granted. */
  available: Nanos;
  /** Money of this wallet in other leases, part of which may come back. */
  leasedElsewhere: Nanos;
};

/** The leases of a gateway that are not closed. */
export type LiveLeases = { open: ReadonlySet<bigint>; quarantined: ReadonlySet<bigint> };

export type PostBatch = {
  gatewayId: string;
  events: readonly UsageEvent[];
  /** Closed after the events are posted: what is left of them goes back to the wallet. */
  closedLeaseIds: readonly bigint[];
  /** Journal records up to here are posted once this batch is. */
  ackedSequence: bigint;
};

export interface LedgerStore {
  registerGateway(gatewayId: string): Promise<void>;
  /** @throws Failure `forbidden` when the gateway was declared dead: nobody would ever close its lease. */
  takeLease(request: LeaseRequest): Promise<LeaseGrant>;
  /** Gives a part of an open lease back at once. False when the lease is no longer open. */
  returnLease(leaseId: bigint, amount: Nanos): Promise<boolean>;
  /** Extends all open leases of a gateway. Leases that are not among the open ones are fenced off. */
  renewLeases(gatewayId: string, expiresAt: Date): Promise<LiveLeases>;
  /** Idempotent by event id: replaying a batch changes nothing. Returns how many events were new. */
  post(batch: PostBatch): Promise<number>;
  /** The journal sequence up to which a gateway's records are posted. */
  ackedSequence(gatewayId: string): Promise<bigint>;
  /** Sets aside what expired leases still hold, until their journals are posted. Returns how many. */
  quarantineExpired(now: Date): Promise<number>;
  /** Closes all leases of a dead gateway whose journal is posted to the end. */
  recoverGateway(gatewayId: string): Promise<void>;
}

/** What a gateway's pool asks of the ledger while calls wait. */
export type LeaseStore = Pick<LedgerStore, "takeLease" | "returnLease" | "renewLeases">;

/**
 * How much a lease request gets: nothing below the need, everything below the demand, and more than the
 * demand only while plenty is left, so that near the limit no gateway sits on money another could spend.
 */
export function leaseSize(
  available: Nanos,
  request: Pick<LeaseRequest, "need" | "demand" | "want" | "gateways">,
): Nanos {
  if (available <= 0n || available < request.need) return nanos(0n);
  if (available <= request.demand) return available;
  const share = available / BigInt(2 * request.gateways);
  const extra = request.want < share ? request.want : share;
  return nanos(extra > request.demand ? extra : request.demand);
}
