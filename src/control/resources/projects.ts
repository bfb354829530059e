import * as contract from "../../contract/projects.ts";
import * as identity from "../../domains/identity/index.ts";
import { nanosFromUsd } from "../../lib/money.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime, toUsdOrNull } from "../to-wire.ts";

export const projectRoutes: readonly Route[] = [
  route(contract.createProject, async (control, { body, actor }) => {
    const { organization, name, budget_usd } = body;
    const budget = budget_usd === undefined ? undefined : nanosFromUsd(budget_usd, "budget_usd");
    const options = { organization, name, budget, actor };
    return toWire(await identity.createProject(control.database, options));
  }),
  route(contract.listProjects, async (control, { query }) => {
    const { organizationId } = await identity.findOrganization(
      control.database,
      query.organization,
    );
    const { limit, after } = query;
    const page = await identity.listProjects(control.database, { organizationId, limit, after });
    return toPageBody(page, toWire);
  }),
];

const toWire = (project: identity.Project): contract.Project => ({
  id: String(project.projectId),
  organization: project.organization,
  name: project.name,
  budget_usd: toUsdOrNull(project.budget),
  created_at: toTime(project.createdAt),
});
