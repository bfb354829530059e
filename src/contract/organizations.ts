/** An organization owns projects and a wallet of money. */
import { z } from "zod";
import { Id, Name, PageQuery, pageOf, Time } from "./fields.ts";
import { defineOperation } from "./operation.ts";
import { Region } from "./route-definition.ts";

/** More regions than any provider has. */
const REGIONS_MAX = 100;

export const Organization = z
  .object({
    id: Id,
    name: z.string(),
    regions: z.array(z.string()).nullable().meta({
      description:
        "Its calls go to these and to what lies below them, and nowhere else. Null: anywhere",
    }),
    created_at: Time,
  })
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

export const setOrganization = defineOperation({
  id: "organization.set",
  method: "post",
  path: "/organizations/{name}",
  summary: "Bind the calls of an organization to regions, or to none",
  params: z.strictObject({ name: Name }),
  body: z.strictObject({
    regions: z.array(Region).min(1).max(REGIONS_MAX).nullable().meta({
      description: "`eu` allows `eu-west-1` too. Null: anywhere",
    }),
  }),
  answer: Organization.extend({
    warnings: z.array(z.string()).meta({ description: "What is in force and may not be meant" }),
  }).meta({ id: "OrganizationSet" }),
  status: 200,
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
