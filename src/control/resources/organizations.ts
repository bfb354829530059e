import * as contract from "../../contract/organizations.ts";
import * as identity from "../../domains/identity/index.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime } from "../to-wire.ts";

export const organizationRoutes: readonly Route[] = [
  route(contract.createOrganization, async (control, { body, actor }) =>
    toWire(await identity.createOrganization(control.database, { name: body.name, actor })),
  ),
  route(contract.listOrganizations, async (control, { query }) =>
    toPageBody(await identity.listOrganizations(control.database, query), toWire),
  ),
];

const toWire = (organization: identity.Organization): contract.Organization => ({
  id: String(organization.organizationId),
  name: organization.name,
  created_at: toTime(organization.createdAt),
});
