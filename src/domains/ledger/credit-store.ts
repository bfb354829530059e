/**
 * What happens to credit over time: it is consumed soonest expiry first, then oldest first; what is left at
 * its expiry leaves the wallet; and whole nano-dollars of carried remainders are posted.
 */
import type { PoolClient } from "pg";
import { type Nanos, nanos } from "../../lib/money.ts";
import type { Database } from "../../platform/db/database.ts";
import { accountIdOf } from "./accounts.ts";
import { moveMoney } from "./store.ts";

type CreditRow = {
  credit_id: bigint;
  amount_nanos: bigint;
  consumed_nanos: bigint;
  expired_nanos: bigint;
  expires_at: Date | null;
};

/** Wallets handled in one transaction each; the rest waits for the next run. */
const WALLETS_PER_RUN = 1_000;

/** Takes expired credit out of its wallets. Returns how many wallets changed. Safe to run at any time, any number of times. */
export async function expireCredits(database: Database, now: Date): Promise<number> {
  const { rows } = await database.pool.query<{ wallet_id: bigint }>(
    `select distinct wallet_id from credit
     where expires_at <= $1 and consumed_nanos + expired_nanos < amount_nanos limit ${WALLETS_PER_RUN}`,
    [now],
  );
  let changed = 0;
  for (const { wallet_id } of rows) {
    const expired = await database.transact((client) => expireWallet(client, wallet_id, now));
    if (expired > 0n) changed += 1;
  }
  return changed;
}

async function expireWallet(client: PoolClient, walletId: bigint, now: Date): Promise<Nanos> {
  // The account first: it is the lock under which all credits of the wallet are read and written.
  const { rows: accounts } = await client.query<{ available: bigint }>(
    `select credits_nanos - debits_nanos as available from account where account_id = $1 for update`,
    [accountIdOf(walletId, "available")],
  );
  await consumeCredits(client, walletId);
  const { rows } = await client.query<CreditRow>(
    `select credit_id, amount_nanos, consumed_nanos, expired_nanos, expires_at from credit
     where wallet_id = $1 and expires_at <= $2 and consumed_nanos + expired_nanos < amount_nanos
     order by expires_at, credit_id`,
    [walletId, now],
  );
  let available = accounts[0]?.available ?? 0n;
  let expired = 0n;
  for (const credit of rows) {
    // What is leased right now may still be spent; a later run takes what comes back of it.
    const left = credit.amount_nanos - credit.consumed_nanos - credit.expired_nanos;
    const amount = left < available ? left : available;
    if (amount === 0n) break;
    await client.query(
      "update credit set expired_nanos = expired_nanos + $2 where credit_id = $1",
      [credit.credit_id, amount],
    );
    available -= amount;
    expired += amount;
  }
  if (expired > 0n) {
    await moveWithin(client, "expiry", {
      from: accountIdOf(walletId, "available"),
      to: accountIdOf(walletId, "expired"),
      amount: nanos(expired),
    });
  }
  return nanos(expired);
}

/** Assigns what was spent since the last time to the wallet's credits, in their order of consumption. */
async function consumeCredits(client: PoolClient, walletId: bigint): Promise<void> {
  const { rows: spent } = await client.query<{ unassigned: bigint }>(
    `select (select credits_nanos - debits_nanos from account where account_id = $1)
       - coalesce((select sum(consumed_nanos) from credit where wallet_id = $2), 0)::bigint as unassigned`,
    [accountIdOf(walletId, "spent"), walletId],
  );
  const { rows } = await client.query<CreditRow>(
    `select credit_id, amount_nanos, consumed_nanos, expired_nanos, expires_at from credit
     where wallet_id = $1 and consumed_nanos + expired_nanos < amount_nanos
     order by expires_at nulls last, credit_id`,
    [walletId],
  );
  let unassigned = spent[0]?.unassigned ?? 0n;
  for (const credit of rows) {
    if (unassigned <= 0n) break;
    const left = credit.amount_nanos - credit.consumed_nanos - credit.expired_nanos;
    const amount = left < unassigned ? left : unassigned;
    await client.query(
      "update credit set consumed_nanos = consumed_nanos + $2 where credit_id = $1",
      [credit.credit_id, amount],
    );
    unassigned -= amount;
  }
}

/**
 * Posts carried remainders that have grown to whole nano-dollars: each gateway process that ends leaves less
 * than one nano-dollar per wallet behind. Returns how many accounts changed.
 */
export async function postRemainders(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ wallet_id: bigint }>(
    `select wallet_id from account where kind = 'spent' and remainder_picos >= 1000 limit ${WALLETS_PER_RUN}`,
  );
  let changed = 0;
  for (const { wallet_id } of rows) {
    changed += await database.transact((client) => postRemainder(client, wallet_id));
  }
  return changed;
}

async function postRemainder(client: PoolClient, walletId: bigint): Promise<number> {
  const { rows } = await client.query<{ amount: bigint }>(
    `with locked_account as materialized (
       select account_id, credits_nanos - debits_nanos as balance, remainder_picos
       from account where account_id in ($1, $2) order by account_id for update
     )
     update account set remainder_picos = account.remainder_picos - 1000 * least(spent.remainder_picos / 1000, available.balance)
     from locked_account spent, locked_account available
     where account.account_id = $2 and spent.account_id = $2 and available.account_id = $1
       and least(spent.remainder_picos / 1000, available.balance) > 0
     returning least(spent.remainder_picos / 1000, available.balance) as amount`,
    [accountIdOf(walletId, "available"), accountIdOf(walletId, "spent")],
  );
  const amount = rows[0]?.amount;
  if (amount === undefined) return 0;
  await moveWithin(client, "remainder", {
    from: accountIdOf(walletId, "available"),
    to: accountIdOf(walletId, "spent"),
    amount: nanos(amount),
  });
  return 1;
}

async function moveWithin(
  client: PoolClient,
  kind: "expiry" | "remainder",
  move: { from: bigint; to: bigint; amount: Nanos },
): Promise<void> {
  const transferId = Bun.randomUUIDv7();
  await client.query("insert into transfer (transfer_id, kind) values ($1, $2)", [
    transferId,
    kind,
  ]);
  await moveMoney(client, transferId, [
    [move.from, -move.amount],
    [move.to, move.amount],
  ]);
}
