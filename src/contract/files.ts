/** Files of all organizations, for operators: what they are and how much room they take, not what is in them. */
import { z } from "zod";
import { Id, Name, PageQuery, pageOf, Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const StoredFile = z
  .object({
    id: Id,
    organization: z.string(),
    project: z.string(),
    name: z.string(),
    purpose: z.string().meta({ examples: ["batch"] }),
    bytes: z.int().min(0),
    created_at: Time,
    expires_at: Time.nullable(),
  })
  .meta({ id: "StoredFile" });
export type StoredFile = z.infer<typeof StoredFile>;

export const listFiles = defineOperation({
  id: "file.list",
  method: "get",
  path: "/files",
  summary: "List files, newest first, of all organizations unless narrowed",
  query: PageQuery.extend({ organization: Name.optional() }),
  answer: pageOf(StoredFile),
  status: 200,
});
