/**
 * The ledger on PostgreSQL. Locks are taken in one order everywhere: the gateway process, leases by id,
 * accounts by id.
 */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import { type Nanos, nanos } from "../../lib/money.ts";
import type { Database } from "../../platform/db/database.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import { type AccountKind, accountIdOf, accountKinds } from "./accounts.ts";
import {
  type LeaseGrant,
  type LeaseRequest,
  type LedgerStore,
  leaseSize,
  type PostBatch,
} from "./ledger-store.ts";
import { postParameters, postStatement } from "./post-statement.ts";

export type WalletScope = "organization" | "project" | "key";

export type WalletBalances = {
  availableNanos: Nanos;
  leasedNanos: Nanos;
  quarantinedNanos: Nanos;
  spentNanos: Nanos;
  grantedNanos: Nanos;
  expiredNanos: Nanos;
};

export type GrantOptions = {
  walletId: bigint;
  amount: Nanos;
  expiresAt?: Date | null;
  note?: string;
  /** A second grant with the same key answers with the first one and moves nothing. */
  idempotencyKey?: string;
};

/** PostgreSQL tells gateways on this channel that a wallet ran dry; the payload is its id. */
export const RECALL_CHANNEL = "baseload_recall";

export async function openWallet(client: PoolClient, scope: WalletScope): Promise<bigint> {
  const { rows } = await client.query<{ wallet_id: bigint }>(
    "insert into wallet (scope) values ($1) returning wallet_id",
    [scope],
  );
  const walletId = rows[0]?.wallet_id;
  assert(walletId !== undefined, "insert into wallet returned no row");
  await client.query(
    `insert into account (account_id, wallet_id, kind)
     select $1 * 8 + position - 1, $1, kind from unnest($2::text[]) with ordinality as k (kind, position)`,
    [walletId, accountKinds],
  );
  return walletId;
}

/** Gives credit to a wallet, or sets the limit of a budget. */
export async function grant(
  client: PoolClient,
  options: GrantOptions,
): Promise<{ creditId: bigint; transferId: string }> {
  assert(options.amount > 0n, "a grant is positive");
  const transferId = Bun.randomUUIDv7();
  const { rows } = await client.query<{ credit_id: bigint }>(
    `with new_transfer as (insert into transfer (transfer_id, kind) values ($1, 'grant') returning transfer_id)
     insert into credit (wallet_id, transfer_id, idempotency_key, amount_nanos, expires_at, note)
     select $2, transfer_id, $3, $4, $5, $6 from new_transfer
     on conflict on constraint credit_is_added_once do nothing
     returning credit_id`,
    [
      transferId,
      options.walletId,
      options.idempotencyKey ?? null,
      options.amount,
      options.expiresAt ?? null,
      options.note ?? null,
    ],
  );
  const creditId = rows[0]?.credit_id;
  if (creditId === undefined) {
    await client.query("delete from transfer where transfer_id = $1", [transferId]);
    return await readFirstGrant(client, options);
  }
  await moveMoney(client, transferId, [
    [accountIdOf(options.walletId, "granted"), -options.amount],
    [accountIdOf(options.walletId, "available"), options.amount],
  ]);
  return { creditId, transferId };
}

async function readFirstGrant(client: PoolClient, options: GrantOptions) {
  const { rows } = await client.query<{
    credit_id: bigint;
    transfer_id: string;
    same: boolean;
  }>(
    `select credit_id, transfer_id,
       (wallet_id = $2 and amount_nanos = $3 and expires_at is not distinct from $4::timestamptz
         and note is not distinct from $5::text) as same
     from credit where idempotency_key = $1`,
    [
      options.idempotencyKey,
      options.walletId,
      options.amount,
      options.expiresAt ?? null,
      options.note ?? null,
    ],
  );
  const first = rows[0];
  assert(first !== undefined, "a credit with this idempotency key exists");
  if (!first.same) {
    throw new Failure(
      "conflict",
      "This idempotency key was used for a credit with other terms. Use a new key for a new credit.",
      { param: "idempotency_key" },
    );
  }
  return { creditId: first.credit_id, transferId: first.transfer_id };
}

