-- Who may call: organizations, their projects, and the keys of a project.

create table wallet (
  wallet_id bigint generated always as identity primary key,
  -- An organization's wallet holds money; a project's or a key's wallet holds its budget. All are spent alike.
  scope text not null constraint wallet_scope_is_known check (scope in ('organization', 'project', 'key')),
  created_at timestamptz not null default now()
);

create table organization (
  organization_id bigint generated always as identity primary key,
  name text not null constraint organization_name_is_unique unique
    constraint organization_name_is_short check (length(name) between 1 and 120),
  wallet_id bigint not null references wallet,
  created_at timestamptz not null default now()
);

create table project (
  project_id bigint generated always as identity primary key,
  organization_id bigint not null references organization,
  name text not null constraint project_name_is_short check (length(name) between 1 and 120),
  -- Null: the project has no budget of its own.
  wallet_id bigint references wallet,
  created_at timestamptz not null default now(),
  constraint project_name_is_unique_in_its_organization unique (organization_id, name)
);

create table api_key (
  -- The part of the key between the first and the second underscore: `live…` or `test…`.
  key_id text primary key,
  project_id bigint not null references project,
  name text not null constraint api_key_name_is_short check (length(name) between 1 and 120),
  mode text not null constraint api_key_mode_is_known check (mode in ('live', 'test')),
  -- HMAC-SHA-256 of the whole key under a pepper that lies outside the database.
  key_hmac bytea not null,
  wallet_id bigint references wallet,
  rpm integer constraint api_key_rpm_is_positive check (rpm > 0),
  tpm integer constraint api_key_tpm_is_positive check (tpm > 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  replaces_key_id text references api_key
);
create index api_key_by_project on api_key (project_id);

-- Everything that changes state, written in the transaction that changes it.
create table audit_event (
  audit_event_id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);
create index audit_event_by_time on audit_event (at);
