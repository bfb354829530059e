/**
 * Calls as clients make them, at one gateway process. The attempts, their holds and their settlement are the
 * product's own; who calls, and how often which kind of call is made, is made up.
 */
import type { LeasePool } from "../../src/domains/ledger/index.ts";
import { affordableOutputTokens, rate, upperBound } from "../../src/domains/metering/index.ts";
import { Attempt, type AttemptOptions } from "../../src/gateway/attempts/attempt.ts";
import type { Gateway, Payment } from "../../src/gateway/gateway.ts";
import { Failure } from "../../src/lib/errors.ts";
import { type Nanos, nanosCovering, picos } from "../../src/lib/money.ts";
import { CACHE_HIT, countedUsage, NO_USAGE, type Usage } from "../../src/lib/quantities.ts";
import type { ServiceTier } from "../../src/lib/service-tiers.ts";
import { isPlanned, type Owner } from "./scheduler.ts";
import type { Order, UpstreamAnswer } from "./simulated-upstream.ts";
import {
  type Organization,
  PRICE_VERSION_ID,
  priceOf,
  SERVICE_TIERS,
  type Surroundings,
} from "./surroundings.ts";

/** The process that takes the calls. */
export type CallSite = { owner: Owner; gateway: Gateway; pool: LeasePool };

type Wanted = {
  requestId: string;
  organization: Organization;
  walletIds: readonly bigint[];
  serviceTier: ServiceTier;
  inputTokens: number;
  outputTokens: number;
  images: number;
  isKept: boolean;
};

type Leg = { attempt: Attempt; order: Order; held: bigint };
type Ended = "completed" | "disconnected" | "failed";

const KINDS = ["plain", "plain", "plain", "plain", "hedged", "kept", "kept", "cached"] as const;
const ATTEMPTS = 2;
const HEDGE_AFTER_MS = 200;
const KEEP_AGAIN_MS = 50;

export class SimulatedCalls {
  readonly #world: Surroundings;
  readonly #site: CallSite;

  constructor(world: Surroundings, site: CallSite) {
    this.#world = world;
    this.#site = site;
  }

  async call(): Promise<void> {
    const { random } = this.#world.scheduler;
    const organization = random.pick(this.#world.organizations);
    const kind = random.pick(KINDS);
    const wanted: Wanted = {
      requestId: this.#world.newRequestId(),
      ...{ organization, walletIds: random.pick(organization.scopes) },
      serviceTier: random.pick(SERVICE_TIERS),
      ...{ inputTokens: random.between(1, 300), outputTokens: random.between(1, 400) },
      images: random.chance(0.2) ? random.between(1, 3) : 0,
      isKept: kind === "kept",
    };
    if (kind === "cached") return await this.#hit(wanted);
    if (kind === "kept") return await this.#callKept(wanted);
    const payment = await this.#reserve(wanted);
    if (payment === undefined) return undefined;
    if (kind === "hedged") return await this.#callHedged(wanted, payment);
    return await this.#callPlainly(wanted, payment);
  }

  async #callPlainly(wanted: Wanted, payment: Payment): Promise<void> {
    for (let number = 0; number < ATTEMPTS; number++) {
      const leg = await this.#begin(wanted, payment, number);
      const answer = await this.#answerOrLeave(leg);
      if (answer === "left") return await this.#settle(leg, "disconnected", await this.#learn(leg));
      if (answer !== "refused") return await this.#settleAnswered(leg, answer);
      await this.#settle(leg, "failed", NO_USAGE, number + 1 < ATTEMPTS);
    }
  }

