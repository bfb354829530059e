import * as contract from "../../contract/routes.ts";
import * as routing from "../../domains/routing/index.ts";
import { explain } from "../explain-route.ts";
import { readOffer } from "../read-offer.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime } from "../to-wire.ts";

export const routeRoutes: readonly Route[] = [
  route(contract.setRoute, async (control, { params, body, actor }) => {
    const { name } = params;
    const { definition } = body;
    routing.assertMakesSense(name, definition, await readOffer(control));
    return toWire(await routing.setRoute(control.database, { name, definition, actor }));
  }),
  route(contract.listRoutes, async (control, { query }) =>
    toPageBody(await routing.listRoutes(control.database, query), toWire),
  ),
  route(contract.showRoute, async (control, { params, query }) =>
    toWire(await routing.readRoute(control.database, { ...params, version: query.version })),
  ),
  route(contract.listRouteVersions, async (control, { params, query }) =>
    toPageBody(await routing.listVersions(control.database, { ...params, ...query }), toWire),
  ),
  route(contract.undoRoute, async (control, { params, body, actor }) =>
    toWire(await routing.undoRoute(control.database, { ...params, to: body.to, actor })),
  ),
  route(contract.removeRoute, async (control, { params, actor }) =>
    toWire(await routing.removeRoute(control.database, { ...params, actor })),
  ),
  route(contract.explainRoute, async (control, { body }) => await explain(control, body)),
];

const toWire = (record: routing.RouteRecord): contract.Route => ({
  name: record.name,
  version: record.version,
  current_version: record.currentVersion,
  definition: toMutable(record.definition),
  restores: record.restores,
  actor: record.actor,
  created_at: toTime(record.createdAt),
});

/** The same shape on the wire and in the domain, where nothing is ever changed in place. */
const toMutable = (definition: routing.RouteDefinition): contract.Route["definition"] =>
  definition as contract.Route["definition"];
