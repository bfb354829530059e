/** Holds the most that a call can cost, or lowers its output limit to what its wallets afford. */
import type { Principal } from "../../domains/identity/index.ts";
import { affordableOutputTokens, upperBound } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { type Nanos, nanosCovering, picos, usdFromNanos, ZERO_NANOS } from "../../lib/money.ts";
import type { Quantities } from "../../lib/quantities.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import type { Candidate, Plan } from "./candidate.ts";

/** An answer shorter than this helps nobody: the call is refused rather than lowered below it. */
const LOWERED_TOKENS_MIN = 16;
const PICOS_PER_NANO = 1_000n;
/** Calls that all could be lowered to the last of a wallet compete for it; who has not won by then is refused. */
const COMPETING_MS = 5_000;

/** A line of a batch has time. */
const LINE_RETRY_SECONDS = 5;

type Found = { payment: Payment; short: { walletId: bigint; affordable: bigint } };

export type Reserving = { call: Call; principal: Principal; plan: Plan; request: CallRequest };

export async function reserve(gateway: Gateway, reserving: Reserving): Promise<Payment> {
  const { principal, plan, request } = reserving;
  const payment = paymentFor(request);
  if (!plan.isBilled) return payment;
  assertTakingWork(gateway);
  const need = holdOver(reserving, payment);
  const hold = gateway.pool.tryReserve(principal.walletIds, need);
  if (hold !== undefined) return { ...payment, hold };
  let giveUpMs: number | undefined;
  for (;;) {
    const reservation = await gateway.pool.reserve(principal.walletIds, need);
    if (reservation.isCovered) return { ...payment, hold: reservation.hold };
    const found = { payment, short: reservation };
    if (reserving.call.work?.serviceTier === "batch")
      throw refusalOfLine(gateway, reserving, found);
    const lowered = await reserveLess(gateway, reserving, found);
    if (lowered !== undefined) return lowered;
    // Another call was faster and holds the rest now. It may use a part only, and give back what is left.
    const nowMs = gateway.clock.monotonicMs();
    giveUpMs ??= nowMs + COMPETING_MS;
    const isHeld = gateway.pool.mayComeBack(principal.walletIds, leastHold(reserving, payment));
    if (!isHeld || nowMs >= giveUpMs) throw refusal(reserving, found);
  }
}

const paymentFor = (request: CallRequest): Payment => ({
  hold: undefined,
  inputTokensMax: request.inputTokensMax,
  inputTokensCounted: request.inputTokensCounted,
  contexts: request.contexts ?? 1,
  outputTokensMax: request.maxTokens ?? Number.POSITIVE_INFINITY,
  fixed: request.fixed,
  isLowered: false,
});

/** A hold over an amount that is known, such as what a hit of the cache costs. @throws Failure `insufficient_funds` */
export async function reserveExactly(
  gateway: Gateway,
  reserving: Reserving,
  need: Nanos,
): Promise<Payment> {
  const payment = paymentFor(reserving.request);
  if (!reserving.plan.isBilled) return payment;
  assertTakingWork(gateway);
  const { walletIds } = reserving.principal;
  const hold = gateway.pool.tryReserve(walletIds, need);
  if (hold !== undefined) return { ...payment, hold };
  const reservation = await gateway.pool.reserve(walletIds, need);
  if (reservation.isCovered) return { ...payment, hold: reservation.hold };
  throw refusal(reserving, { payment, short: reservation });
}

/** With a journal that cannot record usage nothing may be dispatched. */
function assertTakingWork(gateway: Gateway): void {
  const reason = gateway.isDraining() ? "the gateway is stopping" : gateway.journal.whyRefusing();
  if (reason === undefined) return;
  throw new Failure("overloaded", `No calls are taken at the moment: ${reason}.`, {
    code: "not_taking_work",
    retryAfterSeconds: 5,
  });
}

/** What one candidate may use of tokens, per answer on the output side. */
export function tokenBounds(
  payment: Payment,
  candidate: Candidate,
): { inputTokensMax: number; inputTokensCounted: number; outputTokensMax: number } {
  const contextTokens =
    (candidate.contextTokens ?? Number.POSITIVE_INFINITY) * (payment.contexts ?? 1);
  return {
    inputTokensMax: Math.min(payment.inputTokensMax, contextTokens),
    inputTokensCounted: Math.min(payment.inputTokensCounted, contextTokens),
    outputTokensMax: Math.min(payment.outputTokensMax, candidate.maxOutputTokens),
  };
}

/** The most that one attempt at this candidate can cost. */
export function holdFor(request: CallRequest, payment: Payment, candidate: Candidate): Nanos {
  const bounds = tokenBounds(payment, candidate);
  return nanosCovering(
    upperBound(candidate.price, {
      inputTokens: bounds.inputTokensMax,
      outputTokens: request.producesTokens ? bounds.outputTokensMax * request.choices : 0,
      fixed: piecesAt(request, candidate, payment.fixed),
    }),
  );
}

