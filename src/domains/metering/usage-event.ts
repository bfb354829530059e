/**
 * The journal's records. An *intent* is written before an attempt is dispatched; a *usage* is its only
 * terminal state; *lease_closed* says that nothing more will be charged to a lease.
 *
 * Each record is complete in itself: whoever reads the journal needs no other state to post it.
 */
import { eventIdOf } from "../../lib/ids.ts";
import { type Nanos, nanos, type Picos, picos } from "../../lib/money.ts";
import type { Operation } from "../../lib/operations.ts";
import type { Quantities, UsageSource } from "../../lib/quantities.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";

/** Who asked for what, and which leases pay. */
export type CallFacts = {
  requestId: string;
  attempt: number;
  organizationId: bigint;
  projectId: bigint;
  keyId: string;
  modelId: bigint;
  deploymentId: bigint;
  priceVersionId: bigint;
  /** By whose prices of that version. */
  serviceTier: ServiceTier;
  /** The first pays with money (the organization's wallet); the others are budgets. */
  leaseIds: readonly bigint[];
  startedAtMs: number;
};

export type Intent = CallFacts & {
  /** Our own estimate of the prompt, charged only if nothing better can be learnt. */
  inputTokensCounted: number;
  /** Upper bounds of the hold. */
  inputTokensMax: number;
  outputTokensMax: number;
  holdNanos: Nanos;
  /** Of calls beside chat, which are not billed by text alone: what is charged if nothing better can be learnt. */
  beside?: { operation: Operation; counted: readonly Quantities[] };
  /**
   * The answer is kept in the database before the attempt is settled, and is charged if and only if it was kept:
   * after a crash the kept answers are asked for the usage, not the upstream. For calls whose client is ourselves.
   */
  isKept: boolean;
};

/**
 * - `completed`: the provider finished its answer.
 * - `disconnected`: the client left; what was generated until the provider was told is charged.
 * - `failed`: the provider answered with an error, or none could be reached.
 * - `interrupted`: the gateway died; the worker settled the attempt from its intent.
 */
export type Outcome = "completed" | "disconnected" | "failed" | "interrupted";

export type UsageEvent = CallFacts & {
  endedAtMs: number;
  outcome: Outcome;
  source: UsageSource;
  quantities: Quantities;
  costPicos: Picos;
  /** Whole nano-dollars posted for this event, the same for every scope. */
  chargeNanos: Nanos;
  uncoveredPicos: Picos;
  /** The provider's own usage object. */
  raw: unknown;
};

export type JournalRecord =
  | { type: "intent"; intent: Intent }
  | { type: "usage"; event: UsageEvent }
  | { type: "lease_closed"; leaseId: bigint };

/** The part of an intent that its usage event repeats. */
export const callFactsOf = (intent: Intent): CallFacts => ({
  requestId: intent.requestId,
  attempt: intent.attempt,
  organizationId: intent.organizationId,
  projectId: intent.projectId,
  keyId: intent.keyId,
  modelId: intent.modelId,
  deploymentId: intent.deploymentId,
  priceVersionId: intent.priceVersionId,
  serviceTier: intent.serviceTier,
  leaseIds: intent.leaseIds,
  startedAtMs: intent.startedAtMs,
});

export const usageEventId = (facts: CallFacts): string => eventIdOf(facts.requestId, facts.attempt);

/**
 * A provider's usage object is below 1 KiB. A record must fit the journal, or the cost of its call could not be
 * booked, so what is larger is not kept; the quantities read from it are.
 */
const RAW_CHARS_MAX = 8_192;

/**
 * JSON with short names: the journal is the hot path's only disk traffic. Names are only ever added, and what is
 * left out means what it meant before there was a name for it, so that a journal outlives an upgrade.
 */
type Wire = { t: "i" | "u" | "l" } & Record<string, unknown>;

export function encodeRecord(record: JournalRecord): string {
  switch (record.type) {
    case "intent":
      return JSON.stringify({
        t: "i",
        ...factsToWire(record.intent),
        ic: record.intent.inputTokensCounted,
        im: record.intent.inputTokensMax,
        om: record.intent.outputTokensMax,
        hn: record.intent.holdNanos.toString(),
        kp: record.intent.isKept ? 1 : undefined,
        op: record.intent.beside?.operation,
        cv: record.intent.beside?.counted,
      });
    case "usage":
      return JSON.stringify({
        t: "u",
        ...factsToWire(record.event),
        e: record.event.endedAtMs,
        oc: record.event.outcome,
        us: record.event.source,
        q: record.event.quantities,
        c: record.event.costPicos.toString(),
        n: record.event.chargeNanos.toString(),
        x: record.event.uncoveredPicos.toString(),
        raw: keptRaw(record.event.raw),
      });
    case "lease_closed":
      return JSON.stringify({ t: "l", l: record.leaseId.toString() });
  }
}

function keptRaw(raw: unknown): unknown {
  if (raw === undefined || raw === null) return raw;
  return JSON.stringify(raw).length <= RAW_CHARS_MAX ? raw : null;
}

export function decodeRecord(text: string): JournalRecord {
  const wire = JSON.parse(text) as Wire;
  switch (wire.t) {
    case "i":
      return {
        type: "intent",
        intent: {
          ...factsFromWire(wire),
          inputTokensCounted: wire["ic"] as number,
          inputTokensMax: wire["im"] as number,
          outputTokensMax: wire["om"] as number,
          holdNanos: nanos(BigInt(wire["hn"] as string)),
          isKept: wire["kp"] === 1,
          ...besideFromWire(wire),
        },
      };
    case "u":
      return {
        type: "usage",
        event: {
          ...factsFromWire(wire),
          endedAtMs: wire["e"] as number,
          outcome: wire["oc"] as Outcome,
          source: wire["us"] as UsageSource,
          quantities: wire["q"] as Quantities,
          costPicos: picos(BigInt(wire["c"] as string)),
          chargeNanos: nanos(BigInt(wire["n"] as string)),
          uncoveredPicos: picos(BigInt(wire["x"] as string)),
          raw: wire["raw"],
        },
      };
    case "l":
      return { type: "lease_closed", leaseId: BigInt(wire["l"] as string) };
  }
}

function besideFromWire(wire: Wire): Pick<Intent, "beside"> {
  if (wire["op"] === undefined) return {};
  const counted = wire["cv"] as readonly Quantities[];
  return { beside: { operation: wire["op"] as Operation, counted } };
}

function factsToWire(facts: CallFacts) {
  return {
    r: facts.requestId,
    a: facts.attempt,
    o: facts.organizationId.toString(),
    p: facts.projectId.toString(),
    k: facts.keyId,
    m: facts.modelId.toString(),
    d: facts.deploymentId.toString(),
    v: facts.priceVersionId.toString(),
    st: facts.serviceTier === "standard" ? undefined : facts.serviceTier,
    l: facts.leaseIds.map(String),
    s: facts.startedAtMs,
  };
}

function factsFromWire(wire: Wire): CallFacts {
  return {
    requestId: wire["r"] as string,
    attempt: wire["a"] as number,
    organizationId: BigInt(wire["o"] as string),
    projectId: BigInt(wire["p"] as string),
    keyId: wire["k"] as string,
    modelId: BigInt(wire["m"] as string),
    deploymentId: BigInt(wire["d"] as string),
    priceVersionId: BigInt(wire["v"] as string),
    serviceTier: (wire["st"] as ServiceTier | undefined) ?? "standard",
    leaseIds: (wire["l"] as string[]).map(BigInt),
    startedAtMs: wire["s"] as number,
  };
}
