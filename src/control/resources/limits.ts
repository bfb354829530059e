import * as contract from "../../contract/limits.ts";
import * as identity from "../../domains/identity/index.ts";
import { assert } from "../../lib/errors.ts";
import { type Route, route } from "../route.ts";

export const limitRoutes: readonly Route[] = [
  route(contract.setLimit, async (control, { body, actor }) => {
    const { organization, project, key, model, ...limits } = body;
    const subject = subjectOf({ organization, project, key, model });
    return await identity.setLimits(control.database, { subject, limits, actor });
  }),
  route(contract.listLimits, async (control, { query }) => ({
    data: await identity.listLimits(control.database, query),
  })),
];

type Named = {
  organization: string | undefined;
  project: string | undefined;
  key: string | undefined;
  model: string | undefined;
};

/** The contract has seen to it that exactly one is named. */
function subjectOf({ organization, project, key, model }: Named): identity.LimitSubject {
  if (key !== undefined) return { scope: "key", keyId: key };
  if (model !== undefined) return { scope: "model", model };
  assert(organization !== undefined, "a limit has a subject");
  return project === undefined
    ? { scope: "organization", organization }
    : { scope: "project", organization, project };
}