/** What quantities of a request come to at one candidate: an image counts for several pieces at some providers. */
export function piecesAt(
  { exchange }: CallRequest,
  candidate: Candidate,
  quantities: Quantities,
): Quantities {
  if (quantities.images === undefined) return quantities;
  const units = exchange.unitsPerImage?.(candidate.upstream, candidate.upstreamModel) ?? 1;
  return { ...quantities, images: quantities.images * units };
}

/** Gives the hold of a call back that has come to nothing. */
export function releaseHold(gateway: Gateway, { hold }: Payment): void {
  if (hold !== undefined) gateway.pool.settle(hold, ZERO_NANOS);
}

/** Only one attempt of a plan is charged, so the dearest candidate bounds them all. */
function holdOver({ plan, request }: Reserving, payment: Payment): Nanos {
  let most = ZERO_NANOS;
  for (const candidate of plan.candidates) {
    const hold = holdFor(request, payment, candidate);
    if (hold > most) most = hold;
  }
  return most;
}

/**
 * A hold over what is left, for as many tokens as that pays for; undefined when another call took it meanwhile.
 *
 * @throws Failure `insufficient_funds` when what is left pays for no answer.
 */
async function reserveLess(
  gateway: Gateway,
  reserving: Reserving,
  found: Found,
): Promise<Payment | undefined> {
  const { principal } = reserving;
  const { payment, short } = found;
  if (lowerTo(reserving, payment, short.affordable) === undefined) {
    throw refusal(reserving, found);
  }
  const atHand = await gateway.pool.reserveRest(principal.walletIds, short.affordable);
  const outputTokensMax = lowerTo(reserving, payment, atHand);
  if (outputTokensMax === undefined) return undefined;
  const lowered = { ...payment, outputTokensMax, isLowered: true };
  const hold = gateway.pool.tryReserve(principal.walletIds, holdOver(reserving, lowered));
  return hold === undefined ? undefined : { ...lowered, hold };
}

/** The output limit that the amount pays for at every candidate; undefined when that is too little. */
function lowerTo(
  { plan, request }: Reserving,
  payment: Payment,
  amount: bigint,
): number | undefined {
  if (!request.producesTokens) return undefined;
  let most = Number.POSITIVE_INFINITY;
  for (const candidate of plan.candidates) {
    const bounds = tokenBounds(payment, candidate);
    const tokens = affordableOutputTokens(candidate.price, {
      inputTokens: bounds.inputTokensMax,
      fixed: piecesAt(request, candidate, payment.fixed),
      amount: picos(amount * PICOS_PER_NANO),
    });
    const perChoice = Math.min(Math.floor(tokens / request.choices), bounds.outputTokensMax);
    if (perChoice < Math.min(LOWERED_TOKENS_MIN, bounds.outputTokensMax)) return undefined;
    most = Math.min(most, perChoice);
  }
  return most;
}

const leastHold = (reserving: Reserving, payment: Payment): Nanos =>
  holdOver(reserving, {
    ...payment,
    outputTokensMax: Math.min(LOWERED_TOKENS_MIN, payment.outputTokensMax),
  });

/** Nobody would see that an answer was cut short: the line comes again when money comes back, or is refused. */
function refusalOfLine(gateway: Gateway, reserving: Reserving, found: Found): Failure {
  const { pool } = gateway;
  const { walletIds } = reserving.principal;
  const mayComeBack = pool.mayComeBack(walletIds, holdOver(reserving, found.payment));
  return refusal(reserving, found, mayComeBack ? LINE_RETRY_SECONDS : undefined);
}

function refusal(reserving: Reserving, found: Found, retryAfterSeconds?: number): Failure {
  const { principal } = reserving;
  const isMoney = found.short.walletId === principal.walletIds[0];
  const whose = isMoney
    ? `The wallet of organization '${principal.organization}' has`
    : "The budget of this key or its project has";
  const left = usdFromNanos(found.short.affordable as Nanos);
  const cost = usdFromNanos(holdOver(reserving, found.payment));
  const less = reserving.request.producesTokens
    ? "shorten the prompt or lower max_tokens"
    : "or ask for less at once";
  const remedy = isMoney
    ? `Add credit (baseload credit add --organization ${principal.organization} --usd …), ${less}.`
    : `Ask for a larger budget, ${less}.`;
  return new Failure(
    "insufficient_funds",
    `${whose} $${left} left, and this call may cost up to $${cost}. ${remedy}`,
    {
      code: "insufficient_quota",
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  );
}
