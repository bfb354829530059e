export { createKey, listKeys, readPrincipals, revokeKey, rotateKey } from "./key-store.ts";
export { generateKey, hmacKey, KEY_CHARS, type KeyMode, type ParsedKey, parseKey } from "./keys.ts";
export type { Principal } from "./principal.ts";
export type { Budget, Key, NewKey, Organization, Project } from "./records.ts";
export {
  countIdentity,
  createOrganization,
  createProject,
  findOrganization,
  listBudgets,
  listOrganizations,
  listProjects,
} from "./store.ts";
