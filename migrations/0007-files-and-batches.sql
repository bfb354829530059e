-- Files, the queue of work that outlives its call, answers that are kept for it, and batches.

-- The bytes lie in a folder of a machine, or one that several machines share; a row makes them a file.
create table file (
  file_id text primary key constraint file_id_is_plain check (file_id ~ '^file-[0-9a-f]{32}$'),
  organization_id bigint not null references organization,
  project_id bigint not null references project,
  -- Null while the bytes arrive.
  purpose text constraint file_purpose_is_known check (purpose in
    ('assistants', 'batch', 'batch_output', 'evals', 'fine-tune', 'user_data', 'vision')),
  name text not null constraint file_name_is_short check (length(name) between 1 and 255),
  -- While the bytes arrive: what is set aside for them in the quota.
  bytes bigint not null constraint file_bytes_are_not_negative check (bytes >= 0),
  sha256 bytea,
  -- Which folder: its own id, written in it.
  store_id uuid not null,
  -- deleted: nobody sees it any more; the row stays until its bytes are gone.
  state text not null default 'arriving'
    constraint file_state_is_known check (state in ('arriving', 'ready', 'deleted')),
  created_at timestamptz not null default now(),
  touched_at timestamptz not null default now(),
  expires_at timestamptz,
  -- Who needs the file, such as a batch: it cannot be deleted and does not expire meanwhile.
  holders text[] not null default '{}',
  constraint file_is_complete_when_it_is_ready check
    (state <> 'ready' or purpose is not null and sha256 is not null)
);
create index file_by_project on file (project_id, file_id);
create index file_by_organization on file (organization_id);
create index file_by_expiry on file (expires_at) where state = 'ready' and expires_at is not null;
create index file_to_clear_up on file (touched_at) where state <> 'ready';

create table job (
  job_id uuid primary key,
  kind text not null constraint job_kind_is_known check (kind in ('batch', 'response')),
  organization_id bigint not null references organization,
  key_id text not null references api_key,
  payload jsonb not null default '{}',
  -- Only workers of this file store may take it. Null: any worker.
  file_store_id uuid,
  state text not null default 'waiting'
    constraint job_state_is_known check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
  -- How often it was claimed.
  claims integer not null default 0,
  -- Claims in a row that ended in an error.
  failures integer not null default 0,
  -- The number of its newest call, for kinds that make one.
  run integer not null default 0,
  worker_id uuid,
  heartbeat_at timestamptz,
  not_before timestamptz not null default now(),
  cancel_asked_at timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint job_that_runs_has_a_worker check (state <> 'running' or worker_id is not null and heartbeat_at is not null)
);
create index job_under_way on job (kind, state) where state in ('waiting', 'running');
create index job_by_end on job (ended_at) where ended_at is not null;

-- One row for each run of a job's call. The first change from `begun` decides, once and for all.
create table kept_answer (
  request_id uuid primary key,
  organization_id bigint not null references organization,
  job_id uuid,
  gateway_id uuid,
  state text not null constraint kept_state_is_known check (state in ('begun', 'kept', 'void')),
  event_id uuid,
  -- False for keys of mode `test`, which have no events.
  is_billed boolean,
  body bytea,
  content_type text,
  -- Text: a provider's usage object may hold what jsonb refuses.
  usage text,
  created_at timestamptz not null default now(),
  -- Its job has put it where it belongs.
  released_at timestamptz,
  constraint kept_answer_is_complete check
    (state <> 'kept' or event_id is not null and is_billed is not null and body is not null
      and content_type is not null and usage is not null)
);
create index kept_answer_by_job on kept_answer (job_id) where released_at is null;
create index kept_answer_released on kept_answer (released_at) where released_at is not null;
create index kept_answer_void on kept_answer (created_at) where state = 'void';

create table batch (
  -- Also the id of its job.
  batch_id uuid primary key,
  organization_id bigint not null references organization,
  project_id bigint not null references project,
  key_id text not null references api_key,
  input_file_id text not null,
  endpoint text not null,
  -- JSON as the client sent it: text, because jsonb refuses some of what a client may say.
  metadata text,
  output_expires_seconds integer,
  status text not null default 'validating' constraint batch_status_is_known check (status in
    ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
  errors text,
  total integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  output_file_id text,
  error_file_id text,
  usage text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  in_progress_at timestamptz,
  finalizing_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  expired_at timestamptz,
  cancelling_at timestamptz,
  cancelled_at timestamptz,
  constraint batch_counts_add_up check (completed >= 0 and failed >= 0 and completed + failed <= total)
);
create index batch_by_project on batch (project_id, batch_id);
create index batch_open on batch (organization_id)
  where status in ('validating', 'in_progress', 'finalizing', 'cancelling');

-- One row for each line of an input file while its batch is under way. The line itself stays in the file.
create table batch_line (
  batch_id uuid not null references batch,
  line_number integer not null,
  byte_offset bigint not null,
  byte_length integer not null,
  -- As JSON, because text cannot hold every string.
  custom_id text not null,
  -- answered: its newest run is kept. refused: the result says why.
  state text not null default 'waiting'
    constraint batch_line_state_is_known check (state in ('waiting', 'sent', 'answered', 'refused')),
  run integer not null default 0,
  -- Runs in a row that a provider failed.
  failures integer not null default 0,
  not_before timestamptz,
  -- JSON of a refused line: {status, request_id, body} or {code, message}.
  result text,
  primary key (batch_id, line_number),
  constraint batch_line_that_is_refused_has_a_result check (state <> 'refused' or result is not null)
);
create index batch_line_again on batch_line (batch_id, not_before) where state = 'waiting' and run > 0;
create index batch_line_sent on batch_line (batch_id, line_number) where state = 'sent';
