import * as contract from "../../contract/prices.ts";
import { assertModelKnown, listPrices, setPrice } from "../../domains/catalog/index.ts";
import { assert } from "../../lib/errors.ts";
import { type Route, route } from "../route.ts";
import { timeFrom, toPageBody } from "../to-wire.ts";
import { readTerms, toPriceWire } from "./price-wire.ts";

export const priceRoutes: readonly Route[] = [
  route(contract.setPrice, async (control, { body, actor }) => {
    const terms = readTerms(body);
    assert(terms !== undefined, "the contract requires input and output prices");
    const price = await setPrice(control.database, {
      model: body.model,
      terms,
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
];
