import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";

/** @throws Failure `forbidden` for what only works by keeping it, where the organization may keep nothing. */
export function assertMayKeep(principal: Principal, what: string, param?: string): void {
  if (!principal.zeroRetention) return;
  throw new Failure(
    "forbidden",
    `Nothing of what your organization's calls say is kept here (zero retention), so ${what}.`,
    { code: "zero_retention", ...(param === undefined ? {} : { param }) },
  );
}
