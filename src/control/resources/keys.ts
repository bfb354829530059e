import * as contract from "../../contract/keys.ts";
import * as identity from "../../domains/identity/index.ts";
import { nanosFromUsd } from "../../lib/money.ts";
import { type Route, route } from "../route.ts";
import { laterTimeFrom, toPageBody, toTime, toTimeOrNull, toUsdOrNull } from "../to-wire.ts";

export const keyRoutes: readonly Route[] = [
  route(contract.createKey, async (control, { body, actor }) => {
    const { budget_usd, expires_at, ...settings } = body;
    const { key, text } = await identity.createKey(control.database, {
      ...settings,
      budget: budget_usd === undefined ? undefined : nanosFromUsd(budget_usd, "budget_usd"),
      expiresAt: laterTimeFrom(expires_at, { param: "expires_at", nowMs: control.clock.nowMs() }),
      pepper: control.keyPepper,
      actor,
    });
    return { ...toWire(key), key: text };
  }),
  route(contract.listKeys, async (control, { query }) => {
    if (query.organization !== undefined) {
      await identity.findOrganization(control.database, query.organization);
    }
    return toPageBody(await identity.listKeys(control.database, query), toWire);
  }),
  route(contract.revokeKey, async (control, { params, actor }) =>
    toWire(await identity.revokeKey(control.database, { keyId: params.id, actor })),
  ),
  route(contract.rotateKey, async (control, { params, body, actor }) => {
    const { key, text } = await identity.rotateKey(control.database, {
      keyId: params.id,
      graceSeconds: body.grace_seconds,
      pepper: control.keyPepper,
      actor,
    });
    return { ...toWire(key), key: text };
  }),
];

const toWire = (key: identity.Key): contract.Key => ({
  id: key.keyId,
  organization: key.organization,
  project: key.project,
  name: key.name,
  mode: key.mode,
  budget_usd: toUsdOrNull(key.budget),
  rpm: key.rpm,
  tpm: key.tpm,
  created_at: toTime(key.createdAt),
  expires_at: toTimeOrNull(key.expiresAt),
  revoked_at: toTimeOrNull(key.revokedAt),
  replaces_id: key.replacesKeyId,
});
