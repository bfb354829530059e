/**
 * Organizations and projects on PostgreSQL. Creating what is missing takes its locks in one order: the organization's name, then
 * the project's; ledger accounts come after both.
 */
import type { PoolClient } from "pg";
import { assert, Failure } from "../../lib/errors.ts";
import type { Nanos } from "../../lib/money.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { recordChange } from "../../platform/db/change.ts";
import type { Database } from "../../platform/db/database.ts";
import { idAfter, type Page, type PageRequest, toPage } from "../../platform/db/page.ts";
import { grant, openWallet } from "../ledger/index.ts";
import { assertBudgetMakesSense, type Budget, type Organization, type Project } from "./records.ts";
import {
  type BudgetRow,
  type OrganizationRow,
  organizationColumns,
  type ProjectRow,
  selectProject,
  toBudget,
  toOrganization,
  toProject,
} from "./rows.ts";

/** Names that are compared to find the one that was meant, and budgets that are shown at once. */
const NAMES_MAX = 1_000;
const BUDGETS_MAX = 1_000;

export async function createOrganization(
  database: Database,
  options: { name: string; actor: string },
): Promise<Organization> {
  return await database.transact(async (client) => {
    const found = await lockOrganization(client, options.name);
    if (found !== undefined) throw alreadyExists("organization", options.name);
    return await insertOrganization(client, options);
  });
}

/** Binds the organization's calls to regions, from the next call on. Null: they may go anywhere. */
export async function setRegions(
  database: Database,
  options: { organization: string; regions: readonly string[] | null; actor: string },
): Promise<Organization> {
  const { organizationId } = await findOrganization(database, options.organization);
  return await database.transact(async (client) => {
    const { rows } = await client.query<OrganizationRow>(
      `update organization set regions = $2 where organization_id = $1 returning ${organizationColumns}`,
      [organizationId, options.regions],
    );
    assert(rows[0] !== undefined, "an organization is never deleted");
    await recordChange(client, {
      actor: options.actor,
      action: "organization.set",
      subject: options.organization,
      detail: { regions: options.regions },
    });
    return toOrganization(rows[0]);
  });
}

export async function createProject(
  database: Database,
  options: { organization: string; name: string; budget?: Nanos | undefined; actor: string },
): Promise<Project> {
  assertBudgetMakesSense(options.budget, "live");
  const organization = await findOrganization(database, options.organization);
  return await database.transact(async (client) => {
    const found = await lockProject(client, organization, options.name);
    if (found !== undefined) throw alreadyExists("project", options.name);
    return await insertProject(client, { ...options, organization });
  });
}

export async function listOrganizations(
  database: Database,
  page: PageRequest,
): Promise<Page<Organization>> {
  const { rows } = await database.pool.query<OrganizationRow>(
    `select ${organizationColumns} from organization where organization_id > $1 order by organization_id limit $2`,
    [idAfter(page), page.limit + 1],
  );
  return toPage(rows.map(toOrganization), page, (row) => String(row.organizationId));
}

export async function findOrganization(database: Database, name: string): Promise<Organization> {
  const { rows } = await database.pool.query<OrganizationRow>(
    `select ${organizationColumns} from organization where name = $1`,
    [name],
  );
  if (rows[0] !== undefined) return toOrganization(rows[0]);
  const names = await database.pool.query<{ name: string }>(
    "select name from organization order by organization_id desc limit $1",
    [NAMES_MAX],
  );
  const hint = didYouMean(
    name,
    names.rows.map((row) => row.name),
  );
  throw new Failure(
    "not_found",
    `There is no organization '${name}'.${hint} Create it with 'baseload org create', or create a key in it.`,
    { param: "organization", code: "organization_not_found" },
  );
}

export async function listProjects(
  database: Database,
  options: PageRequest & { organizationId: bigint },
): Promise<Page<Project>> {
  const { rows } = await database.pool.query<ProjectRow>(
    `${selectProject} where project.organization_id = $1 and project_id > $2 order by project_id limit $3`,
    [options.organizationId, idAfter(options), options.limit + 1],
  );
  return toPage(rows.map(toProject), options, (row) => String(row.projectId));
}