/** Writes the entries of one transfer and adds them to the balances. The caller inserts the transfer. */
export async function moveMoney(
  client: PoolClient,
  transferId: string,
  entries: readonly (readonly [accountId: bigint, amount: bigint])[],
): Promise<void> {
  const { rowCount } = await client.query(
    `with new_entry as (
       insert into entry (transfer_id, account_id, amount_nanos)
       select $1, account_id, amount from unnest($2::bigint[], $3::bigint[]) as e (account_id, amount)
     ),
     locked_account as materialized (
       select account_id from account where account_id = any ($2::bigint[]) order by account_id for update
     )
     update account set
       credits_nanos = account.credits_nanos + greatest(e.amount, 0),
       debits_nanos = account.debits_nanos + greatest(-e.amount, 0)
     from unnest($2::bigint[], $3::bigint[]) as e (account_id, amount)
     join locked_account using (account_id)
     where account.account_id = e.account_id`,
    [transferId, entries.map(([accountId]) => accountId), entries.map(([, amount]) => amount)],
  );
  assert(
    rowCount === entries.length,
    `transfer ${transferId} names an account that does not exist`,
  );
}

export async function readWallet(database: Database, walletId: bigint): Promise<WalletBalances> {
  const { rows } = await database.pool.query<{ kind: AccountKind; balance: bigint }>(
    "select kind, credits_nanos - debits_nanos as balance from account where wallet_id = $1",
    [walletId],
  );
  const balance = (kind: AccountKind) =>
    nanos(rows.find((row) => row.kind === kind)?.balance ?? 0n);
  return {
    availableNanos: balance("available"),
    leasedNanos: balance("leased"),
    quarantinedNanos: balance("quarantined"),
    spentNanos: balance("spent"),
    grantedNanos: nanos(-balance("granted")),
    expiredNanos: balance("expired"),
  };
}

export function ledgerStore(database: Database): LedgerStore {
  return {
    async registerGateway(gatewayId) {
      // Safe to repeat: whoever lost the answer asks again.
      await database.pool.query(
        "insert into gateway_process (gateway_id) values ($1) on conflict do nothing",
        [gatewayId],
      );
    },

    async takeLease(request) {
      const grant = await database.transact((client) => takeLease(client, request));
      faultPoint("ledger: lease granted, answer not received");
      return grant;
    },

    returnLease: (leaseId, amount) =>
      database.transact(async (client) => {
        const { rows } = await client.query<{ wallet_id: bigint }>(
          `update lease set returned_nanos = returned_nanos + $2
           where lease_id = $1 and state = 'open' returning wallet_id`,
          [leaseId, amount],
        );
        const walletId = rows[0]?.wallet_id;
        if (walletId === undefined) return false;
        await moveLeased(client, "lease_return", { walletId, amount: nanos(-amount) });
        return true;
      }),

    async renewLeases(gatewayId, expiresAt) {
      // Locked by id before the update, which would lock them in the order of the index.
      const { rows } = await database.pool.query<{ lease_id: bigint; state: string }>(
        `with live as materialized (
           select lease_id, state from lease where gateway_id = $1 and state <> 'closed'
           order by lease_id for update
         ),
         renewed as (
           update lease set expires_at = $2 from live
           where lease.lease_id = live.lease_id and live.state = 'open'
         )
         select lease_id, state from live`,
        [gatewayId, expiresAt],
      );
      const idsIn = (state: string) =>
        new Set(rows.filter((row) => row.state === state).map((row) => row.lease_id));
      return { open: idsIn("open"), quarantined: idsIn("quarantined") };
    },

    post: (batch) => database.transact((client) => post(client, batch)),

    async ackedSequence(gatewayId) {
      const { rows } = await database.pool.query<{ acked_sequence: bigint }>(
        "select acked_sequence from gateway_process where gateway_id = $1",
        [gatewayId],
      );
      return rows[0]?.acked_sequence ?? 0n;
    },

    quarantineExpired: (now) =>
      database.transact(async (client) => {
        const { rows } = await client.query<{ lease_id: bigint }>(
          "select lease_id from lease where state = 'open' and expires_at < $1 order by lease_id for update",
          [now],
        );
        return await endLeases(
          client,
          "quarantined",
          rows.map((row) => row.lease_id),
        );
      }),

    recoverGateway: (gatewayId) =>
      database.transact(async (client) => {
        // Waits for lease requests under way, and makes later ones find the gateway recovered.
        await client.query("select from gateway_process where gateway_id = $1 for update", [
          gatewayId,
        ]);
        const { rows } = await client.query<{ lease_id: bigint }>(
          "select lease_id from lease where gateway_id = $1 and state <> 'closed' order by lease_id for update",
          [gatewayId],
        );
        await endLeases(
          client,
          "closed",
          rows.map((row) => row.lease_id),
        );
        await client.query(
          "update gateway_process set state = 'recovered', ended_at = now() where gateway_id = $1",
          [gatewayId],
        );
      }),
  };
}

