/**
 * The money that one gateway process may spend, in its memory. A hold is taken from a lease without a wait;
 * only a lease that runs low asks PostgreSQL, and only a call that finds too little waits for the answer.
 *
 * Invariant: for every lease, free + held + what is charged but not yet posted never exceeds what the
 * database has granted and not yet got back. An unknown outcome of a database call may only make the
 * pool poorer than the database, never richer; closing the lease settles the difference.
 */
import type { Clock } from "../../lib/clock.ts";
import { assert, Failure } from "../../lib/errors.ts";
import {
  type Nanos,
  nanos,
  type Picos,
  picos,
  splitCharge,
  ZERO_NANOS,
  ZERO_PICOS,
} from "../../lib/money.ts";
import type { Hold, Lease, Reservation, Waiter, WalletState } from "./lease-state.ts";
import type { LeaseGrant, LeaseStore } from "./ledger-store.ts";

export type LeasePoolOptions = {
  gatewayId: string;
  store: LeaseStore;
  clock: Clock;
  /** Waits for a recalled lease; injected so that the simulation owns time. */
  wait(ms: number): Promise<void>;
  /** Writes to the journal that nothing more will be charged to a lease. */
  closeLease(leaseId: bigint): void;
  /** Hears about questions to the ledger that failed. */
  onTrouble(message: string, error: unknown): void;
  gateways: number;
  ttlMs: number;
  /** A lease is not used for new holds this long before it expires: clocks drift, disks stall. */
  marginMs: number;
  /** The most that one top-up takes beyond its need. */
  maxNanos: Nanos;
  /** A lease without holds is given back after this long. */
  idleMs: number;
  /** How long a call goes on waiting for money that calls under way still hold, when recalls brought too little. */
  patienceMs: number;
};

/** Between two questions for money that may come back: recalled from others, or freed by calls that settle. */
const RECALL_WAITS_MS = [5, 15, 40, 80, 160] as const;
const LAST_RECALL_WAIT_MS = 250;
/** A refusal this fresh is not asked for again. */
const REFUSAL_FRESH_MS = 20;
const PICOS_PER_NANO = 1_000n;
/** The first lease of a wallet pays for about this many calls like the first. */
const FIRST_WANT_NEEDS = 8n;
const BUSY_MS = 2_000;
const QUIET_MS = 10_000;

export class LeasePool {
  readonly #options: LeasePoolOptions;
  readonly #wallets = new Map<bigint, WalletState>();
  readonly #leases = new Map<bigint, Lease>();
  /** Closed in the journal, and perhaps not yet in the database. */
  readonly #closing = new Set<bigint>();
  /** In the database and unknown here, with the number of the last question when they were first seen. */
  readonly #strays = new Map<bigint, number>();
  /** Questions to the database that have no answer yet, by number. */
  readonly #asking = new Set<number>();
  #asked = 0;

  constructor(options: LeasePoolOptions) {
    this.#options = options;
  }

  /** Takes a hold over all wallets at once, without a wait; undefined when any of them has too little at hand. */
  tryReserve(walletIds: readonly bigint[], amount: Nanos): Hold | undefined {
    const now = this.#options.clock.monotonicMs();
    const leases: Lease[] = [];
    for (const walletId of walletIds) {
      const lease = this.#usableLease(walletId, now);
      if (lease === undefined || lease.free < amount) return undefined;
      leases.push(lease);
    }
    for (const lease of leases) {
      lease.free -= amount;
      lease.held += amount;
      lease.holds += 1;
      lease.lastUsedMs = now;
      this.#refillEarly(lease, amount);
    }
    return { amount, leases, leaseIds: leases.map((lease) => lease.leaseId), isSettled: false };
  }

