/** Credit is money given to an organization's wallet. */
import { z } from "zod";
import { Id, Name, Time, TimeInput, Usd, UsdInput } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const Credit = z
  .object({
    id: Id,
    organization: z.string(),
    usd: Usd,
    expires_at: Time.nullable(),
    note: z.string().nullable(),
    transfer_id: z.string().meta({ description: "The ledger transfer that booked it" }),
  })
  .meta({ id: "Credit" });
export type Credit = z.infer<typeof Credit>;

export const addCredit = defineOperation({
  id: "credit.add",
  method: "post",
  path: "/credits",
  summary: "Add credit to an organization's wallet",
  body: z.strictObject({
    organization: Name,
    usd: UsdInput,
    expires_at: TimeInput.optional(),
    note: z.string().max(500).optional(),
    idempotency_key: z.string().min(1).max(200).optional().meta({
      description: "The same key adds the same credit once, however often it is sent",
    }),
  }),
  answer: Credit,
  status: 201,
});
