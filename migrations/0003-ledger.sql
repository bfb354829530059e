-- Money. Amounts are whole nano-dollars. Locks are taken in one order everywhere: the gateway process, leases by id,
-- accounts by id.

-- Six accounts per wallet; account_id = wallet_id * 8 + number of the kind, so that posting joins nothing.
create table account (
  account_id bigint primary key,
  wallet_id bigint not null references wallet,
  kind text not null constraint account_kind_is_known check (kind in
    ('granted', 'available', 'leased', 'quarantined', 'spent', 'expired')),
  -- Both only grow; the balance is their difference.
  credits_nanos bigint not null default 0 constraint account_credits_are_not_negative check (credits_nanos >= 0),
  debits_nanos bigint not null default 0 constraint account_debits_are_not_negative check (debits_nanos >= 0),
  -- On `spent`: exact cost in pico-dollars that is not yet a whole nano-dollar.
  remainder_picos bigint not null default 0 constraint account_remainder_is_not_negative check (remainder_picos >= 0),
  constraint account_is_never_overdrawn check (kind = 'granted' or credits_nanos >= debits_nanos)
);

create table transfer (
  transfer_id uuid primary key,
  kind text not null constraint transfer_kind_is_known check (kind in
    ('grant', 'lease', 'lease_return', 'quarantine', 'charge', 'remainder', 'expiry')),
  created_at timestamptz not null default now()
);

create table entry (
  transfer_id uuid not null,
  account_id bigint not null,
  amount_nanos bigint not null constraint entry_amount_is_not_zero check (amount_nanos <> 0),
  primary key (transfer_id, account_id)
);

-- Credit given to an organization's wallet, or the limit of a budget.
create table credit (
  credit_id bigint generated always as identity primary key,
  wallet_id bigint not null references wallet,
  transfer_id uuid not null references transfer,
  idempotency_key text constraint credit_is_added_once unique,
  amount_nanos bigint not null constraint credit_amount_is_positive check (amount_nanos > 0),
  -- Kept up by the worker: credits are consumed soonest expiry first, then oldest first.
  consumed_nanos bigint not null default 0,
  expired_nanos bigint not null default 0,
  expires_at timestamptz,
  note text,
  created_at timestamptz not null default now(),
  constraint credit_is_not_overdrawn check (consumed_nanos + expired_nanos <= amount_nanos)
);
create index credit_by_wallet on credit (wallet_id, expires_at, credit_id);

create table gateway_process (
  gateway_id uuid primary key,
  started_at timestamptz not null default now(),
  -- running: posts are expected. recovered: its journal was posted to the end and its leases are closed.
  state text not null default 'running'
    constraint gateway_state_is_known check (state in ('running', 'recovered')),
  -- Every journal record up to this sequence is posted.
  acked_sequence bigint not null default 0,
  ended_at timestamptz
);

-- A block of a wallet's balance that one gateway process may spend. lease_id strictly increases: it is the fence.
create table lease (
  lease_id bigint generated always as identity primary key,
  wallet_id bigint not null references wallet,
  gateway_id uuid not null references gateway_process,
  granted_nanos bigint not null default 0,
  returned_nanos bigint not null default 0,
  charged_nanos bigint not null default 0,
  state text not null default 'open'
    constraint lease_state_is_known check (state in ('open', 'quarantined', 'closed')),
  expires_at timestamptz not null,
  opened_at timestamptz not null default now(),
  closed_at timestamptz,
  constraint lease_is_never_overspent check (granted_nanos >= returned_nanos + charged_nanos)
);
create index lease_by_gateway on lease (gateway_id) where state <> 'closed';
create index lease_by_expiry on lease (expires_at) where state = 'open';

-- One row for each dispatched attempt: its only terminal state.
create table usage_event (
  event_id uuid primary key,
  request_id uuid not null,
  attempt smallint not null,
  organization_id bigint not null,
  project_id bigint not null,
  key_id text not null,
  model_id bigint not null,
  deployment_id bigint not null,
  price_version_id bigint not null,
  -- The leases that pay, one for each limited scope; the first is the organization's.
  lease_ids bigint[] not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  outcome text not null constraint usage_outcome_is_known check (outcome in
    ('completed', 'disconnected', 'failed', 'interrupted')),
  usage_source text not null constraint usage_source_is_known check (usage_source in
    ('provider', 'lookup', 'counted', 'none')),
  uncached_input bigint not null default 0,
  cache_read bigint not null default 0,
  cache_write bigint not null default 0,
  output_text bigint not null default 0,
  reasoning bigint not null default 0,
  audio_input bigint not null default 0,
  audio_output bigint not null default 0,
  image_input bigint not null default 0,
  requests bigint not null default 0,
  -- Wider than int8: a provider that reports nonsense must not keep everybody else's usage from being posted.
  cost_picos numeric(38, 0) not null constraint usage_cost_is_not_negative check (cost_picos >= 0),
  -- What was posted: floor of cost + carried remainder. Equal for every scope.
  charge_nanos bigint not null constraint usage_charge_is_not_negative check (charge_nanos >= 0),
  -- Cost above the hold that could not be covered; the platform bears it. Always 0 while holds are upper bounds.
  uncovered_picos numeric(38, 0) not null default 0,
  raw_usage jsonb,
  posted_at timestamptz not null default now()
);
create index usage_event_by_organization on usage_event (organization_id, started_at);
