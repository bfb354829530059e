import type { KeyMode } from "./keys.ts";
import type { CallLimit, Priority } from "./limits.ts";
import type { RequestLogging } from "./retention.ts";

/** Who calls, as a gateway process keeps it in memory: everything that admitting a call needs to know. */
export type Principal = {
  keyId: string;
  mode: KeyMode;
  keyHmac: Buffer;
  organizationId: bigint;
  organization: string;
  projectId: bigint;
  project: string;
  /** Where the organization's calls may go; null: anywhere. */
  regions: readonly string[] | null;
  /** The organization's wallet first, then the project's budget, then the key's budget, where they exist. */
  walletIds: readonly bigint[];
  /** Of the key, its project and its organization, where they limit anything. */
  limits: readonly CallLimit[];
  priority: Priority;
  /** How long answers may be given again where no route says so; null: never. */
  cacheTtlSeconds: number | null;
  /** Counted up when all answers shall be forgotten. */
  cacheEpoch: bigint;
  /** Null: its calls leave nothing but their usage. */
  requestLog: RequestLogging | null;
  /** Nothing of what is said in its calls may be kept, whatever else is set. */
  zeroRetention: boolean;
  expiresAtMs: number | null;
  revokedAtMs: number | null;
};
