/** A project groups the keys of one application and may have a budget of its own. */
import { z } from "zod";
import { Id, Name, PageQuery, pageOf, Time, Usd, UsdInput } from "./fields.ts";
import { defineOperation } from "./operation.ts";

export const Project = z
  .object({
    id: Id,
    organization: z.string(),
    name: z.string(),
    budget_usd: Usd.nullable().meta({ description: "Null: no budget of its own" }),
    created_at: Time,
  })
  .meta({ id: "Project" });
export type Project = z.infer<typeof Project>;

export const createProject = defineOperation({
  id: "project.create",
  method: "post",
  path: "/projects",
  summary: "Create a project of an existing organization",
  body: z.strictObject({ organization: Name, name: Name, budget_usd: UsdInput.optional() }),
  answer: Project,
  status: 201,
});

export const listProjects = defineOperation({
  id: "project.list",
  method: "get",
  path: "/projects",
  summary: "List the projects of an organization, oldest first",
  query: PageQuery.extend({ organization: Name }),
  answer: pageOf(Project),
  status: 200,
});
