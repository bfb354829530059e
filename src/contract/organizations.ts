/** An organization owns projects and a wallet of money. */
import { z } from "zod";
import { Id, Name, PageQuery, pageOf, Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const Organization = z
  .object({ id: Id, name: z.string(), created_at: Time })
  .meta({ id: "Organization" });
export type Organization = z.infer<typeof Organization>;

export const createOrganization = defineOperation({
  id: "organization.create",
  method: "post",
  path: "/organizations",
  summary: "Create an organization with an empty wallet",
  body: z.strictObject({ name: Name }),
  answer: Organization,
  status: 201,
});

export const listOrganizations = defineOperation({
  id: "organization.list",
  method: "get",
  path: "/organizations",
  summary: "List organizations, oldest first",
  query: PageQuery,
  answer: pageOf(Organization),
  status: 200,
});
