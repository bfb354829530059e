-- Where calls go: routes with their versions, the regions that organizations are bound to, and what models can do.

create table route (
  route_id bigint generated always as identity primary key,
  name text not null constraint route_name_is_unique unique
    constraint route_name_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$'),
  -- The version in force. Null: the route is removed; its versions stay, and come back with its name.
  current_version integer,
  created_at timestamptz not null default now()
);

-- What a route said at one moment. Undoing adds a version that says what an earlier one said.
create table route_version (
  route_id bigint not null references route,
  -- Counted from 1 in each route.
  version integer not null constraint route_version_is_positive check (version > 0),
  definition jsonb not null,
  -- The earlier version that this one brings back.
  restores integer,
  actor text not null,
  created_at timestamptz not null default now(),
  primary key (route_id, version)
);
alter table route add constraint route_points_to_one_of_its_versions
  foreign key (route_id, current_version) references route_version (route_id, version);
create trigger route_version_is_immutable before update or delete on route_version
  for each row execute function refuse_change();

-- The names by which clients call the routes in force: their own and their aliases. One name, one route.
create table route_called (
  name text constraint route_is_called_by_one_name_only primary key
    constraint route_alias_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$'),
  route_id bigint not null references route
);
create index route_called_by_route on route_called (route_id);

alter table organization
  -- Its calls go to these regions and to those below them: `eu` means `eu-west-1` too. Null: anywhere.
  add column regions text[] constraint organization_is_bound_to_some_region check (cardinality(regions) > 0);

alter table model
  -- What it can do and read beside text. Null: nobody has said, and it is asked.
  add column capabilities text[],
  add column modalities text[];