  /** A second leg with a hold of its own is asked when the first one is late; whoever is done first wins. */
  async #callHedged(wanted: Wanted, payment: Payment): Promise<void> {
    const { scheduler, upstream } = this.#world;
    const first = await this.#begin(wanted, payment, 0);
    const running = new Map([[first, this.#answerOf(first)]]);
    const isLate = scheduler
      .wait(this.#site.owner, scheduler.random.next() * HEDGE_AFTER_MS, "waits for the first leg")
      .then(() => "late" as const);
    if ((await Promise.race([...running.values(), isLate])) === "late") {
      const second = await this.#beginBeside(wanted, payment);
      if (second !== undefined) running.set(second, this.#answerOf(second));
    }
    while (running.size > 0) {
      const { leg, answer } = await Promise.race(running.values());
      running.delete(leg);
      if (answer === "refused") await this.#settle(leg, "failed", NO_USAGE);
      else if (answer.state === "broken") await this.#settleAnswered(leg, answer);
      else {
        for (const { order } of running.keys()) upstream.stop(order.eventId);
        await this.#settleAnswered(leg, answer);
        for (const lost of running.keys()) {
          await this.#settle(lost, "disconnected", await this.#learn(lost));
        }
        return;
      }
    }
  }

  /** Never waits for money: a call that is being answered has no need of a second leg. */
  async #beginBeside(wanted: Wanted, payment: Payment): Promise<Leg | undefined> {
    const { hold } = payment;
    if (hold === undefined) return undefined;
    const isShared = this.#world.plan.hedgesOnOneHold === true;
    const own = isShared ? hold : this.#site.pool.tryReserve(wanted.walletIds, hold.amount);
    return own === undefined ? undefined : await this.#begin(wanted, { ...payment, hold: own }, 1);
  }

  /** On behalf of a job: charged if and only if the answer is kept, which is known before it is settled. */
  async #callKept(wanted: Wanted): Promise<void> {
    const { kept, plan } = this.#world;
    const isMine = await this.#ask("begins a kept call", () => kept.begin(wanted.requestId));
    const payment = isMine ? await this.#reserve(wanted) : undefined;
    if (payment === undefined) return;
    for (let number = 0; number < ATTEMPTS; number++) {
      const leg = await this.#begin(wanted, payment, number);
      const { answer } = await this.#answerOf(leg);
      const isComplete = answer !== "refused" && answer.state === "complete";
      if (isComplete && plan.chargesBeforeKept === true) await this.#settleAnswered(leg, answer);
      if (isComplete && (await this.#keep(wanted, number, answer.usage))) {
        return await this.#settleAnswered(leg, answer);
      }
      const hasNext = !isComplete && number + 1 < ATTEMPTS;
      await this.#settle(leg, "failed", NO_USAGE, hasNext);
      if (!hasNext) return;
    }
  }

  /** Until it is known: an attempt may be settled neither as charged nor as nothing before. */
  async #keep(wanted: Wanted, attempt: number, usage: Usage): Promise<boolean> {
    const { kept, scheduler } = this.#world;
    for (;;) {
      try {
        return await this.#ask("keeps an answer", () =>
          kept.keep(wanted.requestId, { attempt, usage }),
        );
      } catch (error) {
        if (!isPlanned(error)) throw error;
        await scheduler.wait(this.#site.owner, KEEP_AGAIN_MS, "keeps its answer again");
      }
    }
  }

  /** Our own cache answers: nothing is dispatched, so there is no intent, and the price of a hit is all it costs. */
  async #hit(wanted: Wanted): Promise<void> {
    const amount = nanosCovering(rate(priceOf(wanted.serviceTier), CACHE_HIT.quantities));
    const reservation = await this.#site.pool.reserve(wanted.walletIds, amount);
    if (!reservation.isCovered) return;
    const payment = paymentOf({ ...wanted, inputTokens: 0, outputTokens: 0 }, reservation.hold);
    const leg = this.#newLeg(wanted, payment, 0);
    this.#world.hit(leg.attempt.eventId, wanted.serviceTier);
    await this.#settle(leg, "completed", CACHE_HIT);
  }

  /** As `src/gateway/admit/reserve.ts`: the upper bound, or as much of it as the wallets afford. */
  async #reserve(wanted: Wanted): Promise<Payment | undefined> {
    const { pool } = this.#site;
    const { walletIds, inputTokens, outputTokens } = wanted;
    const { contextTiers: _, ...base } = priceOf(wanted.serviceTier);
    const price = this.#world.plan.holdsAtBasePrice ? base : priceOf(wanted.serviceTier);
    const limits = { inputTokens, fixed: { images: wanted.images } };
    const holdFor = (tokens: number): Nanos =>
      nanosCovering(upperBound(price, { ...limits, outputTokens: tokens }));
    const atOnce = pool.tryReserve(walletIds, holdFor(outputTokens));
    if (atOnce !== undefined) return paymentOf(wanted, atOnce);
    const reservation = await pool.reserve(walletIds, holdFor(outputTokens));
    if (reservation.isCovered) return paymentOf(wanted, reservation.hold);
    const amount = picos((await pool.reserveRest(walletIds, reservation.affordable)) * 1_000n);
    const affordable = Math.min(affordableOutputTokens(price, { ...limits, amount }), outputTokens);
    if (affordable < 1) return undefined;
    const lowered = pool.tryReserve(walletIds, holdFor(affordable));
    return lowered && paymentOf({ ...wanted, outputTokens: affordable }, lowered);
  }

