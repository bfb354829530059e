/**
 * The ledger in memory, with the same accounts, transfers and entries as in PostgreSQL. It passes the same
 * contract suite as `src/domains/ledger/store.ts`; the simulation drives it, because it starts in no time and
 * knows no chance.
 *
 * Every method is one transaction: it runs without a pause, and takes everything back when it throws.
 */

import { type AccountKind, accountIdOf, accountKinds } from "../../src/domains/ledger/accounts.ts";
import type {
  LeaseGrant,
  LeaseRequest,
  LedgerStore,
  LiveLeases,
  PostBatch,
  WalletBalances,
} from "../../src/domains/ledger/index.ts";
import { leaseSize } from "../../src/domains/ledger/ledger-store.ts";
import { type UsageEvent, usageEventId } from "../../src/domains/metering/index.ts";
import { assert, Failure } from "../../src/lib/errors.ts";
import { type Nanos, nanos } from "../../src/lib/money.ts";

export type MemoryAccount = {
  readonly accountId: bigint;
  readonly walletId: bigint;
  readonly kind: AccountKind;
  credits: bigint;
  debits: bigint;
  remainderPicos: bigint;
};

export type MemoryLease = {
  readonly leaseId: bigint;
  readonly walletId: bigint;
  readonly gatewayId: string;
  granted: bigint;
  returned: bigint;
  charged: bigint;
  state: "open" | "quarantined" | "closed";
  expiresAt: Date;
};

export type MemoryTransfer = {
  readonly transferId: string;
  readonly kind: string;
  readonly entries: readonly (readonly [accountId: bigint, amount: bigint])[];
};

type MemoryGateway = { acked: bigint; state: "running" | "recovered" };

export class MemoryLedgerStore implements LedgerStore {
  readonly accounts = new Map<bigint, MemoryAccount>();
  readonly leases = new Map<bigint, MemoryLease>();
  readonly events = new Map<string, UsageEvent>();
  readonly gateways = new Map<string, MemoryGateway>();
  /** In the order in which they were booked. */
  readonly transfers: MemoryTransfer[] = [];
  /** Wallets that were asked for more than they had: what PostgreSQL tells on its recall channel. */
  onRecall: (walletId: bigint) => void = () => undefined;
  /** How often the ledger was written to, or tried to be. */
  transactions = 0;
  #undo: (() => void)[] = [];
  #wallets = 0n;
  #lastLeaseId = 0n;

  openWallet(): bigint {
    this.#wallets += 1n;
    for (const kind of accountKinds) {
      const accountId = accountIdOf(this.#wallets, kind);
      this.accounts.set(accountId, {
        ...{ accountId, walletId: this.#wallets, kind },
        ...{ credits: 0n, debits: 0n, remainderPicos: 0n },
      });
    }
    return this.#wallets;
  }

  grant(walletId: bigint, amount: Nanos): void {
    this.#atomically(() => {
      this.#move("grant", walletId, { from: "granted", to: "available", amount });
    });
  }

