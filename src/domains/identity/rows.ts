/** The one translation between rows and records, and the columns that it needs. */
import { nanos } from "../../lib/money.ts";
import type { KeyMode } from "./keys.ts";
import { type CallLimit, type CallLimits, isLimited, type Priority } from "./limits.ts";
import type { Principal } from "./principal.ts";
import type { Budget, Key, Organization, Project } from "./records.ts";
import type { RequestLogging, RequestLogMode } from "./retention.ts";

export type OrganizationRow = {
  organization_id: bigint;
  name: string;
  wallet_id: bigint;
  regions: string[] | null;
  created_at: Date;
};

export const organizationColumns = "organization_id, name, wallet_id, regions, created_at";

export const toOrganization = (row: OrganizationRow): Organization => ({
  organizationId: row.organization_id,
  name: row.name,
  walletId: row.wallet_id,
  regions: row.regions,
  createdAt: row.created_at,
});

export type ProjectRow = {
  project_id: bigint;
  organization: string;
  name: string;
  wallet_id: bigint | null;
  budget_nanos: bigint | null;
  created_at: Date;
};

/** The budget is the sum of the credits of the wallet that limits the project. */
export const selectProject = `
  select project_id, organization.name as organization, project.name, project.wallet_id, project.created_at,
    (select sum(amount_nanos)::bigint from credit where credit.wallet_id = project.wallet_id) as budget_nanos
  from project join organization using (organization_id)`;

export const toProject = (row: ProjectRow): Project => ({
  projectId: row.project_id,
  organization: row.organization,
  name: row.name,
  walletId: row.wallet_id,
  budget: row.budget_nanos === null ? null : nanos(row.budget_nanos),
  createdAt: row.created_at,
});

export type KeyRow = {
  key_id: string;
  organization: string;
  project: string;
  name: string;
  mode: KeyMode;
  budget_nanos: bigint | null;
  rpm: number | null;
  tpm: number | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  replaces_key_id: string | null;
};

export const selectKey = `
  select key_id, organization.name as organization, project.name as project, api_key.name, mode, rpm, tpm,
    api_key.created_at, expires_at, revoked_at, replaces_key_id,
    (select sum(amount_nanos)::bigint from credit where credit.wallet_id = api_key.wallet_id) as budget_nanos
  from api_key join project using (project_id) join organization using (organization_id)`;

export const toKey = (row: KeyRow): Key => ({
  keyId: row.key_id,
  organization: row.organization,
  project: row.project,
  name: row.name,
  mode: row.mode,
  budget: row.budget_nanos === null ? null : nanos(row.budget_nanos),
  rpm: row.rpm,
  tpm: row.tpm,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
  replacesKeyId: row.replaces_key_id,
});

export type BudgetRow = {
  scope: "project" | "key";
  project: string;
  key_id: string | null;
  name: string;
  wallet_id: bigint;
};

export const toBudget = (row: BudgetRow): Budget => ({
  scope: row.scope,
  project: row.project,
  keyId: row.key_id,
  name: row.name,
  walletId: row.wallet_id,
});

export type PrincipalRow = {
  key_id: string;
  mode: KeyMode;
  key_hmac: Buffer;
  organization_id: bigint;
  organization: string;
  regions: string[] | null;
  project_id: bigint;
  project: string;
  organization_wallet_id: bigint;
  project_wallet_id: bigint | null;
  key_wallet_id: bigint | null;
  rpm: number | null;
  tpm: number | null;
  concurrency: number | null;
  priority: Priority;
  cache_ttl_seconds: number | null;
  cache_epoch: bigint;
  request_log: RequestLogMode;
  request_log_sample: number;
  request_log_redacts: boolean;
  zero_retention: boolean;
  organization_limits: CallLimits | null;
  project_limits: CallLimits | null;
  expires_at: Date | null;
  revoked_at: Date | null;
};

export const selectPrincipal = `
  select key_id, mode, key_hmac, organization_id, organization.name as organization, regions,
    project_id, project.name as project, organization.wallet_id as organization_wallet_id,
    project.wallet_id as project_wallet_id, api_key.wallet_id as key_wallet_id,
    rpm, tpm, concurrency, priority, cache_ttl_seconds, cache_epoch, request_log, request_log_sample,
    request_log_redacts, zero_retention, expires_at, revoked_at,
    (select to_jsonb(call_limit) from call_limit where scope = 'organization' and subject_id = organization_id)
      as organization_limits,
    (select to_jsonb(call_limit) from call_limit where scope = 'project' and subject_id = project_id)
      as project_limits
  from api_key join project using (project_id) join organization using (organization_id)`;

export const toPrincipal = (row: PrincipalRow): Principal => ({
  keyId: row.key_id,
  mode: row.mode,
  keyHmac: row.key_hmac,
  organizationId: row.organization_id,
  organization: row.organization,
  regions: row.regions,
  projectId: row.project_id,
  project: row.project,
  walletIds: [row.organization_wallet_id, row.project_wallet_id, row.key_wallet_id].filter(
    (walletId) => walletId !== null,
  ),
  limits: limitsOf(row),
  priority: row.priority,
  cacheTtlSeconds: row.cache_ttl_seconds,
  cacheEpoch: row.cache_epoch,
  requestLog: requestLoggingOf(row),
  zeroRetention: row.zero_retention,
  expiresAtMs: row.expires_at?.getTime() ?? null,
  revokedAtMs: row.revoked_at?.getTime() ?? null,
});

/** Where nothing may be kept, nothing is logged, whatever is set. */
function requestLoggingOf(row: PrincipalRow): RequestLogging | null {
  const { request_log: mode, request_log_sample: sample, request_log_redacts: isRedacted } = row;
  if (mode === "off" || sample === 0 || row.zero_retention) return null;
  return { mode, sample, isRedacted };
}

/** Of the key, its project and its organization: those that limit anything. */
function limitsOf(row: PrincipalRow): readonly CallLimit[] {
  const { rpm, tpm, concurrency } = row;
  const scopes = [
    { limits: { rpm, tpm, concurrency }, counter: row.key_id, subject: "this key" },
    {
      limits: row.project_limits,
      counter: `project:${row.project_id}`,
      subject: `the project '${row.project}'`,
    },
    {
      limits: row.organization_limits,
      counter: `organization:${row.organization_id}`,
      subject: `the organization '${row.organization}'`,
    },
  ];
  return scopes.flatMap(({ limits, counter, subject }) =>
    limits === null || !isLimited(limits)
      ? []
      : [{ rpm: limits.rpm, tpm: limits.tpm, concurrency: limits.concurrency, counter, subject }],
  );
}
