-- What calls were, for organizations that want to look at them later; and organizations of which nothing may be kept.

alter table organization
  add column request_log text not null default 'off'
    constraint organization_request_log_is_known check (request_log in ('off', 'metadata', 'full')),
  -- Of all calls; the others leave nothing.
  add column request_log_sample double precision not null default 1
    constraint organization_request_log_sample_is_a_share check (request_log_sample between 0 and 1),
  add column request_log_days integer not null default 30
    constraint organization_request_log_days_are_few check (request_log_days between 1 and 365),
  add column request_log_redacts boolean not null default true,
  -- Nothing of what is said in its calls may be kept, whatever else is set.
  add column zero_retention boolean not null default false;

create table request_log (
  request_id uuid primary key,
  organization_id bigint not null references organization,
  -- The beginning of the call.
  at timestamptz not null,
  -- Who called what, who answered, how it ended. Nothing of what was said.
  metadata jsonb not null,
  -- What was asked and answered, sealed. Null: only the metadata was wanted.
  content bytea
);
-- For lists, and for what is deleted when its days are over.
create index request_log_by_time on request_log (organization_id, at, request_id);
