-- What may be called, where it runs, and what it costs.

create table provider (
  provider_id bigint generated always as identity primary key,
  name text not null constraint provider_name_is_unique unique
    constraint provider_name_is_plain check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  dialect text not null,
  base_url text not null,
  region text,
  -- Sealed with a key that lies outside the database (AES-256-GCM).
  sealed_credential bytea,
  -- Upstreams on this machine or in a private network must be allowed by name.
  allow_private boolean not null default false,
  -- Named switches of the dialect, such as {"usage_lookup": true}.
  quirks jsonb not null default '{}',
  created_at timestamptz not null default now(),
  removed_at timestamptz
);

create table model (
  model_id bigint generated always as identity primary key,
  name text not null constraint model_name_is_unique unique
    constraint model_name_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$'),
  context_tokens integer constraint model_context_is_positive check (context_tokens > 0),
  max_output_tokens integer constraint model_output_is_positive check (max_output_tokens > 0),
  license text,
  created_at timestamptz not null default now(),
  removed_at timestamptz
);

-- A model as served by one provider. A plan tries a model's deployments in order.
create table deployment (
  deployment_id bigint generated always as identity primary key,
  model_id bigint not null references model,
  provider_id bigint not null references provider,
  upstream_model text not null,
  position integer not null default 0,
  created_at timestamptz not null default now(),
  removed_at timestamptz
);
create unique index deployment_is_unique_while_it_lives
  on deployment (model_id, provider_id, upstream_model) where removed_at is null;

-- A price version holds from `valid_from` until the next one of the same model begins: two versions cannot
-- overlap, and none is ever changed.
create table price_version (
  price_version_id bigint generated always as identity primary key,
  model_id bigint not null references model,
  valid_from timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint price_versions_of_a_model_do_not_overlap unique (model_id, valid_from)
);

create table price_component (
  price_version_id bigint not null references price_version,
  quantity text not null constraint price_quantity_is_known check (quantity in (
    'uncached_input', 'cache_read', 'cache_write', 'output_text', 'reasoning',
    'audio_input', 'audio_output', 'image_input', 'requests')),
  picos_per_unit bigint not null constraint price_is_not_negative check (picos_per_unit >= 0),
  primary key (price_version_id, quantity)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are never changed or deleted; add a new one', tg_table_name;
end $$;
create trigger price_version_is_immutable before update or delete on price_version
  for each row execute function refuse_change();
create trigger price_component_is_immutable before update or delete on price_component
  for each row execute function refuse_change();
