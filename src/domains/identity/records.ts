/** Organizations, projects and keys as people see them. */
import { Failure } from "../../lib/errors.ts";
import type { Nanos } from "../../lib/money.ts";
import type { KeyMode } from "./keys.ts";

export type Organization = {
  organizationId: bigint;
  name: string;
  walletId: bigint;
  /** Where its calls may go; null: anywhere. */
  regions: string[] | null;
  createdAt: Date;
};

export type Project = {
  projectId: bigint;
  organization: string;
  name: string;
  walletId: bigint | null;
  /** Null: no budget of its own. */
  budget: Nanos | null;
  createdAt: Date;
};

export type Key = {
  keyId: string;
  organization: string;
  project: string;
  name: string;
  mode: KeyMode;
  budget: Nanos | null;
  rpm: number | null;
  tpm: number | null;
  createdAt: Date;
  expiresAt: Date | null;
  /** Lies ahead while a rotated key is in its grace. */
  revokedAt: Date | null;
  replacesKeyId: string | null;
};

/** A limit below the organization's own money. */
export type Budget = {
  scope: "project" | "key";
  project: string;
  /** The newest key, where rotated keys share one budget. */
  keyId: string | null;
  name: string;
  walletId: bigint;
};

export type NewKey = {
  organization: string;
  project: string;
  name: string;
  mode: KeyMode;
  budget?: Nanos | undefined;
  rpm?: number | undefined;
  tpm?: number | undefined;
  expiresAt?: Date | undefined;
};

/** A limit of nothing would be a key that can never be used; calls with test keys cost nothing to limit. */
export function assertBudgetMakesSense(budget: Nanos | undefined, mode: KeyMode): void {
  if (budget === undefined) return;
  if (budget === 0n) {
    throw new Failure("invalid", "budget_usd must be more than 0; leave it out for no budget.", {
      param: "budget_usd",
    });
  }
  if (mode === "test") {
    throw new Failure("invalid", "A test key is never billed, so it has no budget_usd.", {
      param: "budget_usd",
    });
  }
}
