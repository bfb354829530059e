/**
 * One attempt, from its intent in the journal to its only terminal state. Whoever sees the attempt end first
 * settles it; whoever comes later gets the same answer.
 */
import type { Principal } from "../../domains/identity/index.ts";
import {
  billedView,
  type CallFacts,
  chargedQuantities,
  encodeRecord,
  type Outcome,
  rate,
  unpricedOf,
  usageEventId,
} from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { type Nanos, type Picos, ZERO_NANOS, ZERO_PICOS } from "../../lib/money.ts";
import {
  inputTokensOf,
  NO_USAGE,
  outputTokensOf,
  type Quantities,
  type Usage,
} from "../../lib/quantities.ts";
import { faultPoint } from "../../platform/fault-point.ts";
import type { Counted } from "../../providers/exchange.ts";
import { learnUsage } from "../../providers/learn-usage.ts";
import type { Candidate } from "../admit/candidate.ts";
import type { Admission } from "../admit/limit-rate.ts";
import { piecesAt, tokenBounds } from "../admit/reserve.ts";
import type { Seat } from "../capacity/model-rooms.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { AttemptObservation } from "../observe/observation.ts";
import { tellable } from "../observe/tellable.ts";
import type { CallRequest } from "../requests/call-request.ts";

/** What of an answer has reached us. */
export type Delivered = {
  outputTokens: number;
  counted?: Counted | undefined;
  /** Where the provider has said it before it broke off or was told to stop. */
  input?: Quantities | undefined;
};

export type Settled = { cost: Picos; charge: Nanos; usage: Usage };

export type AttemptOptions = {
  call: Call;
  principal: Principal;
  request: CallRequest;
  payment: Payment;
  candidate: Candidate;
  admission?: Admission;
  /** Released when the attempt has ended. */
  seat?: Seat;
  /** From 0; every dispatch of a call has its own. */
  number: number;
};

export class Attempt {
  readonly #gateway: Gateway;
  readonly #options: AttemptOptions;
  readonly #facts: CallFacts;
  #settled: Promise<Settled> | undefined;
  readonly #seen: AttemptObservation;
  /** An answer from the cache has asked nobody. */
  #isDispatched = false;
  readonly eventId: string;
  readonly number: number;

  constructor(gateway: Gateway, options: AttemptOptions) {
    const { call, principal, payment, candidate, number } = options;
    this.#gateway = gateway;
    this.#options = options;
    this.number = number;
    this.#facts = {
      requestId: call.requestId,
      attempt: number,
      organizationId: principal.organizationId,
      projectId: principal.projectId,
      keyId: principal.keyId,
      modelId: candidate.modelId,
      deploymentId: candidate.deploymentId,
      priceVersionId: candidate.priceVersionId,
      serviceTier: candidate.serviceTier,
      leaseIds: payment.hold?.leaseIds ?? [],
      startedAtMs: call.startedAtMs,
    };
    this.eventId = usageEventId(this.#facts);
    this.#seen = observe(gateway, options, this.eventId);
  }

  /** The answer has begun, or is there. */
  begun(firstPieceMs: number): void {
    this.#seen.firstPieceMs = firstPieceMs;
  }

  /** Why there is no answer, for those who watch. */
  failed(error: unknown): void {
    if (error instanceof Failure) this.#seen.failure = error;
  }

  /** Writes down that the attempt is about to be dispatched; durable when this returns. */
  async begin(): Promise<void> {
    this.#gateway.attempts.add(this);
    this.#isDispatched = true;
    const { call, request, payment, candidate } = this.#options;
    this.#gateway.health.dispatched(candidate);
    if (payment.hold === undefined) return;
    const counted = this.#counted();
    const intent = {
      ...this.#facts,
      ...tokenBounds(payment, candidate),
      holdNanos: payment.hold.amount,
      isKept: call.work !== undefined,
      ...(counted === undefined ? {} : { beside: { operation: request.operation, counted } }),
    };
    await this.#gateway.journal.append(encodeRecord({ type: "intent", intent }));
  }

