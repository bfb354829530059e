-- A provider may have several credentials: one that is refused or limited does not stop it.
-- breaking: older versions read the credential from the provider's own row.

create table provider_credential (
  provider_credential_id bigint generated always as identity primary key,
  provider_id bigint not null references provider,
  name text not null
    constraint provider_credential_name_is_plain check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  -- Sealed with a key that lies outside the database (AES-256-GCM). Erased with the credential.
  sealed_value bytea,
  -- Its share of the calls, beside the other credentials of the provider; 0: a spare, for when the others fail.
  weight integer not null default 1
    constraint provider_credential_weight_is_small check (weight between 0 and 1000),
  created_at timestamptz not null default now(),
  removed_at timestamptz,
  constraint provider_credential_is_erased_when_removed
    check ((removed_at is null) = (sealed_value is not null))
);
create unique index provider_credential_is_unique_while_it_lives
  on provider_credential (provider_id, name) where removed_at is null;

insert into provider_credential (provider_id, name, sealed_value)
  select provider_id, 'default', sealed_credential from provider
  where sealed_credential is not null and removed_at is null;

alter table provider drop column sealed_credential;
