/**
 * The invariants of DESIGN §5, derived from the transfers and leases of a ledger in memory. Cheap enough to be
 * checked after every step of a simulation: each transfer is read once, and the books that it keeps from them
 * are compared with the ledger's own.
 */
import { type AccountKind, accountIdOf } from "../../src/domains/ledger/accounts.ts";
import { usageEventId } from "../../src/domains/metering/index.ts";
import type { MemoryAccount, MemoryLedgerStore } from "./memory-ledger-store.ts";

export class LedgerInvariants {
  readonly #ledger: MemoryLedgerStore;
  readonly #credits = new Map<bigint, bigint>();
  readonly #debits = new Map<bigint, bigint>();
  readonly #transferIds = new Set<string>();
  #read = 0;

  constructor(ledger: MemoryLedgerStore) {
    this.#ledger = ledger;
  }

  /** Broken invariants as sentences, each beginning with the number it has in DESIGN §5. */
  problems(): string[] {
    return [
      ...this.#readNewTransfers(),
      ...[...this.#ledger.accounts.values()].flatMap((account) => this.#accountProblems(account)),
      ...this.#walletProblems(),
    ];
  }

  /** What needs a look at all events; for the end of a run. */
  eventProblems(): string[] {
    const problems: string[] = [];
    const charged = new Map<bigint, bigint>();
    const exact = new Map<bigint, bigint>();
    const completed = new Set<string>();
    for (const event of this.#ledger.events.values()) {
      for (const leaseId of event.leaseIds) add(charged, leaseId, event.chargeNanos);
      const paying = this.#ledger.leases.get(event.leaseIds[0] ?? 0n);
      if (paying !== undefined) {
        add(exact, paying.walletId, event.costPicos - event.uncoveredPicos);
      }
      if (event.chargeNanos > 0n && !this.#transferIds.has(usageEventId(event))) {
        problems.push(`2: event ${usageEventId(event)} has no transfer`);
      }
      if (event.outcome !== "completed") continue;
      if (completed.has(event.requestId)) problems.push(`2: ${event.requestId} completed twice`);
      completed.add(event.requestId);
    }
    for (const lease of this.#ledger.leases.values()) {
      const byEvents = charged.get(lease.leaseId) ?? 0n;
      if (byEvents !== lease.charged) {
        problems.push(`1: lease ${lease.leaseId} charged ${lease.charged}, events ${byEvents}`);
      }
    }
    for (const [walletId, cost] of exact) {
      const spent = this.#ledger.accounts.get(accountIdOf(walletId, "spent"));
      const booked = 1000n * balanceOf(spent) + (spent?.remainderPicos ?? 0n);
      if (booked !== cost) problems.push(`4: wallet ${walletId} spent ${booked}, events ${cost}`);
    }
    return problems;
  }

  #readNewTransfers(): string[] {
    const problems: string[] = [];
    const { transfers } = this.#ledger;
    for (; this.#read < transfers.length; this.#read++) {
      const transfer = transfers[this.#read];
      if (transfer === undefined) break;
      let sum = 0n;
      for (const [accountId, amount] of transfer.entries) {
        sum += amount;
        if (amount > 0n) add(this.#credits, accountId, amount);
        else add(this.#debits, accountId, -amount);
      }
      const { transferId } = transfer;
      if (sum !== 0n) problems.push(`1: transfer ${transferId} sums to ${sum}`);
      if (transfer.entries.length === 0) problems.push(`1: transfer ${transferId} has no entries`);
      if (this.#transferIds.has(transferId)) problems.push(`6: ${transferId} was booked twice`);
      this.#transferIds.add(transferId);
    }
    return problems;
  }

  #accountProblems(account: MemoryAccount): string[] {
    const { accountId, kind, walletId, credits, debits } = account;
    const problems: string[] = [];
    const byEntries = [this.#credits.get(accountId) ?? 0n, this.#debits.get(accountId) ?? 0n];
    if (byEntries[0] !== credits || byEntries[1] !== debits) {
      problems.push(`1: ${kind} of wallet ${walletId} is ${credits} − ${debits}, not ${byEntries}`);
    }
    if (kind !== "granted" && credits < debits) {
      problems.push(`3: ${kind} of wallet ${walletId} is overdrawn by ${debits - credits}`);
    }
    if (account.remainderPicos < 0n)
      problems.push(`1: remainder of wallet ${walletId} is negative`);
    return problems;
  }

  #walletProblems(): string[] {
    const problems: string[] = [];
    const rests = new Map<bigint, bigint>();
    for (const lease of this.#ledger.leases.values()) {
      const rest = lease.granted - lease.returned - lease.charged;
      if (rest < 0n) problems.push(`3: lease ${lease.leaseId} is overspent by ${-rest}`);
      if (lease.state === "closed") {
        if (rest !== 0n) problems.push(`4: lease ${lease.leaseId} is closed with ${rest} left`);
        continue;
      }
      if (this.#ledger.gateways.get(lease.gatewayId)?.state === "recovered") {
        problems.push(`4: lease ${lease.leaseId} is open, and its gateway is recovered`);
      }
      const kind = lease.state === "open" ? "leased" : "quarantined";
      add(rests, accountIdOf(lease.walletId, kind), rest);
    }
    const sums = new Map<bigint, bigint>();
    for (const account of this.#ledger.accounts.values()) {
      add(sums, account.walletId, balanceOf(account));
      if (account.kind !== "leased" && account.kind !== "quarantined") continue;
      const rest = rests.get(account.accountId) ?? 0n;
      if (rest !== balanceOf(account)) {
        problems.push(
          `4: ${account.kind} of wallet ${account.walletId} is ${balanceOf(account)}, its leases have ${rest}`,
        );
      }
    }
    for (const [walletId, sum] of sums) {
      if (sum !== 0n) problems.push(`4: the accounts of wallet ${walletId} sum to ${sum}`);
    }
    return problems;
  }
}

const balanceOf = (account: { credits: bigint; debits: bigint; kind: AccountKind } | undefined) =>
  account === undefined ? 0n : account.credits - account.debits;

function add<Key>(sums: Map<Key, bigint>, key: Key, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}
