/** The door of metering. */
export {
  affordableOutputTokens,
  isPriced,
  type PriceComponents,
  rate,
  unitPrice,
  upperBound,
} from "./rate.ts";
export { type CallReceipt, readCall, readUsage, type UsageFilter, type UsageRow } from "./store.ts";
export {
  type CallFacts,
  callFactsOf,
  decodeRecord,
  encodeRecord,
  type Intent,
  type JournalRecord,
  type Outcome,
  type UsageEvent,
  usageEventId,
} from "./usage-event.ts";
