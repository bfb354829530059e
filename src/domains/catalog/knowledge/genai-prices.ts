/**
 * The list of `@pydantic/genai-prices`: some 1,500 models of 45 providers, with dates, hours and context tiers. It
 * is loaded on first use, because it is large and only the control plane asks, when a model or a price is added.
 */
import type { ModelInfo, ModelPrice, Provider } from "@pydantic/genai-prices";
import { assert } from "../../../lib/errors.ts";
import type { KnownModel, KnownPrice, ServedAt } from "./known-model.ts";
import { toTerms, unknownWords } from "./to-terms.ts";

/** As pinned in package.json; a test compares them. */
export const GENAI_PRICES_VERSION = "0.1.8";
/** As it stands in `price_version.source`. */
export const GENAI_PRICES = `genai-prices ${GENAI_PRICES_VERSION}`;

const DAY_MS = 86_400_000;

type List = typeof import("@pydantic/genai-prices");

/** The model that the list takes this one for, with what it costs now and what is announced. */
export async function findInGenaiPrices(
  served: ServedAt,
  nowMs: number,
): Promise<KnownModel | undefined> {
  const list = await import("@pydantic/genai-prices");
  const provider = findProvider(list, served);
  const match = provider && matchAt(list, provider, served.upstreamModel, nowMs);
  if (match === undefined) return undefined;
  const days = [nowMs, ...announcedDays(match.model).filter((day) => day > nowMs)];
  const prices = days.flatMap((day, i): KnownPrice[] => {
    const terms = toTerms(pricesOn(list, match, day));
    return terms === undefined ? [] : [{ terms, validFrom: i === 0 ? undefined : new Date(day) }];
  });
  const [first, ...later] = prices;
  // A price that is only announced leaves the model without one until then.
  if (first === undefined || first.validFrom !== undefined) return undefined;
  return {
    source: GENAI_PRICES,
    provider: match.provider.id,
    model: match.model.id,
    contextTokens: match.model.context_window,
    prices: [first, ...later],
    notes: notesOn(list, match, nowMs),
  };
}

type Match = { provider: Provider; upstreamModel: string; model: ModelInfo; price: ModelPrice };

/** By the id that our table gives, otherwise by the address: a provider may have been added by hand. */
function findProvider(list: List, { listId, baseUrl }: ServedAt): Provider | undefined {
  if (listId !== undefined) return list.findProvider({ providerId: listId });
  return list.findProvider({ providerApiUrl: baseUrl });
}

function matchAt(
  list: List,
  provider: Provider,
  upstreamModel: string,
  atMs: number,
): Match | undefined {
  const found = list.calcPrice({}, upstreamModel, {
    providerId: provider.id,
    timestamp: new Date(atMs),
  });
  if (found === null) return undefined;
  return { provider, upstreamModel, model: found.model, price: found.model_price };
}

const constraintsOf = (model: ModelInfo) =>
  Array.isArray(model.prices) ? model.prices.flatMap(({ constraint }) => constraint ?? []) : [];

/** The first instants of the days on which another price begins. */
function announcedDays(model: ModelInfo): number[] {
  const days = constraintsOf(model).flatMap((constraint) =>
    constraint.type === "start_date" ? [Date.parse(`${constraint.start_date}T00:00:00Z`)] : [],
  );
  return [...new Set(days)].sort((a, b) => a - b);
}

/** Every price that holds at some hour of that day. */
function pricesOn(
  list: List,
  { provider, upstreamModel, model }: Match,
  atMs: number,
): ModelPrice[] {
  const midnightMs = Math.floor(atMs / DAY_MS) * DAY_MS;
  const instants = hoursOf(model).map((ms) => midnightMs + ms);
  return [atMs, ...instants].map((instant) => {
    const match = matchAt(list, provider, upstreamModel, instant);
    assert(match !== undefined, "a model that the list knows has a price at every instant");
    return match.price;
  });
}

/** When another price begins during a day, in milliseconds from midnight (UTC). Empty: it is the same all day. */
function hoursOf(model: ModelInfo): number[] {
  const times = constraintsOf(model).flatMap((constraint) =>
    constraint.type === "time_of_date" ? [constraint.start_time, constraint.end_time] : [],
  );
  return times.map((time) => Date.parse(`1970-01-01T${time}`) % DAY_MS).map(positive);
}

const positive = (ms: number): number => (ms + DAY_MS) % DAY_MS;

function notesOn(list: List, match: Match, nowMs: number): string[] {
  const notes: string[] = [];
  if (hoursOf(match.model).length > 0) {
    notes.push(
      "The provider's price depends on the time of day; the dearest hour is charged all day.",
    );
  }
  const unknown = new Set(pricesOn(list, match, nowMs).flatMap(unknownWords));
  if (unknown.size > 0) {
    notes.push(`The provider charges for more than is metered here: ${[...unknown].join(", ")}.`);
  }
  return notes;
}