  balances(walletId: bigint): WalletBalances {
    const balance = (kind: AccountKind) => nanos(this.#balance(walletId, kind));
    return {
      availableNanos: balance("available"),
      leasedNanos: balance("leased"),
      quarantinedNanos: balance("quarantined"),
      spentNanos: balance("spent"),
      grantedNanos: nanos(-balance("granted")),
      expiredNanos: balance("expired"),
    };
  }

  registerGateway(gatewayId: string): Promise<void> {
    return this.#transact(() => {
      if (this.gateways.has(gatewayId)) return;
      this.gateways.set(gatewayId, { acked: 0n, state: "running" });
      this.#undo.push(() => this.gateways.delete(gatewayId));
    });
  }

  takeLease(request: LeaseRequest): Promise<LeaseGrant> {
    return this.#transact(() => {
      if (!this.isRunning(request.gatewayId)) {
        throw new Failure("forbidden", `Gateway process ${request.gatewayId} was declared dead.`);
      }
      const { walletId } = request;
      const asked = request.leaseId === undefined ? undefined : this.leases.get(request.leaseId);
      const isOpen =
        asked?.state === "open" &&
        asked.gatewayId === request.gatewayId &&
        asked.walletId === walletId;
      const available = nanos(this.#balance(walletId, "available"));
      const leasedElsewhere = nanos(this.#balance(walletId, "leased"));
      const granted = leaseSize(available, request);
      if (granted === 0n) {
        if (leasedElsewhere > 0n) this.onRecall(walletId);
        const grantedInAll = nanos(isOpen ? asked.granted : 0n);
        return {
          ...{ leaseId: request.leaseId ?? 0n, granted, grantedInAll, available, leasedElsewhere },
        };
      }
      const lease = isOpen ? asked : this.#openLease(request);
      this.#change(lease, { granted: lease.granted + granted, expiresAt: request.expiresAt });
      this.#move("lease", walletId, { from: "available", to: "leased", amount: granted });
      return {
        ...{ leaseId: lease.leaseId, granted, grantedInAll: nanos(lease.granted) },
        ...{ available: nanos(available - granted), leasedElsewhere },
      };
    });
  }

  returnLease(leaseId: bigint, amount: Nanos): Promise<boolean> {
    return this.#transact(() => {
      const lease = this.leases.get(leaseId);
      if (lease?.state !== "open") return false;
      this.#change(lease, { returned: lease.returned + amount });
      this.#move("lease_return", lease.walletId, { from: "leased", to: "available", amount });
      return true;
    });
  }

  renewLeases(gatewayId: string, expiresAt: Date): Promise<LiveLeases> {
    return this.#transact(() => {
      const idsIn = (state: MemoryLease["state"]) =>
        this.#leasesWhere((lease) => lease.gatewayId === gatewayId && lease.state === state);
      const open = idsIn("open");
      for (const lease of open) this.#change(lease, { expiresAt });
      return {
        open: new Set(open.map((lease) => lease.leaseId)),
        quarantined: new Set(idsIn("quarantined").map((lease) => lease.leaseId)),
      };
    });
  }

  post(batch: PostBatch): Promise<number> {
    return this.#transact(() => {
      const gateway = this.gateways.get(batch.gatewayId);
      assert(gateway !== undefined, `gateway process ${batch.gatewayId} is not registered`);
      const isKnown = batch.events.every(({ leaseIds }) =>
        leaseIds.every((leaseId) => this.leases.has(leaseId)),
      );
      assert(isKnown, "a usage event names a lease that does not exist");
      let fresh = 0;
      for (const event of batch.events) if (this.postEvent(event)) fresh += 1;
      const closed = batch.closedLeaseIds.flatMap((leaseId) => this.leases.get(leaseId) ?? []);
      this.#endLeases("closed", closed);
      if (batch.ackedSequence > gateway.acked) {
        this.#change(gateway, { acked: batch.ackedSequence });
      }
      return fresh;
    });
  }

  protected isRunning(gatewayId: string): boolean {
    return this.gateways.get(gatewayId)?.state === "running";
  }

  /** False when it is posted already. A step of its own, so that the simulation can plant a fault in it. */
  protected postEvent(event: UsageEvent): boolean {
    const eventId = usageEventId(event);
    if (this.events.has(eventId)) return false;
    this.events.set(eventId, event);
    this.#undo.push(() => this.events.delete(eventId));
    this.charge(event);
    return true;
  }

  protected charge(event: UsageEvent): void {
    const { chargeNanos, leaseIds } = event;
    const entries: [bigint, bigint][] = [];
    for (const [scope, leaseId] of leaseIds.entries()) {
      const lease = this.leases.get(leaseId);
      assert(lease !== undefined, `lease ${leaseId} does not exist`);
      this.#change(lease, { charged: lease.charged + chargeNanos });
      const source = lease.state === "quarantined" ? "quarantined" : "leased";
      entries.push([accountIdOf(lease.walletId, source), -chargeNanos]);
      entries.push([accountIdOf(lease.walletId, "spent"), chargeNanos]);
      if (scope > 0) continue;
      const spent = this.#account(accountIdOf(lease.walletId, "spent"));
      const remainder = event.costPicos - event.uncoveredPicos - 1000n * chargeNanos;
      this.#change(spent, { remainderPicos: spent.remainderPicos + remainder });
      // PostgreSQL checks this at the end of its statement; the order of the batch hides nothing here either,
      // because a process journals what it carries before it takes it along.
      assert(spent.remainderPicos >= 0n, "account_remainder_is_not_negative");
    }
    if (chargeNanos > 0n) this.#book("charge", usageEventId(event), entries);
  }

  ackedSequence(gatewayId: string): Promise<bigint> {
    return Promise.resolve(this.gateways.get(gatewayId)?.acked ?? 0n);
  }

  quarantineExpired(now: Date): Promise<number> {
    return this.#transact(() => {
      const expired = this.#leasesWhere((l) => l.state === "open" && l.expiresAt < now);
      return this.#endLeases("quarantined", expired);
    });
  }

  recoverGateway(gatewayId: string): Promise<void> {
    return this.#transact(() => {
      this.#endLeases(
        "closed",
        this.#leasesWhere((lease) => lease.gatewayId === gatewayId),
      );
      const gateway = this.gateways.get(gatewayId);
      if (gateway !== undefined) this.#change(gateway, { state: "recovered" });
    });
  }

  /** As `postRemainders` on PostgreSQL. Returns how many accounts changed. */
  postRemainders(): number {
    let changed = 0;
    const running = [...this.gateways.values()].filter(({ state }) => state === "running");
    for (const spent of this.accounts.values()) {
      if (spent.kind !== "spent") continue;
      const whole = (spent.remainderPicos - this.carriedAtMost(running.length)) / 1000n;
      const available = this.#balance(spent.walletId, "available");
      const amount = nanos(whole < available ? whole : available);
      if (amount <= 0n) continue;
      this.#atomically(() => {
        this.#change(spent, { remainderPicos: spent.remainderPicos - 1000n * amount });
        this.#move("remainder", spent.walletId, { from: "available", to: "spent", amount });
      });
      changed += 1;
    }
    return changed;
  }

  protected carriedAtMost(runningGateways: number): bigint {
    return 999n * BigInt(runningGateways);
  }

  #endLeases(state: "closed" | "quarantined", leases: readonly MemoryLease[]): number {
    let ended = 0;
    for (const lease of leases) {
      const before = lease.state;
      if (before === "closed" || before === state) continue;
      const amount = nanos(lease.granted - lease.returned - lease.charged);
      this.#change(lease, { state });
      ended += 1;
      if (state === "closed") this.#change(lease, { returned: lease.returned + amount });
      if (amount === 0n) continue;
      this.#move(state === "closed" ? "lease_return" : "quarantine", lease.walletId, {
        from: before === "open" ? "leased" : "quarantined",
        to: state === "closed" ? "available" : "quarantined",
        amount,
      });
    }
    return ended;
  }

  #openLease(request: LeaseRequest): MemoryLease {
    // As a sequence in PostgreSQL: a number that was given once is never given again.
    this.#lastLeaseId += 1n;
    const lease: MemoryLease = {
      ...{ leaseId: this.#lastLeaseId, walletId: request.walletId, gatewayId: request.gatewayId },
      ...{ granted: 0n, returned: 0n, charged: 0n, state: "open", expiresAt: request.expiresAt },
    };
    this.leases.set(lease.leaseId, lease);
    this.#undo.push(() => this.leases.delete(lease.leaseId));
    return lease;
  }

  #leasesWhere(isMeant: (lease: MemoryLease) => boolean): MemoryLease[] {
    return [...this.leases.values()].filter(isMeant);
  }

  #move(
    kind: string,
    walletId: bigint,
    move: { from: AccountKind; to: AccountKind; amount: Nanos },
  ): void {
    this.#book(kind, `${kind}-${this.transfers.length}`, [
      [accountIdOf(walletId, move.from), -move.amount],
      [accountIdOf(walletId, move.to), move.amount],
    ]);
  }

  #book(kind: string, transferId: string, entries: MemoryTransfer["entries"]): void {
    const accounts = new Set(entries.map(([accountId]) => accountId));
    assert(accounts.size === entries.length, "an account has one entry in a transfer");
    for (const [accountId, amount] of entries) {
      const account = this.#account(accountId);
      assert(amount !== 0n, "entry_amount_is_not_zero");
      this.#change(
        account,
        amount > 0n ? { credits: account.credits + amount } : { debits: account.debits - amount },
      );
      const isOverdrawn = account.kind !== "granted" && account.credits < account.debits;
      assert(!isOverdrawn, `account_is_never_overdrawn: ${account.kind} of ${account.walletId}`);
    }
    this.transfers.push({ transferId, kind, entries });
    this.#undo.push(() => this.transfers.pop());
  }

  /** Changes a row and remembers how it was, and holds the row's constraints. */
  #change<Row extends object>(row: Row, change: Partial<Row>): void {
    const before = { ...row };
    this.#undo.push(() => Object.assign(row, before));
    Object.assign(row, change);
    if (!("granted" in row)) return;
    const { granted, returned, charged } = row as unknown as MemoryLease;
    assert(granted >= returned + charged, "lease_is_never_overspent");
  }

  #account(accountId: bigint): MemoryAccount {
    const account = this.accounts.get(accountId);
    assert(account !== undefined, `account ${accountId} does not exist`);
    return account;
  }

  #balance(walletId: bigint, kind: AccountKind): bigint {
    const account = this.#account(accountIdOf(walletId, kind));
    return account.credits - account.debits;
  }

  // Not `async`: a caller in the simulation must see the effect at once.
  #transact<T>(change: () => T): Promise<T> {
    try {
      return Promise.resolve(this.#atomically(change));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #atomically<T>(change: () => T): T {
    this.transactions += 1;
    this.#undo = [];
    try {
      return change();
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    }
  }
}
