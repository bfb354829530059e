import * as contract from "../../contract/caches.ts";
import * as identity from "../../domains/identity/index.ts";
import { type Route, route } from "../route.ts";

export const cacheRoutes: readonly Route[] = [
  route(contract.setCache, async (control, { params, body, actor }) =>
    toWire(
      await identity.setCache(control.database, {
        organization: params.name,
        ttlSeconds: body.ttl_seconds,
        actor,
      }),
    ),
  ),
  route(contract.clearCache, async (control, { params, actor }) =>
    toWire(await identity.clearCache(control.database, { organization: params.name, actor })),
  ),
];

const toWire = ({ organization, ttlSeconds }: identity.CacheSettings): contract.Cache => ({
  organization,
  ttl_seconds: ttlSeconds,
});
