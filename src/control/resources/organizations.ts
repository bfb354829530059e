import * as contract from "../../contract/organizations.ts";
import { listProviders } from "../../domains/catalog/index.ts";
import * as identity from "../../domains/identity/index.ts";
import { isRegionAllowed } from "../../domains/routing/index.ts";
import { didYouMean } from "../../lib/nearest.ts";
import type { Control } from "../control.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime } from "../to-wire.ts";

/** Providers that are looked at for a warning. */
const PROVIDERS_MAX = 1_000;

export const organizationRoutes: readonly Route[] = [
  route(contract.createOrganization, async (control, { body, actor }) =>
    toWire(await identity.createOrganization(control.database, { name: body.name, actor })),
  ),
  route(contract.setOrganization, async (control, { params, body, actor }) => {
    const regions = body.regions === null ? null : [...new Set(body.regions)];
    const { name: organization } = params;
    const bound = await identity.setRegions(control.database, { organization, regions, actor });
    return { ...toWire(bound), warnings: await warnOfRegions(control, regions) };
  }),
  route(contract.listOrganizations, async (control, { query }) =>
    toPageBody(await identity.listOrganizations(control.database, query), toWire),
  ),
];

/**
 * A region in which nothing runs is bound all the same: who wants calls to stay somewhere must not have to wait until
 * somebody has connected a provider there. Until then they are refused.
 */
async function warnOfRegions(
  control: Control,
  regions: readonly string[] | null,
): Promise<string[]> {
  if (regions === null) return [];
  const { rows } = await listProviders(control.database, { limit: PROVIDERS_MAX });
  const known = rows.flatMap(({ region }) => region ?? []);
  return regions
    .filter((region) => !known.some((one) => isRegionAllowed([region], one)))
    .map(
      (region) =>
        `No provider runs in '${region}': calls that may go nowhere else are refused.${didYouMean(region, new Set(known))}`,
    );
}

const toWire = (organization: identity.Organization): contract.Organization => ({
  id: String(organization.organizationId),
  name: organization.name,
  regions: organization.regions,
  created_at: toTime(organization.createdAt),
});