async function takeLease(client: PoolClient, request: LeaseRequest): Promise<LeaseGrant> {
  await assertRunning(client, request.gatewayId);
  // The lease is locked before the accounts, as posting does.
  const { rows: open } = await client.query<{ granted_nanos: bigint }>(
    `select granted_nanos from lease
     where lease_id = $1 and gateway_id = $2 and wallet_id = $3 and state = 'open' for update`,
    [request.leaseId ?? null, request.gatewayId, request.walletId],
  );
  const grantedBefore = open[0]?.granted_nanos;
  const balance = await lockBalances(client, request.walletId);
  const granted = leaseSize(balance.available, request);
  const { leased: leasedElsewhere } = balance;
  if (granted === 0n) {
    if (leasedElsewhere > 0n) {
      await client.query("select pg_notify($1, $2)", [RECALL_CHANNEL, String(request.walletId)]);
    }
    return {
      leaseId: request.leaseId ?? 0n,
      granted,
      grantedInAll: nanos(grantedBefore ?? 0n),
      available: balance.available,
      leasedElsewhere,
    };
  }
  const isOpen = grantedBefore !== undefined;
  const leaseId = await grow(client, { request, granted, isOpen });
  await moveLeased(client, "lease", { walletId: request.walletId, amount: granted });
  return {
    leaseId,
    granted,
    grantedInAll: nanos((grantedBefore ?? 0n) + granted),
    available: nanos(balance.available - granted),
    leasedElsewhere,
  };
}

/** Holds off a recovery until this transaction ends, without waiting for posts of the same gateway. */
async function assertRunning(client: PoolClient, gatewayId: string): Promise<void> {
  const { rows } = await client.query<{ state: string }>(
    "select state from gateway_process where gateway_id = $1 for key share",
    [gatewayId],
  );
  if (rows[0]?.state === "running") return;
  throw new Failure(
    "forbidden",
    `Gateway process ${gatewayId} was declared dead, so it gets no more money. Restart it.`,
    { code: "gateway_fenced" },
  );
}

/** Both accounts are locked, or the second would be read as it was before the wait for the first. */
async function lockBalances(
  client: PoolClient,
  walletId: bigint,
): Promise<{ available: Nanos; leased: Nanos }> {
  const { rows } = await client.query<{ balance: bigint }>(
    `select credits_nanos - debits_nanos as balance from account
     where account_id = any ($1::bigint[]) order by account_id for update`,
    [[accountIdOf(walletId, "available"), accountIdOf(walletId, "leased")]],
  );
  const [available, leased] = rows;
  assert(available !== undefined && leased !== undefined, `wallet ${walletId} has no accounts`);
  return { available: nanos(available.balance), leased: nanos(leased.balance) };
}

async function grow(
  client: PoolClient,
  options: { request: LeaseRequest; granted: Nanos; isOpen: boolean },
): Promise<bigint> {
  const { request, granted, isOpen } = options;
  const { rows } = isOpen
    ? await client.query<{ lease_id: bigint }>(
        `update lease set granted_nanos = granted_nanos + $2, expires_at = $3
         where lease_id = $1 returning lease_id`,
        [request.leaseId, granted, request.expiresAt],
      )
    : await client.query<{ lease_id: bigint }>(
        `insert into lease (wallet_id, gateway_id, granted_nanos, expires_at)
         values ($1, $2, $3, $4) returning lease_id`,
        [request.walletId, request.gatewayId, granted, request.expiresAt],
      );
  const leaseId = rows[0]?.lease_id;
  assert(leaseId !== undefined, "the lease was written");
  return leaseId;
}

async function moveLeased(
  client: PoolClient,
  kind: "lease" | "lease_return",
  move: { walletId: bigint; amount: Nanos },
): Promise<void> {
  const transferId = Bun.randomUUIDv7();
  await client.query("insert into transfer (transfer_id, kind) values ($1, $2)", [
    transferId,
    kind,
  ]);
  await moveMoney(client, transferId, [
    [accountIdOf(move.walletId, "available"), -move.amount],
    [accountIdOf(move.walletId, "leased"), move.amount],
  ]);
}