  /**
   * Takes a hold, asking the database where the leases at hand do not suffice.
   *
   * @throws Failure `overloaded` when the database cannot be asked: nothing is known to be wrong with the wallet.
   */
  async reserve(walletIds: readonly bigint[], amount: Nanos): Promise<Reservation> {
    const { clock, patienceMs } = this.#options;
    const giveUpMs = clock.monotonicMs() + patienceMs;
    for (let round = 0; ; round++) {
      const found = await this.#reserveAsking(walletIds, amount);
      if ("leaseIds" in found) return { isCovered: true, hold: found };
      const leftMs = giveUpMs - clock.monotonicMs();
      const isOver = round >= RECALL_WAITS_MS.length && leftMs <= 0;
      if (isOver || !this.#mayComeBack(found, amount)) return this.#shortfall(found);
      const waitMs = RECALL_WAITS_MS[round] ?? Math.min(LAST_RECALL_WAIT_MS, leftMs);
      await this.#untilFreed(found, { amount, waitMs });
    }
  }

  /**
   * Takes what is left of the wallets into this process, so that a smaller hold can be made of it, but no more
   * than `most` of each: the poorest wallet decides, and the others must not be emptied for it.
   *
   * @throws Failure `overloaded` when the database cannot be asked.
   */
  async reserveRest(walletIds: readonly bigint[], most: bigint): Promise<Nanos> {
    for (const walletId of walletIds) {
      const state = this.#stateOf(walletId);
      await state.asking?.catch(() => undefined);
      if (this.#covers(state, most)) continue;
      const atHand = this.#freeOf(state);
      await this.#ask(state, { need: atHand + 1n, demand: most }).catch(refuseUnreachable);
    }
    return this.#affordable(walletIds);
  }

  /** Whether what the wallets lack may come back: from calls under way here, or from other processes. */
  mayComeBack(walletIds: readonly bigint[], amount: bigint): boolean {
    return walletIds.every((walletId) => {
      const state = this.#stateOf(walletId);
      return this.#covers(state, amount) || this.#mayComeBack(state, amount);
    });
  }

  /**
   * Splits an exact cost into whole nano-dollars and the remainder carried to the next charge, and caps it at
   * what the hold and the free part of its leases cover. Call it in the order in which charges are journalled.
   */
  charge(hold: Hold, cost: Picos): { charge: Nanos; uncovered: Picos } {
    const paying = hold.leases[0];
    assert(paying !== undefined, "a hold has at least one lease");
    assert(!hold.isSettled, "a settled hold cannot be charged");
    const state = this.#stateOf(paying.walletId);
    const split = splitCharge(cost, state.carried);
    if (split.charge > hold.amount) this.#grow(hold, split.charge - hold.amount);
    if (split.charge <= hold.amount) {
      state.carried = split.carried;
      return { charge: split.charge, uncovered: ZERO_PICOS };
    }
    // Not reached while holds are upper bounds. The wallet stays whole and the difference is on record.
    const beyond = cost + state.carried - hold.amount * PICOS_PER_NANO;
    if (beyond > cost) return { charge: ZERO_NANOS, uncovered: cost };
    state.carried = ZERO_PICOS;
    return { charge: hold.amount, uncovered: picos(beyond) };
  }

  /** Ends a hold: the charge stays out of the lease, the rest is free again. The second call does nothing. */
  settle(hold: Hold, charge: Nanos): void {
    if (hold.isSettled) return;
    hold.isSettled = true;
    const now = this.#options.clock.monotonicMs();
    for (const lease of hold.leases) {
      lease.held -= hold.amount;
      lease.free += hold.amount - charge;
      lease.holds -= 1;
      lease.lastUsedMs = now;
      assert(lease.free >= 0n && lease.held >= 0n, `lease ${lease.leaseId} is overspent`);
      if (lease.isRetired && lease.holds === 0) this.#close(lease);
      else this.#wakeWaiters(lease);
    }
  }

  /** Extends all leases. A lease that the database no longer lists as open is fenced off. */
  async renew(): Promise<void> {
    const { clock, store, gatewayId, ttlMs, marginMs } = this.#options;
    const sentAtMs = clock.monotonicMs();
    const before = [...this.#leases.values()];
    const live = await store.renewLeases(gatewayId, new Date(clock.nowMs() + ttlMs));
    for (const lease of before) {
      if (live.open.has(lease.leaseId)) lease.validUntilMs = sentAtMs + ttlMs - marginMs;
      else this.#retire(lease);
    }
    this.#closeStrays(new Set([...live.open, ...live.quarantined]));
  }

  /** Gives leases back that nobody has used for a while. */
  returnIdle(): void {
    const now = this.#options.clock.monotonicMs();
    for (const lease of [...this.#leases.values()]) {
      const isIdle = lease.holds === 0 && now - lease.lastUsedMs >= this.#options.idleMs;
      // While the database is being asked about a lease it stays, or the answer would have no owner.
      const isAsked = this.#wallets.get(lease.walletId)?.asking !== undefined;
      if (isIdle && !isAsked) this.#retire(lease);
    }
  }

  /** Another process needs money of this wallet: gives back at once what is not held. */
  async recall(walletId: bigint): Promise<void> {
    const state = this.#wallets.get(walletId);
    const lease = state?.lease;
    if (state === undefined || lease === undefined) return;
    state.want = 0n;
    const amount = lease.free;
    if (amount <= 0n || state.asking !== undefined) return;
    lease.free = 0n;
    let isDone = false;
    try {
      isDone = await this.#options.store.returnLease(lease.leaseId, nanos(amount));
    } finally {
      // Fenced off, or the outcome is unknown: the amount is no longer ours to spend, and only closing the lease
      // settles whose it is.
      if (!isDone) this.#retire(lease);
    }
  }

  /** Retires every lease, for a clean stop. Holds that are still open close their leases when they settle. */
  async retireAll(): Promise<void> {
    const asking = [...this.#wallets.values()].map((state) => state.asking);
    await Promise.allSettled(asking);
    for (const lease of [...this.#leases.values()]) this.#retire(lease);
  }

  /** For metrics: money at hand, in holds, and leases. */
  totals(): { free: Nanos; held: Nanos; leases: number } {
    let free = 0n;
    let held = 0n;
    for (const lease of this.#leases.values()) {
      free += lease.free;
      held += lease.held;
    }
    return { free: nanos(free), held: nanos(held), leases: this.#leases.size };
  }

  #usableLease(walletId: bigint, now: number): Lease | undefined {
    const lease = this.#wallets.get(walletId)?.lease;
    return lease !== undefined && now < lease.validUntilMs ? lease : undefined;
  }

  #stateOf(walletId: bigint): WalletState {
    let state = this.#wallets.get(walletId);
    if (state === undefined) {
      state = {
        walletId,
        lease: undefined,
        asking: undefined,
        waitingNeed: 0n,
        want: -1n,
        lastAskedMs: Number.NEGATIVE_INFINITY,
        leasedElsewhere: 0n,
        available: 0n,
        refusedMs: Number.NEGATIVE_INFINITY,
        waiters: new Set(),
        carried: ZERO_PICOS,
      };
      this.#wallets.set(walletId, state);
    }
    return state;
  }

  #freeOf(state: WalletState): bigint {
    const now = this.#options.clock.monotonicMs();
    return this.#usableLease(state.walletId, now)?.free ?? 0n;
  }

  /** Takes a hold, asking for the wallets that are short; otherwise answers the wallet that stays short. */
  async #reserveAsking(walletIds: readonly bigint[], amount: Nanos): Promise<Hold | WalletState> {
    const states = walletIds.map((walletId) => this.#stateOf(walletId));
    // Counted until this caller has its hold, so that whoever asks next asks for all who still wait.
    for (const state of states) state.waitingNeed += amount;
    try {
      for (let asks = 0; ; asks++) {
        const hold = this.tryReserve(walletIds, amount);
        if (hold !== undefined) return hold;
        const short = this.#shortOf(walletIds, amount);
        // What an answer brought may be taken by those who have waited longer: each wallet is asked for twice.
        const isEnough = asks >= walletIds.length * 2;
        if (isEnough || this.#wasJustRefused(short, amount)) return short;
        const asking = short.asking ?? this.#ask(short, { need: amount, demand: amount });
        await asking.catch(refuseUnreachable);
      }
    } finally {
      for (const state of states) state.waitingNeed -= amount;
    }
  }

  #shortOf(walletIds: readonly bigint[], amount: bigint): WalletState {
    const walletId = walletIds.find((id) => !this.#covers(this.#stateOf(id), amount));
    assert(walletId !== undefined, "a hold was refused although every wallet covers it");
    return this.#stateOf(walletId);
  }

  #mayComeBack(state: WalletState, amount: bigint): boolean {
    const isHeldHere = (state.lease?.held ?? 0n) > 0n;
    return (
      isHeldHere || state.leasedElsewhere > 0n || state.available + this.#freeOf(state) >= amount
    );
  }

  #wasJustRefused(state: WalletState, amount: bigint): boolean {
    const isFresh = this.#options.clock.monotonicMs() - state.refusedMs < REFUSAL_FRESH_MS;
    return isFresh && state.available + this.#freeOf(state) < amount;
  }

  /** Waits until money of the wallet is freed here, or the time is over; those who wait longest come first. */
  async #untilFreed(state: WalletState, wish: { amount: bigint; waitMs: number }): Promise<void> {
    let waiter: Waiter | undefined;
    const freed = new Promise<void>((wake) => {
      waiter = { amount: wish.amount, wake };
      state.waiters.add(waiter);
    });
    await Promise.race([this.#options.wait(wish.waitMs), freed]);
    if (waiter !== undefined) state.waiters.delete(waiter);
  }

  /** Wakes as many as the free part of the lease can cover. */
  #wakeWaiters(lease: Lease): void {
    const waiters = this.#wallets.get(lease.walletId)?.waiters;
    if (waiters === undefined || waiters.size === 0) return;
    let free = lease.free;
    for (const waiter of waiters) {
      if (waiter.amount > free) return;
      free -= waiter.amount;
      waiters.delete(waiter);
      waiter.wake();
    }
  }

  #covers(state: WalletState, amount: bigint): boolean {
    const lease = this.#usableLease(state.walletId, this.#options.clock.monotonicMs());
    return lease !== undefined && lease.free >= amount;
  }

  /** One question to the database, to have at least `need` at hand and as much as all waiting callers need. */
  #ask(state: WalletState, wish: { need: bigint; demand: bigint }): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    this.#asking.add(number);
    const asked = this.#askNow(state, wish).finally(() => {
      this.#asking.delete(number);
      state.asking = undefined;
    });
    state.asking = asked;
    return asked;
  }

