/**
 * What happens to credit over time: it is consumed soonest expiry first, then oldest first; what is left at
 * its expiry leaves the wallet; and whole nano-dollars of carried remainders are posted.
 */
import type { PoolClient } from "pg";
import { assert } from "../../lib/errors.ts";
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
  // The account is the lock under which all credits of the wallet are read and written.
  await client.query("select from account where account_id = $1 for update", [
    accountIdOf(walletId, "available"),
  ]);
  const balances = await readBalances(client, walletId);
  const credits = await consumeCredits(client, { walletId, spent: balances.spent });
  let { available, inFlight } = balances;
  let expired = 0n;
  for (const credit of credits) {
    const unused = credit.amount_nanos - credit.consumed_nanos - credit.expired_nanos;
    // What is leased may still be spent, and would be spent from this credit first; a later run takes what
    // comes back of it.
    const left = unused > inFlight ? unused - inFlight : 0n;
    inFlight -= unused - left;
    if (credit.expires_at === null || credit.expires_at > now) break;
    const amount = left < available ? left : available;
    if (amount === 0n) continue;
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

/** One statement, so that money on its way from a lease to `spent` is seen in exactly one place. */
async function readBalances(client: PoolClient, walletId: bigint) {
  const { rows } = await client.query<{ available: bigint; in_flight: bigint; spent: bigint }>(
    `select
       (sum(credits_nanos - debits_nanos) filter (where kind = 'available'))::bigint as available,
       (sum(credits_nanos - debits_nanos) filter (where kind in ('leased', 'quarantined')))::bigint as in_flight,
       (sum(credits_nanos - debits_nanos) filter (where kind = 'spent'))::bigint as spent
     from account where wallet_id = $1`,
    [walletId],
  );
  const row = rows[0];
  assert(row !== undefined && row.available !== null, `wallet ${walletId} has no accounts`);
  return { available: row.available, inFlight: row.in_flight, spent: row.spent };
}

/**
 * Assigns what was spent since the last time to the wallet's credits, in their order of consumption. Answers
 * the credits that are not used up before it, in that order.
 */
async function consumeCredits(
  client: PoolClient,
  { walletId, spent }: { walletId: bigint; spent: bigint },
): Promise<CreditRow[]> {
  const { rows: assigned } = await client.query<{ consumed: bigint }>(
    "select coalesce(sum(consumed_nanos), 0)::bigint as consumed from credit where wallet_id = $1",
    [walletId],
  );
  const { rows } = await client.query<CreditRow>(
    `select credit_id, amount_nanos, consumed_nanos, expired_nanos, expires_at from credit
     where wallet_id = $1 and consumed_nanos + expired_nanos < amount_nanos
     order by expires_at nulls last, credit_id`,
    [walletId],
  );
  let unassigned = spent - (assigned[0]?.consumed ?? 0n);
  for (const credit of rows) {
    if (unassigned <= 0n) break;
    const left = credit.amount_nanos - credit.consumed_nanos - credit.expired_nanos;
    const amount = left < unassigned ? left : unassigned;
    await client.query(
      "update credit set consumed_nanos = consumed_nanos + $2 where credit_id = $1",
      [credit.credit_id, amount],
    );
    credit.consumed_nanos += amount;
    unassigned -= amount;
  }
  return rows;
}

/** The most that one running gateway process carries, and may still take along into its next charge. */
const CARRIED_PICOS_MAX = 999;

/**
 * Posts carried remainders that have grown to whole nano-dollars: each gateway process that ends leaves less
 * than one nano-dollar per wallet behind. What running processes may still take along stays. Returns how many
 * accounts changed.
 */
export async function postRemainders(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ wallet_id: bigint }>(
    `select wallet_id from account
     where kind = 'spent' and remainder_picos >= 1000 + ${CARRIED_PICOS_MAX} * ${runningGateways}
     limit ${WALLETS_PER_RUN}`,
  );
  let changed = 0;
  for (const { wallet_id } of rows) {
    changed += await database.transact((client) => postRemainder(client, wallet_id));
  }
  return changed;
}

const runningGateways = "(select count(*) from gateway_process where state = 'running')";

async function postRemainder(client: PoolClient, walletId: bigint): Promise<number> {
  const accountIds = [accountIdOf(walletId, "available"), accountIdOf(walletId, "spent")];
  const { rows: accounts } = await client.query<{ balance: bigint; remainder_picos: bigint }>(
    `select credits_nanos - debits_nanos as balance, remainder_picos
     from account where account_id = any ($1::bigint[]) order by account_id for update`,
    [accountIds],
  );
  // Counted under the lock: a process that starts from now on posts its remainders before it takes them along.
  const { rows: gateways } = await client.query<{ running: bigint }>(
    `select ${runningGateways} as running`,
  );
  const [available, spent] = accounts;
  assert(available !== undefined && spent !== undefined, `wallet ${walletId} has no accounts`);
  const carried = BigInt(CARRIED_PICOS_MAX) * (gateways[0]?.running ?? 0n);
  const whole = (spent.remainder_picos - carried) / 1000n;
  const amount = whole < available.balance ? whole : available.balance;
  if (amount <= 0n) return 0;
  await client.query(
    "update account set remainder_picos = remainder_picos - 1000 * $2::bigint where account_id = $1",
    [accountIds[1], amount],
  );
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