async function post(client: PoolClient, batch: PostBatch): Promise<number> {
  const { rowCount } = await client.query(
    `update gateway_process set acked_sequence = greatest(acked_sequence, $2) where gateway_id = $1`,
    [batch.gatewayId, batch.ackedSequence],
  );
  assert(rowCount === 1, `gateway process ${batch.gatewayId} is not registered`);
  const charged = new Set(batch.events.flatMap((event) => event.leaseIds));
  await lockForPosting(client, [...charged], batch.closedLeaseIds);
  let fresh = 0;
  if (batch.events.length > 0) {
    const { rows } = await client.query<{ fresh: bigint; leases: bigint }>({
      name: "post-usage",
      text: postStatement,
      values: postParameters(batch.events),
    });
    fresh = Number(rows[0]?.fresh ?? 0n);
    assert(
      Number(rows[0]?.leases) === charged.size,
      "a usage event names a lease that does not exist",
    );
  }
  await endLeases(client, "closed", batch.closedLeaseIds);
  return fresh;
}

/**
 * Posting and then closing take their locks in two steps, and what the second needs may stand before what the
 * first has locked. So all leases are locked at once, and where leases are closed all accounts too.
 */
async function lockForPosting(
  client: PoolClient,
  charged: readonly bigint[],
  closed: readonly bigint[],
): Promise<void> {
  const leaseIds = [...charged, ...closed];
  await client.query(
    "select from lease where lease_id = any ($1::bigint[]) order by lease_id for update",
    [leaseIds],
  );
  if (closed.length === 0) return;
  await client.query(
    `select from account where account_id in (
       select wallet_id * 8 + kind from lease, generate_series(1, 4) as kind
       where lease_id = any ($1::bigint[])
     ) order by account_id for update`,
    [leaseIds],
  );
}

/**
 * Ends leases: `closed` gives what is left of them back to the wallet, `quarantined` sets it aside until the
 * journal of a silent gateway is posted. A lease that has already ended that way is left as it is.
 */
async function endLeases(
  client: PoolClient,
  state: "closed" | "quarantined",
  leaseIds: readonly bigint[],
): Promise<number> {
  if (leaseIds.length === 0) return 0;
  const { rows } = await client.query<{ ended: bigint }>(
    `with locked_lease as materialized (
       select lease_id, wallet_id, state, granted_nanos - returned_nanos - charged_nanos as rest,
         gen_random_uuid() as transfer_id
       from lease
       where lease_id = any ($1::bigint[]) and (state = 'open' or (state = 'quarantined' and $2 = 'closed'))
       order by lease_id for update
     ),
     updated_lease as (
       update lease set state = $2,
         closed_at = case when $2 = 'closed' then now() end,
         returned_nanos = lease.returned_nanos + case when $2 = 'closed' then locked_lease.rest else 0 end
       from locked_lease where lease.lease_id = locked_lease.lease_id
     ),
     move as materialized (
       select transfer_id, rest,
         wallet_id * 8 + case state when 'quarantined' then 3 else 2 end as source,
         wallet_id * 8 + case when $2 = 'closed' then 1 else 3 end as target
       from locked_lease where rest > 0
     ),
     new_transfer as (
       insert into transfer (transfer_id, kind)
       select transfer_id, case when $2 = 'closed' then 'lease_return' else 'quarantine' end from move
     ),
     new_entry as (
       insert into entry (transfer_id, account_id, amount_nanos)
       select transfer_id, source, -rest from move union all select transfer_id, target, rest from move
     ),
     delta as materialized (
       select account_id, sum(debit)::bigint as debit, sum(credit)::bigint as credit
       from (
         select source as account_id, rest as debit, 0 as credit from move
         union all select target, 0, rest from move
       ) one group by account_id
     ),
     locked_account as materialized (
       select account_id from account
       where account_id in (select account_id from delta) order by account_id for update
     ),
     updated_account as (
       update account set
         debits_nanos = account.debits_nanos + delta.debit,
         credits_nanos = account.credits_nanos + delta.credit
       from delta join locked_account using (account_id)
       where account.account_id = delta.account_id
     )
     select count(*) as ended from locked_lease`,
    [leaseIds, state],
  );
  return Number(rows[0]?.ended ?? 0n);
}
