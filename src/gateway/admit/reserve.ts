/** Holds the most that a call can cost, or lowers its output limit to what its wallets afford. */
import type { Principal } from "../../domains/identity/index.ts";
import { affordableOutputTokens, upperBound } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { nanosCovering, picos, usdFromNanos } from "../../lib/money.ts";
import type { Call, Gateway, Payment } from "../gateway.ts";
import type { ChatRequest } from "../requests/read-chat-request.ts";
import type { Plan } from "./plan-call.ts";

/** An answer shorter than this helps nobody: the call is refused rather than lowered below it. */
const LOWERED_TOKENS_MIN = 16;
const PICOS_PER_NANO = 1_000n;
/** Calls that all could be lowered to the last of a wallet compete for it; who has not won by then is refused. */
const COMPETING_MS = 5_000;

export type Reserving = { call: Call; principal: Principal; plan: Plan; request: ChatRequest };

export async function reserve(gateway: Gateway, reserving: Reserving): Promise<Payment> {
  const { principal, plan, request } = reserving;
  const payment = paymentFor(plan, request);
  if (!plan.isBilled) return payment;
  assertTakingWork(gateway);
  const need = holdFor(payment, payment.outputTokensMax * request.choices);
  const hold = gateway.pool.tryReserve(principal.walletIds, need);
  if (hold !== undefined) return { ...payment, hold };
  let giveUpMs: number | undefined;
  for (;;) {
    const reservation = await gateway.pool.reserve(principal.walletIds, need);
    if (reservation.isCovered) return { ...payment, hold: reservation.hold };
    const found = { payment, short: reservation };
    const lowered = await reserveLess(gateway, reserving, found);
    if (lowered !== undefined) return lowered;
    // Another call was faster and holds the rest now. It may use a part only, and give back what is left.
    const nowMs = gateway.clock.monotonicMs();
    giveUpMs ??= nowMs + COMPETING_MS;
    const isHeld = gateway.pool.mayComeBack(principal.walletIds, leastHold(payment, request));
    if (!isHeld || nowMs >= giveUpMs) throw refusal(reserving, found);
  }
}

function paymentFor(plan: Plan, request: ChatRequest): Payment {
  const contextTokens = plan.contextTokens ?? Number.POSITIVE_INFINITY;
  const outputTokensMax = Math.min(request.maxTokens ?? plan.maxOutputTokens, plan.maxOutputTokens);
  return {
    hold: undefined,
    priceVersionId: plan.priceVersionId,
    price: plan.price,
    inputTokensMax: Math.min(request.inputTokensMax, contextTokens),
    inputTokensCounted: Math.min(request.inputTokensCounted, contextTokens),
    outputTokensMax,
    isLowered: false,
  };
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

const holdFor = (payment: Payment, outputTokens: number) =>
  nanosCovering(upperBound(payment.price, { inputTokens: payment.inputTokensMax, outputTokens }));

/**
 * A hold over what is left, for as many tokens as that pays for; undefined when another call took it meanwhile.
 *
 * @throws Failure `insufficient_funds` when what is left pays for no answer.
 */
async function reserveLess(
  gateway: Gateway,
  reserving: Reserving,
  found: { payment: Payment; short: { walletId: bigint; affordable: bigint } },
): Promise<Payment | undefined> {
  const { principal, request } = reserving;
  const { payment, short } = found;
  if (lowerTo(payment, request, short.affordable) === undefined) {
    throw refusal(reserving, found);
  }
  const atHand = await gateway.pool.reserveRest(principal.walletIds, short.affordable);
  const outputTokensMax = lowerTo(payment, request, atHand);
  if (outputTokensMax === undefined) return undefined;
  const need = holdFor(payment, outputTokensMax * request.choices);
  const hold = gateway.pool.tryReserve(principal.walletIds, need);
  if (hold === undefined) return undefined;
  return { ...payment, hold, outputTokensMax, isLowered: true };
}

function lowerTo(payment: Payment, request: ChatRequest, amount: bigint): number | undefined {
  const tokens = affordableOutputTokens(payment.price, {
    inputTokens: payment.inputTokensMax,
    amount: picos(amount * PICOS_PER_NANO),
  });
  const perChoice = Math.min(Math.floor(tokens / request.choices), payment.outputTokensMax);
  const least = leastTokens(payment);
  return perChoice >= least ? perChoice : undefined;
}

const leastTokens = (payment: Payment): number =>
  Math.min(LOWERED_TOKENS_MIN, payment.outputTokensMax);

const leastHold = (payment: Payment, request: ChatRequest) =>
  holdFor(payment, leastTokens(payment) * request.choices);

function refusal(
  { principal, request }: Reserving,
  found: { payment: Payment; short: { walletId: bigint; affordable: bigint } },
): Failure {
  const isMoney = found.short.walletId === principal.walletIds[0];
  const whose = isMoney
    ? `The wallet of organization '${principal.organization}' has`
    : "The budget of this key or its project has";
  const left = usdFromNanos(found.short.affordable as Parameters<typeof usdFromNanos>[0]);
  const cost = usdFromNanos(
    holdFor(found.payment, found.payment.outputTokensMax * request.choices),
  );
  const remedy = isMoney
    ? `Add credit (baseload credit add --organization ${principal.organization} --usd …), shorten the prompt or lower max_tokens.`
    : "Ask for a larger budget, shorten the prompt or lower max_tokens.";
  return new Failure(
    "insufficient_funds",
    `${whose} $${left} left, and this call may cost up to $${cost}. ${remedy}`,
    { code: "insufficient_quota" },
  );
}
