/** The door of metering. */
export { billedView } from "./billed-view.ts";
export {
  affordableOutputTokens,
  chargedQuantities,
  isPriced,
  type PriceComponents,
  type PriceNeeds,
  priceNeedsOf,
  rate,
  unpricedOf,
  upperBound,
} from "./rate.ts";
export { type CallReceipt, readCall, readUsage, type UsageRow } from "./store.ts";
export {
  type CallFacts,
  callFactsOf,
  decodeRecord,
  encodeRecord,
  type Intent,
  type Outcome,
  type UsageEvent,
  usageEventId,
} from "./usage-event.ts";
