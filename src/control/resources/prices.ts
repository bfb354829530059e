import * as contract from "../../contract/prices.ts";
import {
  assertModelKnown,
  findInGenaiPrices,
  GENAI_PRICES,
  importKnownPrices,
  listPrices,
  type PriceTerms,
  readModel,
  setPrice,
} from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Control } from "../control.ts";
import { findKnownPrice, listIdOf } from "../find-known-price.ts";
import { type Route, route } from "../route.ts";
import { timeFrom, toPageBody } from "../to-wire.ts";
import { namesStandard, readTerms, toImportedWire, toPriceWire } from "./price-wire.ts";

export const priceRoutes: readonly Route[] = [
  route(contract.setPrice, async (control, { body, actor }) => {
    const { model, provider, upstream } = body;
    const given = readTerms(body);
    const price = await setPrice(control.database, {
      model,
      deployment: provider === undefined ? undefined : { provider, upstream },
      ...(body.from_list === true ? await fromList(control, body, given) : { terms: named(given) }),
      validFrom: timeFrom(body.valid_from),
      nowMs: control.clock.nowMs(),
      actor,
    });
    return toPriceWire(price);
  }),
  route(contract.listPrices, async (control, { query }) => {
    if (query.model !== undefined) await assertModelKnown(control.database, query.model);
    return toPageBody(await listPrices(control.database, query), toPriceWire);
  }),
  route(contract.importPrices, async (control, { body, actor }) => {
    const nowMs = control.clock.nowMs();
    const imported = await importKnownPrices(control.database, {
      provider: body.provider,
      withCosts: body.costs,
      isDryRun: body.dry_run,
      find: findInGenaiPrices,
      listIdOf,
      nowMs,
      actor,
    });
    const now = new Date(nowMs);
    return { source: GENAI_PRICES, data: imported.map((one) => toImportedWire(one, now)) };
  }),
];

function named(terms: PriceTerms | undefined): PriceTerms {
  if (terms !== undefined) return terms;
  throw new Failure("invalid", "A price is missing: say at least what input costs.", {
    param: "input_usd_per_mtok",
    code: "invalid_field",
  });
}

/** The list's standard price as it is now, with the service tiers that are given beside it. */
async function fromList(
  control: Control,
  body: { model: string; provider?: string | undefined; upstream?: string | undefined },
  given: PriceTerms | undefined,
): Promise<{ terms: PriceTerms; source: string }> {
  if (given !== undefined && namesStandard(given)) {
    throw new Failure("invalid", "Give a price, or take it from the list: not both.", {
      param: "from_list",
      code: "invalid_field",
    });
  }
  const { deployments } = await readModel(control.database, body.model);
  // Plans try the first one first, so what callers pay is its provider's price unless another one is named.
  const served = deployments.find(
    ({ provider, upstreamModel }) =>
      (body.provider ?? provider) === provider &&
      (body.upstream ?? upstreamModel) === upstreamModel,
  );
  const known = await findKnownPrice(control, {
    provider: served?.provider ?? body.provider ?? "",
    upstream: served?.upstreamModel ?? body.upstream ?? body.model,
    command: `baseload price set ${body.model}`,
  });
  const serviceTiers = given?.serviceTiers;
  const terms = known.prices[0].terms;
  return { terms: serviceTiers ? { ...terms, serviceTiers } : terms, source: known.source };
}
