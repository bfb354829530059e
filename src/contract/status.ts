/** Whether the parts of this installation are up, in one answer. */
import { z } from "zod";
import { Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const Status = z
  .object({
    ok: z.boolean(),
    version: z.string(),
    database: z.object({ ok: z.boolean(), latency_ms: z.number().nullable() }),
    gateways: z.array(
      z.object({
        id: z.string(),
        started_at: Time,
        ok: z.boolean().meta({ description: "It answered its health check just now" }),
      }),
    ),
    organizations: z.int().nullable(),
    keys: z.int().nullable().meta({ description: "Keys that are not revoked" }),
    providers: z.int().nullable(),
    models: z.int().nullable(),
    problems: z
      .array(z.string())
      .meta({ description: "What is wrong and what to do; empty when ok" }),
  })
  .meta({ id: "Status" });
export type Status = z.infer<typeof Status>;

export const readStatus = defineOperation({
  id: "status.read",
  method: "get",
  path: "/status",
  summary: "Say whether this installation works and what it offers",
  answer: Status,
  status: 200,
});
