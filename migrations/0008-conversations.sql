-- Responses that are kept so that conversations can go on, and conversations that clients keep as such.

-- JSON is text here: what a model writes may hold what jsonb refuses, and comes back as it was written.
create table stored_response (
  organization_id bigint not null references organization,
  project_id bigint not null references project,
  -- A provider's own name for its answer where that passes untouched; ours otherwise.
  response_id text not null constraint stored_response_id_is_short check (length(response_id) between 1 and 128),
  key_id text not null references api_key,
  status text not null constraint stored_response_status_is_known check
    (status in ('queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled')),
  -- Of a response in the background: the job that makes it, and the request that it puts until it has ended.
  job_id uuid,
  request text,
  previous_response_id text,
  conversation_id text,
  -- The items that came with the request, without those of the conversation before.
  input text not null,
  -- The items that the model has answered.
  output text not null,
  -- The response object without its output.
  response text not null,
  -- Of input and output: what a conversation weighs that goes on from here.
  bytes integer not null constraint stored_response_bytes_are_not_negative check (bytes >= 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (project_id, response_id)
);
create index stored_response_by_expiry on stored_response (expires_at);
-- How much an organization has stored is read from the index alone.
create index stored_response_by_organization on stored_response (organization_id) include (bytes);
create index stored_response_open on stored_response (organization_id) where status in ('queued', 'in_progress');
create unique index stored_response_by_job on stored_response (job_id) where job_id is not null;

-- Where an item is, for requests that refer to it by its id.
create table stored_item (
  project_id bigint not null,
  item_id text not null constraint stored_item_id_is_short check (length(item_id) between 1 and 128),
  response_id text not null,
  primary key (project_id, item_id, response_id),
  constraint stored_item_belongs_to_a_response foreign key (project_id, response_id)
    references stored_response on delete cascade
);
create index stored_item_by_response on stored_item (project_id, response_id);

create table conversation (
  organization_id bigint not null references organization,
  project_id bigint not null references project,
  conversation_id text not null constraint conversation_id_is_plain check (conversation_id ~ '^conv_[0-9a-f]{32}$'),
  metadata text not null default '{}',
  created_at timestamptz not null default now(),
  primary key (project_id, conversation_id)
);

create table conversation_item (
  project_id bigint not null,
  conversation_id text not null,
  -- Their order.
  position bigint generated always as identity,
  item_id text not null constraint conversation_item_id_is_short check (length(item_id) between 1 and 128),
  item text not null,
  bytes integer not null constraint conversation_item_bytes_are_not_negative check (bytes >= 0),
  primary key (project_id, conversation_id, position),
  constraint conversation_item_is_unique unique (project_id, conversation_id, item_id),
  constraint conversation_item_belongs_to_a_conversation foreign key (project_id, conversation_id)
    references conversation on delete cascade
);
