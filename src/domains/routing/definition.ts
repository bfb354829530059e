/**
 * A route as an operator writes it: the same shape on the wire, in the database and here, so that an old version
 * reads as it was written. The contract has checked it before it comes here.
 */

export const strategyNames = [
  /** As written. */
  "ordered",
  /** By chance, in proportion to the weights. */
  "weighted",
  /** The quickest to its first token for streams, to its whole answer otherwise. */
  "lowest-latency",
  /** What this call would cost us. */
  "lowest-cost",
  /** The fewest calls under way of two that are drawn. */
  "least-busy",
  /** Prompts that begin alike go to the same place, whose cache knows them. */
  "prefix-affinity",
] as const;
export type Strategy = (typeof strategyNames)[number];

/** The provider's faults, after which another try may do better. */
export const retryKinds = ["rate_limited", "overloaded", "timeout", "upstream"] as const;
export type RetryKind = (typeof retryKinds)[number];

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];

type OneOrMore<T> = T | readonly T[];

/** All fields that are given must hold; of a list, one. A condition that says nothing always holds. */
export type RouteCondition = {
  all?: readonly RouteCondition[] | undefined;
  any?: readonly RouteCondition[] | undefined;
  not?: RouteCondition | undefined;
  /** The name that the client called: the route's own, or one of its aliases. */
  model?: OneOrMore<string> | undefined;
  /** Such as `chat` or `embeddings`. */
  operation?: OneOrMore<string> | undefined;
  task?: OneOrMore<string> | undefined;
  /** `*`: any value. */
  metadata?: Readonly<Record<string, OneOrMore<string>>> | undefined;
  /** By id. */
  key?: OneOrMore<string> | undefined;
  project?: OneOrMore<string> | undefined;
  organization?: OneOrMore<string> | undefined;
  time?: TimeWindow | undefined;
  /** Counted tokens of the input, both bounds included. */
  input_tokens?: { min?: number | undefined; max?: number | undefined } | undefined;
  /** BCP 47. `zh` holds for `zh-Hant` too; Cantonese is `yue`; `unknown` where the text is too short to tell. */
  language?: OneOrMore<string> | undefined;
  /** The call needs it, such as `image`. */
  modality?: OneOrMore<string> | undefined;
  /** The call needs it, such as `tools`. */
  capability?: OneOrMore<string> | undefined;
  stream?: boolean | undefined;
};

/** A part of the week. A window that ends before it begins goes over midnight and belongs to the day it begins on. */
export type TimeWindow = {
  /** Of the IANA database, such as `Asia/Shanghai`; UTC when left out. */
  zone?: string | undefined;
  days?: readonly Weekday[] | undefined;
  /** `22:00`; the minute is included. */
  from?: string | undefined;
  /** `06:00`; the minute is not included. */
  to?: string | undefined;
};

/** A model, at all its deployments, or at those of one provider or region. */
export type RouteTarget = {
  model: string;
  provider?: string | undefined;
  /** `eu` means `eu-west-1` too. */
  region?: string | undefined;
  /** For `weighted`; 1 when left out. 0: only after all others of the tier. */
  weight?: number | undefined;
  when?: RouteCondition | undefined;
};

export type RouteTier = {
  name: string;
  strategy?: Strategy | undefined;
  when?: RouteCondition | undefined;
  targets: readonly RouteTarget[];
};

export type RouteDefinition = {
  /** Further names by which clients call the same route. */
  aliases?: readonly string[] | undefined;
  /** Of tiers that name none. */
  strategy?: Strategy | undefined;
  /** Tried in order. */
  tiers: readonly RouteTier[];
  retry?:
    | {
        /** Of one call, over all candidates. */
        attempts?: number | undefined;
        /** How often the same candidate is asked again, by what went wrong. */
        again?: Readonly<Partial<Record<RetryKind, number | undefined>>> | undefined;
        /** The first wait before the same candidate is asked again; it doubles. */
        backoff_ms?: number | undefined;
        backoff_max_ms?: number | undefined;
      }
    | undefined;
  /** Ask the next candidate too when nothing has come for a while. */
  hedge?: { after_ms: number; budget_percent?: number | undefined } | undefined;
  /**
   * `complete`: a stream is sent on when its end has arrived, so that one that is cut can still be asked of the next
   * candidate. `direct` when left out: pieces are sent on as they come.
   */
  streams?: "direct" | "complete" | undefined;
  /** Until the first byte of an answer. */
  timeout_ms?: number | undefined;
  /** Keep answers of calls that repeat exactly. */
  cache?: { ttl_seconds: number } | undefined;
};
