/** What an organization used and what it cost, from the usage that is already posted to the ledger. */
import { z } from "zod";
import { Name, TimeInput, Usd } from "./fields.ts";
import { defineOperation } from "./operation.ts";

const Count = z.int().min(0);

const totals = {
  calls: Count,
  input_tokens: Count.meta({ description: "All input tokens, cached ones included" }),
  cached_input_tokens: Count.meta({ description: "The part of the input read from a cache" }),
  output_tokens: Count,
  quantities: z.record(z.string(), Count).meta({
    description:
      "All that was used, as disjoint parts: tokens, images, seconds of speech, requests, hits of our cache, …",
  }),
  cost_usd: Usd,
};

export const UsageGroup = z.enum(["model", "project", "key", "day"]);

export const UsageRow = z
  .object({
    group: z
      .string()
      .meta({ description: "Name of the model or project, id of the key, or day (UTC)" }),
    ...totals,
  })
  .meta({ id: "UsageRow" });

export const UsageReport = z
  .object({ ...totals, rows: z.array(UsageRow) })
  .meta({ id: "UsageReport" });
export type UsageReport = z.infer<typeof UsageReport>;

export const readUsage = defineOperation({
  id: "usage.read",
  method: "get",
  path: "/usage",
  summary: "Add up usage and cost of an organization",
  query: z.strictObject({
    organization: Name,
    from: TimeInput.optional().meta({ description: "First instant. Default: the beginning" }),
    to: TimeInput.optional().meta({ description: "First instant after. Default: now" }),
    group_by: UsageGroup.default("model"),
  }),
  answer: UsageReport,
  status: 200,
});
