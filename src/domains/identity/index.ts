export { type CacheSettings, clearCache, setCache } from "./cache-store.ts";
export { createKey, listKeys, readPrincipals, revokeKey, rotateKey } from "./key-store.ts";
export { hmacKey, parseKey } from "./keys.ts";
export {
  type LimitSubject,
  listLimits,
  type NewLimits,
  readModelLimits,
  setLimits,
} from "./limit-store.ts";
export type {
  CallLimit,
  CallLimits,
} from "./limits.ts";
export type { Principal } from "./principal.ts";
export type { Key, Organization, Project } from "./records.ts";
export type { RequestLogging, Retention } from "./retention.ts";
export { setRequestLog, setZeroRetention } from "./retention-store.ts";
export {
  countIdentity,
  createOrganization,
  createProject,
  findOrganization,
  listBudgets,
  listOrganizations,
  listProjects,
  setRegions,
} from "./store.ts";
