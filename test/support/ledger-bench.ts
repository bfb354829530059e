/** A ledger with what tests need around it: on PostgreSQL, or in memory. */
import {
  checkLedger,
  grant,
  type LedgerStore,
  ledgerStore,
  openWallet,
  readWallet,
  type WalletBalances,
  type WalletScope,
} from "../../src/domains/ledger/index.ts";
import type { Nanos } from "../../src/lib/money.ts";
import type { Database } from "../../src/platform/db/database.ts";
import { LedgerInvariants } from "./ledger-invariants.ts";
import { MemoryLedgerStore } from "./memory-ledger-store.ts";
import { openTestDatabase } from "./postgres.ts";

export type LedgerBench = AsyncDisposable & {
  store: LedgerStore;
  openWallet(scope: WalletScope): Promise<bigint>;
  grant(walletId: bigint, amount: Nanos): Promise<void>;
  balances(walletId: bigint): Promise<WalletBalances>;
  remainderPicos(walletId: bigint): Promise<bigint>;
  leaseState(leaseId: bigint): Promise<string | undefined>;
  countEvents(): Promise<number>;
  /** Broken invariants, as sentences. */
  problems(): Promise<string[]>;
};

export type PostgresBench = LedgerBench & { database: Database; url: string };

export async function openPostgresBench(): Promise<PostgresBench> {
  const test = await openTestDatabase();
  const { database } = test;
  await priceRequestsAtOnePico(database);
  return {
    database,
    url: test.url,
    store: ledgerStore(database),
    openWallet: (scope) => database.transact((client) => openWallet(client, scope)),
    async grant(walletId, amount) {
      await database.transact((client) => grant(client, { walletId, amount }));
    },
    balances: (walletId) => readWallet(database, walletId),
    async remainderPicos(walletId) {
      const { rows } = await database.pool.query<{ remainder_picos: bigint }>(
        "select remainder_picos from account where wallet_id = $1 and kind = 'spent'",
        [walletId],
      );
      return rows[0]?.remainder_picos ?? 0n;
    },
    async leaseState(leaseId) {
      const { rows } = await database.pool.query<{ state: string }>(
        "select state from lease where lease_id = $1",
        [leaseId],
      );
      return rows[0]?.state;
    },
    async countEvents() {
      return (await database.pool.query("select from usage_event")).rowCount ?? 0;
    },
    problems: async () => (await checkLedger(database)).problems,
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

/** The price version of all events of `usage-events.ts`. */
async function priceRequestsAtOnePico(database: Database): Promise<void> {
  await database.pool.query("insert into model (name) values ('test')");
  await database.pool.query("insert into price_version (model_id) values (1)");
  await database.pool.query("insert into price_component values (1, 'requests', 1)");
}

export async function openMemoryBench(): Promise<LedgerBench> {
  const store = new MemoryLedgerStore();
  return {
    store,
    openWallet: async () => store.openWallet(),
    grant: async (walletId, amount) => store.grant(walletId, amount),
    balances: async (walletId) => store.balances(walletId),
    remainderPicos: async (walletId) =>
      store.accounts.get(walletId * 8n + 4n)?.remainderPicos ?? 0n,
    leaseState: async (leaseId) => store.leases.get(leaseId)?.state,
    countEvents: async () => store.events.size,
    problems: async () => new LedgerInvariants(store).problems(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
