import * as contract from "../../contract/credits.ts";
import { findOrganization } from "../../domains/identity/index.ts";
import { grant } from "../../domains/ledger/index.ts";
import { Failure } from "../../lib/errors.ts";
import { type Nanos, nanosFromUsd, usdFromNanos } from "../../lib/money.ts";
import { recordChange } from "../../platform/db/change.ts";
import { type Route, route } from "../route.ts";
import { laterTimeFrom, toTimeOrNull } from "../to-wire.ts";

export const creditRoutes: readonly Route[] = [
  route(contract.addCredit, async (control, { body, actor }) => {
    const amount = readAmount(body.usd);
    const expiresAt =
      laterTimeFrom(body.expires_at, { param: "expires_at", nowMs: control.clock.nowMs() }) ?? null;
    const organization = await findOrganization(control.database, body.organization);
    const granted = await control.database.transact(async (client) => {
      const credit = await grant(client, {
        walletId: organization.walletId,
        amount,
        expiresAt,
        ...(body.note !== undefined && { note: body.note }),
        ...(body.idempotency_key !== undefined && { idempotencyKey: body.idempotency_key }),
      });
      await recordChange(client, {
        actor,
        action: contract.addCredit.id,
        subject: organization.name,
        detail: { credit_id: String(credit.creditId), usd: usdFromNanos(amount) },
      });
      return credit;
    });
    return {
      id: String(granted.creditId),
      organization: organization.name,
      usd: usdFromNanos(amount),
      expires_at: toTimeOrNull(expiresAt),
      note: body.note ?? null,
      transfer_id: granted.transferId,
    };
  }),
];

function readAmount(usd: string): Nanos {
  const amount = nanosFromUsd(usd, "usd");
  if (amount > 0n) return amount;
  throw new Failure("invalid", "'usd' must be more than 0.", { param: "usd" });
}