  /** The intent is durable when this returns. */
  async #begin(wanted: Wanted, payment: Payment, number: number): Promise<Leg> {
    const leg = this.#newLeg(wanted, payment, number);
    await leg.attempt.begin();
    this.#world.begin(leg.attempt.eventId);
    return leg;
  }

  #newLeg(wanted: Wanted, payment: Payment, number: number): Leg {
    const { requestId, organization, serviceTier, isKept, images } = wanted;
    const startedAtMs = this.#world.scheduler.clock.nowMs();
    const options = {
      ...{ payment, number, request: { operation: "chat" } },
      call: { requestId, startedAtMs, ...(isKept ? { work: {} } : {}) },
      principal: { organizationId: organization.walletId, projectId: 1n, keyId: "live", tpm: null },
      candidate: {
        ...{ modelId: 1n, deploymentId: 1n, credentialId: 1n, maxOutputTokens: 1_000_000 },
        ...{ priceVersionId: PRICE_VERSION_ID, price: priceOf(serviceTier), serviceTier },
      },
    };
    const attempt = new Attempt(this.#site.gateway, options as unknown as AttemptOptions);
    const { inputTokensMax: inputTokens, outputTokensMax } = payment;
    const order = { eventId: attempt.eventId, inputTokens, outputTokensMax, images, serviceTier };
    return { attempt, order, held: payment.hold?.amount ?? 0n };
  }

  async #settleAnswered(leg: Leg, answer: UpstreamAnswer): Promise<void> {
    if (answer.state === "complete") await this.#settle(leg, "completed", answer.usage);
    else await this.#settle(leg, "failed", await this.#learn(leg));
  }

  async #settle(leg: Leg, outcome: Ended, usage: Usage, keepsHold = false): Promise<void> {
    const { attempt, held } = leg;
    const settled = await attempt.settle(outcome, usage, keepsHold);
    this.#world.promise(attempt.eventId, { outcome, charge: settled.charge });
    if (settled.charge <= held) return;
    this.#world.report(`3: ${attempt.eventId} cost more than its hold`);
  }

  /** Sometimes the upstream does not answer in time, and what was delivered is counted instead. */
  async #learn({ order }: Leg): Promise<Usage> {
    const { upstream, scheduler } = this.#world;
    const { random } = scheduler;
    if (random.chance(0.6)) return await upstream.learn(this.#site.owner, order.eventId);
    const outputTokens = random.between(0, order.outputTokensMax);
    return countedUsage({ inputTokens: order.inputTokens, outputTokens });
  }

  async #answerOf(leg: Leg): Promise<{ leg: Leg; answer: UpstreamAnswer | "refused" }> {
    try {
      return { leg, answer: await this.#world.upstream.dispatch(this.#site.owner, leg.order) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { leg, answer: "refused" };
    }
  }

  /** The answer of the upstream, unless the client leaves before it. */
  async #answerOrLeave(leg: Leg): Promise<UpstreamAnswer | "refused" | "left"> {
    const { scheduler, upstream } = this.#world;
    const answered = this.#answerOf(leg).then(({ answer }) => answer);
    if (!scheduler.random.chance(0.15)) return await answered;
    const left = scheduler
      .wait(this.#site.owner, scheduler.random.next() * 300, "a client may leave")
      .then(() => "left" as const);
    const first = await Promise.race([answered, left]);
    if (first === "left") upstream.stop(leg.order.eventId);
    return first;
  }

  #ask<T>(what: string, effect: () => T): Promise<T> {
    return this.#world.network.ask(this.#site.owner, what, effect);
  }
}

const paymentOf = (wanted: Wanted, hold: Payment["hold"]): Payment => ({
  ...{ hold, outputTokensMax: wanted.outputTokens, fixed: { images: wanted.images } },
  ...{ inputTokensMax: wanted.inputTokens, inputTokensCounted: wanted.inputTokens },
  isLowered: false,
});
