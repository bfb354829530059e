/** The receipt of one call: what was attempted, measured, priced and booked. */
import { z } from "zod";
import { usageSources } from "../lib/quantities.ts";
import { serviceTiers } from "../lib/service-tiers.ts";
import { Id, Time, Usd } from "./fields.ts";
import { defineOperation } from "./operation.ts";

const Count = z.int().min(0);

export const Attempt = z
  .object({
    attempt: Count,
    provider: z.string(),
    upstream_model: z.string(),
    started_at: Time,
    ended_at: Time,
    outcome: z.enum(["completed", "disconnected", "failed", "interrupted"]),
    usage_source: z.enum(usageSources),
    quantities: z
      .record(z.string(), Count)
      .meta({ description: "Disjoint parts of the usage; a part that is not named is zero" }),
    price_version_id: Id,
    service_tier: z
      .enum(serviceTiers)
      .meta({ description: "By whose prices of that version it was charged" }),
    cost_usd: Usd.meta({ description: "Quantities times prices, exact" }),
    charge_usd: Usd.meta({ description: "What the wallet was charged, in whole nano-dollars" }),
    transfer_id: z.string(),
  })
  .meta({ id: "Attempt" });

export const Call = z
  .object({
    request_id: z.string(),
    organization: z.string(),
    project: z.string(),
    key_id: Id,
    model: z.string(),
    attempts: z.array(Attempt),
    input_tokens: Count,
    cached_input_tokens: Count,
    output_tokens: Count,
    cost_usd: Usd,
    charge_usd: Usd,
    balance_usd: Usd.meta({
      description: "What the organization's wallet has left now, leased or not",
    }),
  })
  .meta({ id: "Call" });
export type Call = z.infer<typeof Call>;

export const readCall = defineOperation({
  id: "call.read",
  method: "get",
  path: "/calls/{request_id}",
  summary: "Read the receipt of a call; it exists as soon as the call is posted to the ledger",
  params: z.strictObject({
    request_id: z.guid("must be the x-request-id of a call").toLowerCase(),
  }),
  answer: Call,
  status: 200,
});
