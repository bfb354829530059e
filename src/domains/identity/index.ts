export { createKey, listKeys, readPrincipals, revokeKey, rotateKey } from "./key-store.ts";
export { hmacKey, parseKey } from "./keys.ts";
export type { Principal } from "./principal.ts";
export type { Key, Organization, Project } from "./records.ts";
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
