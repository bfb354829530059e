-- Quantities beyond text, and prices by service tier, by the length of the input and by deployment.
-- breaking: a worker that does not know the new quantities would post usage without them.

alter table price_component
  drop constraint price_quantity_is_known,
  add constraint price_quantity_is_known check (quantity in (
    'uncached_input', 'cache_read', 'cache_write', 'cache_write_1h', 'audio_input', 'image_input',
    'output_text', 'reasoning', 'audio_output', 'image_output',
    'images', 'audio_seconds', 'characters', 'search_units', 'requests', 'cache_hits')),
  add column service_tier text not null default 'standard'
    constraint price_service_tier_is_known check (service_tier in ('standard', 'batch', 'flex', 'priority')),
  -- 0 is the base. Above this many input tokens the whole call costs what the components of that number say.
  add column above_input_tokens integer not null default 0
    constraint price_context_tier_is_not_negative check (above_input_tokens >= 0),
  drop constraint price_component_pkey,
  add primary key (price_version_id, service_tier, above_input_tokens, quantity);

alter table price_version
  -- Null: what callers pay. Otherwise what the provider of this deployment charges us, by which plans compare costs.
  add column deployment_id bigint references deployment,
  -- Who set it: `operator`, or the list of prices that it was taken from and that list's version.
  add column source text not null default 'operator'
    constraint price_source_is_short check (length(source) between 1 and 120),
  drop constraint price_versions_of_a_model_do_not_overlap,
  add constraint price_versions_of_a_model_do_not_overlap
    unique nulls not distinct (model_id, deployment_id, valid_from);

alter table usage_event
  drop constraint usage_source_is_known,
  add constraint usage_source_is_known check (usage_source in ('provider', 'lookup', 'counted', 'cache', 'none')),
  add column service_tier text not null default 'standard'
    constraint usage_service_tier_is_known check (service_tier in ('standard', 'batch', 'flex', 'priority')),
  add column cache_write_1h bigint not null default 0,
  add column image_output bigint not null default 0,
  add column images bigint not null default 0,
  add column audio_seconds bigint not null default 0,
  add column characters bigint not null default 0,
  add column search_units bigint not null default 0,
  add column cache_hits bigint not null default 0;
