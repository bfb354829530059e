-- How much may be called: limits of organizations, projects and models beside those of keys.

alter table api_key
  add column concurrency integer constraint api_key_concurrency_is_positive check (concurrency > 0),
  -- Who goes first where a model has more callers than room.
  add column priority text not null default 'normal'
    constraint api_key_priority_is_known check (priority in ('high', 'normal', 'low'));

create table call_limit (
  scope text not null constraint call_limit_scope_is_known check (scope in ('organization', 'project', 'model')),
  -- The id of the organization, project or model.
  subject_id bigint not null,
  rpm integer constraint call_limit_rpm_is_positive check (rpm > 0),
  tpm integer constraint call_limit_tpm_is_positive check (tpm > 0),
  concurrency integer constraint call_limit_concurrency_is_positive check (concurrency > 0),
  primary key (scope, subject_id),
  constraint call_limit_limits_something check (coalesce(rpm, tpm, concurrency) is not null)
);
