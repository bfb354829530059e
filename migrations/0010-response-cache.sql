-- Answers of calls that repeat exactly, for organizations that ask for it.

alter table organization
  -- How long an answer may be given again. Null: never, unless a route says so.
  add column cache_ttl_seconds integer
    constraint organization_cache_is_short check (cache_ttl_seconds between 1 and 2592000),
  -- Part of every key of the cache: counting it up forgets all answers at once, in every gateway.
  add column cache_epoch bigint not null default 0;