/** Budgets of an organization's projects and keys; rotated keys share one. */
export async function listBudgets(database: Database, organizationId: bigint): Promise<Budget[]> {
  const { rows } = await database.pool.query<BudgetRow>(
    `select 'project' as scope, name as project, null as key_id, name, wallet_id
     from project where organization_id = $1 and wallet_id is not null
     union all
     select * from (
       select distinct on (api_key.wallet_id) 'key', project.name, key_id, api_key.name, api_key.wallet_id
       from api_key join project using (project_id)
       where organization_id = $1 and api_key.wallet_id is not null
       order by api_key.wallet_id, api_key.created_at desc
     ) one_for_each_wallet
     order by wallet_id limit $2`,
    [organizationId, BUDGETS_MAX],
  );
  return rows.map(toBudget);
}

export async function countIdentity(
  database: Database,
): Promise<{ organizations: number; keys: number }> {
  const { rows } = await database.pool.query<{ organizations: number; keys: number }>(
    `select (select count(*) from organization)::int as organizations,
       (select count(*) from api_key where revoked_at is null or revoked_at > now())::int as keys`,
  );
  return rows[0] ?? { organizations: 0, keys: 0 };
}

/** Locks the name until the transaction ends, so that two requests cannot both find it missing. */
export async function lockOrganization(
  client: PoolClient,
  name: string,
): Promise<Organization | undefined> {
  await client.query("select pg_advisory_xact_lock(hashtextextended('organization ' || $1, 0))", [
    name,
  ]);
  const { rows } = await client.query<OrganizationRow>(
    `select ${organizationColumns} from organization where name = $1`,
    [name],
  );
  return rows[0] === undefined ? undefined : toOrganization(rows[0]);
}

export async function lockProject(
  client: PoolClient,
  organization: Organization,
  name: string,
): Promise<Project | undefined> {
  await client.query("select pg_advisory_xact_lock(hashtextextended('project ' || $1 || $2, 0))", [
    String(organization.organizationId),
    name,
  ]);
  const { rows } = await client.query<ProjectRow>(
    `${selectProject} where project.organization_id = $1 and project.name = $2`,
    [organization.organizationId, name],
  );
  return rows[0] === undefined ? undefined : toProject(rows[0]);
}

export async function insertOrganization(
  client: PoolClient,
  options: { name: string; actor: string },
): Promise<Organization> {
  const walletId = await openWallet(client, "organization");
  const { rows } = await client.query<OrganizationRow>(
    `insert into organization (name, wallet_id) values ($1, $2) returning ${organizationColumns}`,
    [options.name, walletId],
  );
  assert(rows[0] !== undefined, "insert into organization returned no row");
  await recordChange(client, {
    actor: options.actor,
    action: "organization.create",
    subject: options.name,
  });
  return toOrganization(rows[0]);
}

export async function insertProject(
  client: PoolClient,
  options: { organization: Organization; name: string; budget?: Nanos | undefined; actor: string },
): Promise<Project> {
  const { organization, name, budget } = options;
  const walletId = await openBudget(client, "project", budget);
  const { rows } = await client.query<Pick<ProjectRow, "project_id" | "created_at">>(
    `insert into project (organization_id, name, wallet_id) values ($1, $2, $3)
     returning project_id, created_at`,
    [organization.organizationId, name, walletId],
  );
  assert(rows[0] !== undefined, "insert into project returned no row");
  await recordChange(client, {
    actor: options.actor,
    action: "project.create",
    subject: `${organization.name}/${name}`,
  });
  return {
    projectId: rows[0].project_id,
    organization: organization.name,
    name,
    walletId,
    budget: budget ?? null,
    createdAt: rows[0].created_at,
  };
}

export async function openBudget(
  client: PoolClient,
  scope: "project" | "key",
  budget: Nanos | undefined,
): Promise<bigint | null> {
  if (budget === undefined) return null;
  const walletId = await openWallet(client, scope);
  await grant(client, { walletId, amount: budget, note: "budget" });
  return walletId;
}

const alreadyExists = (noun: string, name: string): Failure =>
  new Failure(
    "conflict",
    `There is already ${noun === "organization" ? "an" : "a"} ${noun} '${name}'.`,
    {
      param: "name",
      code: `${noun}_exists`,
    },
  );
