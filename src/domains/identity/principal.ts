import type { KeyMode } from "./keys.ts";

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
  /** Requests and tokens per minute. */
  rpm: number | null;
  tpm: number | null;
  expiresAtMs: number | null;
  revokedAtMs: number | null;
};