  /**
   * Ends the attempt: prices the usage, writes it down, gives the rest of the hold back. Durable when this
   * returns.
   *
   * @param keepsHold another attempt of the same call follows and is paid from the same hold.
   */
  settle(outcome: Outcome, usage: Usage, keepsHold = false): Promise<Settled> {
    this.#settled ??= this.#settleOnce(outcome, usage, keepsHold).finally(() => {
      this.#gateway.attempts.delete(this);
      if (this.#isDispatched) this.#gateway.health.ended(this.#options.candidate);
      this.#options.seat?.release();
    });
    return this.#settled;
  }

  /** Learns what the provider really used, then settles. For attempts that ended before they told it. */
  async settleUnreported(outcome: Outcome, delivered: Delivered): Promise<Settled> {
    // Charged if and only if it is kept: what has no answer has not been.
    if (this.#options.call.work !== undefined) return await this.settle(outcome, NO_USAGE);
    return await this.settle(outcome, this.billed(await this.#learnUsage(delivered), delivered));
  }

  /**
   * What is charged of what is known: it, or what we counted. Beside chat, the view of it that the price names.
   *
   * @param told undefined: nobody said.
   */
  billed(told: Usage | undefined, delivered: Delivered): Usage {
    const { request, payment, candidate } = this.#options;
    const counted = delivered.counted ?? this.#counted();
    if (counted !== undefined) {
      return billedView({ price: candidate.price, operation: request.operation }, told, counted);
    }
    if (told !== undefined) return told;
    const { outputTokens, input } = delivered;
    const ofInput = input ?? { uncached_input: payment.inputTokensCounted };
    return { quantities: { ...ofInput, output_text: outputTokens }, source: "counted", raw: null };
  }

  /** By the request alone; undefined for chat. */
  #counted(): Counted | undefined {
    const { request, candidate } = this.#options;
    return request.counted?.map((view) => piecesAt(request, candidate, view));
  }

  async #settleOnce(outcome: Outcome, usage: Usage, keepsHold: boolean): Promise<Settled> {
    const { call, payment, candidate } = this.#options;
    const { hold } = payment;
    const { journal, pool, metrics } = this.#gateway;
    const tokens = {
      input: inputTokensOf(usage.quantities),
      output: outputTokensOf(usage.quantities),
    };
    // A batch of thousands of lines must not take the key's minute from its interactive calls.
    if (call.work?.serviceTier !== "batch") {
      this.#options.admission?.countTokens(tokens.input + tokens.output);
    }
    if (candidate.limit !== undefined) {
      this.#gateway.rooms.countTokens(candidate.limit, tokens.input + tokens.output);
    }
    metrics.countAttempt(outcome, tokens);
    this.#seen.outcome = outcome;
    this.#seen.usage = usage;
    this.#seen.endedAtMs = this.#gateway.clock.nowMs();
    if (hold === undefined) return { cost: ZERO_PICOS, charge: ZERO_NANOS, usage };

    const quantities = chargedQuantities(usage);
    const cost = rate(candidate.price, quantities);
    this.#seen.cost = cost;
    this.#tellUnpriced(quantities);
    const { charge, uncovered } = pool.charge(hold, cost);
    if (uncovered > 0n) {
      metrics.holdsExceeded.add(1);
      this.#gateway.log.error(
        "a call cost more than its upper bound; the platform bears the rest",
        {
          requestId: this.#facts.requestId,
          uncoveredPicos: uncovered,
        },
      );
    }
    const event = {
      ...this.#facts,
      endedAtMs: this.#gateway.clock.nowMs(),
      outcome,
      source: usage.source,
      quantities,
      costPicos: cost,
      chargeNanos: charge,
      uncoveredPicos: uncovered,
      raw: usage.raw,
    };
    faultPoint("gateway: usage known");
    await journal.append(encodeRecord({ type: "usage", event }));
    // Not before the record is durable: if it got lost, the attempt would be looked up and could turn out dearer,
    // and what the hold had given back by then could no longer pay for it.
    if (!keepsHold) pool.settle(hold, charge);
    faultPoint("gateway: usage written");
    return { cost, charge, usage };
  }

  /** The plan found everything priced that this operation needs: the provider reports what nobody asked for. */
  #tellUnpriced(quantities: Quantities): void {
    const { candidate } = this.#options;
    const unpriced = unpricedOf(candidate.price, quantities);
    if (unpriced.length === 0) return;
    this.#gateway.metrics.unpriced.add(1);
    this.#gateway.log.error(
      "a provider reported quantities without a price; they are not charged",
      {
        requestId: this.#facts.requestId,
        model: candidate.modelName,
        quantities: unpriced.join(", "),
      },
    );
  }

  async #learnUsage({ outputTokens, counted }: Delivered): Promise<Usage | undefined> {
    const { candidate } = this.#options;
    const learnt = await learnUsage(candidate.upstream, this.eventId, {
      deadlineMs: this.#gateway.limits.lookUpTimeoutMs,
      onTrouble: (error) =>
        this.#gateway.log.warn("the usage of an attempt could not be looked up and is counted", {
          requestId: this.#facts.requestId,
          error: tellable(this.#options.call, error),
        }),
    });
    // A provider that never saw the attempt, but delivered a part of it, has forgotten it since, by a restart.
    const hasDelivered = outputTokens > 0 || counted !== undefined;
    const isForgotten = learnt?.source === "none" && hasDelivered;
    return isForgotten ? undefined : learnt;
  }
}

function observe(
  gateway: Gateway,
  { call, candidate, number }: AttemptOptions,
  eventId: string,
): AttemptObservation {
  const seen: AttemptObservation = {
    eventId,
    number,
    provider: candidate.upstream?.name,
    region: candidate.region,
    model: candidate.modelName,
    upstreamModel: candidate.upstreamModel,
    startedAtMs: gateway.clock.nowMs(),
    firstPieceMs: undefined,
    endedAtMs: undefined,
    outcome: undefined,
    usage: undefined,
    cost: undefined,
    failure: undefined,
  };
  call.seen?.attempts.push(seen);
  return seen;
}
