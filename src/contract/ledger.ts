/** The check that derives every balance again from the entries. */
import { z } from "zod";
import { defineOperation } from "./operation.ts";

export const LedgerCheck = z
  .object({
    ok: z.boolean(),
    transfers: z.int().min(0),
    entries: z.int().min(0),
    problems: z
      .array(z.string())
      .meta({ description: "The first differences found; empty when ok" }),
  })
  .meta({ id: "LedgerCheck" });
export type LedgerCheck = z.infer<typeof LedgerCheck>;

export const checkLedger = defineOperation({
  id: "ledger.check",
  method: "post",
  path: "/ledger/check",
  summary: "Derive every balance and invariant of the ledger again and report differences",
  answer: LedgerCheck,
  status: 200,
});