  async #askNow(state: WalletState, wish: { need: bigint; demand: bigint }): Promise<void> {
    const { clock, store, gatewayId, gateways, ttlMs, marginMs } = this.#options;
    if (state.lease !== undefined && clock.monotonicMs() >= state.lease.validUntilMs) {
      await this.renew();
    }
    if (this.#covers(state, wish.need)) return;
    const lease = state.lease;
    const atHand = lease?.free ?? 0n;
    const need = wish.need > atHand ? wish.need - atHand : 1n;
    const demand = (wish.demand > state.waitingNeed ? wish.demand : state.waitingNeed) - atHand;
    const sentAtMs = clock.monotonicMs();
    const answer = await store.takeLease({
      gatewayId,
      walletId: state.walletId,
      leaseId: lease?.leaseId,
      need: nanos(need),
      demand: nanos(demand > need ? demand : need),
      want: this.#wantOf(state, need, sentAtMs),
      gateways,
      expiresAt: new Date(clock.nowMs() + ttlMs),
    });
    state.leasedElsewhere = answer.leasedElsewhere - (lease?.free ?? 0n);
    state.available = answer.available;
    if (answer.granted === 0n) state.refusedMs = clock.monotonicMs();
    this.#receive(state, { lease, answer, validUntilMs: sentAtMs + ttlMs - marginMs });
  }

  #receive(
    state: WalletState,
    received: { lease: Lease | undefined; answer: LeaseGrant; validUntilMs: number },
  ): void {
    const { lease: known, answer, validUntilMs } = received;
    if (known?.leaseId === answer.leaseId) {
      // Retired while the answer was under way: what was added to it comes back when it is closed.
      if (known.isRetired) return;
      // Not the amount of this answer alone: an answer that got lost may have granted more.
      if (answer.grantedInAll > known.grantedInAll) {
        known.free += answer.grantedInAll - known.grantedInAll;
        known.grantedInAll = answer.grantedInAll;
      }
      if (answer.granted > 0n) known.validUntilMs = validUntilMs;
      return;
    }
    if (answer.granted === 0n) return;
    // The database opened a new lease because it no longer had the old one: that one is fenced off.
    if (state.lease !== undefined) this.#retire(state.lease);
    const lease: Lease = {
      leaseId: answer.leaseId,
      walletId: state.walletId,
      grantedInAll: answer.grantedInAll,
      free: answer.granted,
      held: 0n,
      holds: 0,
      validUntilMs,
      lastUsedMs: this.#options.clock.monotonicMs(),
      isRetired: false,
    };
    this.#leases.set(lease.leaseId, lease);
    state.lease = lease;
  }

  /** Grows while a wallet is busy, shrinks when it is quiet, so that little money lies about. */
  #wantOf(state: WalletState, need: bigint, nowMs: number): Nanos {
    const sinceMs = nowMs - state.lastAskedMs;
    state.lastAskedMs = nowMs;
    if (state.want < 0n) state.want = need * FIRST_WANT_NEEDS;
    else if (sinceMs < BUSY_MS) state.want *= 2n;
    else if (sinceMs > QUIET_MS) state.want /= 2n;
    if (state.want < need) state.want = need;
    if (state.want > this.#options.maxNanos) state.want = this.#options.maxNanos;
    return nanos(state.want);
  }

  /** Asks before the lease runs dry, so that calls need not wait. Only while the wallet has plenty. */
  #refillEarly(lease: Lease, amount: bigint): void {
    const state = this.#stateOf(lease.walletId);
    if (lease.free > amount * 2n || state.asking !== undefined || state.want <= amount) return;
    if (state.available < state.want * BigInt(2 * this.#options.gateways)) return;
    const need = lease.free + amount;
    this.#ask(state, { need, demand: need }).catch((error: unknown) => {
      this.#options.onTrouble("a lease could not be topped up in advance", error);
    });
  }

  /** Takes what a charge needs beyond its hold from the free part of all leases, as far as that goes. */
  #grow(hold: Hold, wanted: bigint): void {
    const extra = hold.leases.reduce((least, { free }) => (free < least ? free : least), wanted);
    for (const lease of hold.leases) {
      lease.free -= extra;
      lease.held += extra;
    }
    hold.amount = nanos(hold.amount + extra);
  }

  /**
   * Closes leases that nobody here knows because their answers got lost, or nobody ever would. One that is still
   * being asked for is left until all questions of that time have their answers.
   */
  #closeStrays(live: ReadonlySet<bigint>): void {
    for (const leaseId of this.#closing) if (!live.has(leaseId)) this.#closing.delete(leaseId);
    for (const leaseId of this.#strays.keys()) if (!live.has(leaseId)) this.#strays.delete(leaseId);
    for (const leaseId of live) {
      if (this.#leases.has(leaseId) || this.#closing.has(leaseId)) continue;
      const askedAtSight = this.#strays.get(leaseId) ?? this.#asked;
      const isAwaited = [...this.#asking].some((number) => number <= askedAtSight);
      if (isAwaited) this.#strays.set(leaseId, askedAtSight);
      else this.#closeInJournal(leaseId);
    }
  }

  #retire(lease: Lease): void {
    if (lease.isRetired) return;
    const state = this.#wallets.get(lease.walletId);
    lease.isRetired = true;
    if (state?.lease === lease) state.lease = undefined;
    if (lease.holds === 0) this.#close(lease);
  }

  #close(lease: Lease): void {
    this.#leases.delete(lease.leaseId);
    this.#closeInJournal(lease.leaseId);
  }

  #closeInJournal(leaseId: bigint): void {
    this.#strays.delete(leaseId);
    this.#closing.add(leaseId);
    this.#options.closeLease(leaseId);
  }

  #affordable(walletIds: readonly bigint[]): Nanos {
    const free = walletIds.map((walletId) => this.#freeOf(this.#stateOf(walletId)));
    return nanos(free.reduce((least, each) => (each < least ? each : least), free[0] ?? 0n));
  }

  #shortfall(state: WalletState): Reservation {
    return {
      isCovered: false,
      walletId: state.walletId,
      affordable: nanos(this.#freeOf(state) + state.available),
    };
  }
}

function refuseUnreachable(error: unknown): never {
  throw new Failure(
    "overloaded",
    "The ledger cannot be reached, so the call cannot be paid for. Try again shortly.",
    { code: "ledger_unreachable", retryAfterSeconds: 2, cause: error },
  );
}
