/**
 * Requests and tokens per minute, and calls at once, of a key, its project and its organization, over all gateway
 * processes of this machine.
 *
 * Tokens are counted as the call's estimated input when it comes, and as they were when they are known: calls under
 * way may go over a limit by what they use beyond their estimates, and no further.
 */
import type { CallLimit, Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Call, Gateway } from "../gateway.ts";

const WINDOW_MS = 60_000;

/** What has been let in. Released exactly once, when its answer has ended. */
export type Admission = {
  /** Corrects the estimate; for every attempt that has used anything. */
  countTokens(tokens: number): void;
  release(): void;
  /** Of the limit that has the least left. */
  standing: Standing;
};

/** Undefined: there is no such limit. */
export type Standing = {
  requests: { limit: number; remaining: number } | undefined;
  tokens: { limit: number; remaining: number } | undefined;
  /** Until the minute is over. */
  resetMs: number;
  /** When that was, since 1970. */
  nowMs: number;
};

export const NO_ADMISSION: Admission = {
  countTokens: () => undefined,
  release: () => undefined,
  standing: { requests: undefined, tokens: undefined, resetMs: 0, nowMs: 0 },
};

/** For requests that ask no model: they count as one, and are over at once. */
export function admit(gateway: Gateway, principal: Principal): void {
  admitCall(gateway, { principal }, 0).release();
}

/**
 * @param estimatedTokens of the input.
 * @throws Failure `rate_limited`; what was refused does not count, or a client that keeps trying would never get in.
 */
export function admitCall(
  gateway: Gateway,
  { call, principal }: { call?: Pick<Call, "standing">; principal: Principal },
  estimatedTokens: number,
): Admission {
  if (principal.limits.length === 0) return NO_ADMISSION;
  const admission = new LimitedAdmission(gateway, principal.limits, estimatedTokens);
  // Whoever is refused is told as well how it stands.
  if (call !== undefined) call.standing = admission.standing;
  admission.enter();
  return admission;
}

/** For work that was admitted when it was queued: what it uses counts, and it is not refused. */
export const admitted = (gateway: Gateway, { limits }: Principal): Admission =>
  limits.length === 0 ? NO_ADMISSION : new LimitedAdmission(gateway, limits, 0);

class LimitedAdmission implements Admission {
  readonly #gateway: Gateway;
  readonly #limits: readonly CallLimit[];
  readonly #minute: number;
  readonly #estimatedTokens: number;
  #isCorrected = false;
  #entered: CallLimit[] = [];
  readonly standing: Standing;

  constructor(gateway: Gateway, limits: readonly CallLimit[], estimatedTokens: number) {
    this.#gateway = gateway;
    this.#limits = limits;
    this.#estimatedTokens = estimatedTokens;
    // Not the time at which the call began: a body that takes long to come would count in a minute that is over.
    const nowMs = gateway.clock.nowMs();
    this.#minute = Math.floor(nowMs / WINDOW_MS);
    this.standing = {
      requests: undefined,
      tokens: undefined,
      resetMs: WINDOW_MS - (nowMs % WINDOW_MS),
      nowMs,
    };
  }

  /** @throws Failure `rate_limited` */
  enter(): void {
    for (const [index, limit] of this.#limits.entries()) {
      const refusal = this.#enter(limit);
      if (refusal === undefined) continue;
      for (const before of this.#limits.slice(0, index + 1)) {
        this.#add(before, -1, -this.#estimatedTokens);
      }
      this.release();
      throw refusal;
    }
  }

  countTokens(tokens: number): void {
    const before = this.#isCorrected ? 0 : this.#estimatedTokens;
    this.#isCorrected = true;
    const isSameMinute = Math.floor(this.#gateway.clock.nowMs() / WINDOW_MS) === this.#minute;
    // In another minute the estimate is not there any more, and must not be taken from it.
    const correction = isSameMinute ? tokens - before : Math.max(tokens - before, 0);
    for (const limit of this.#limits) this.#add(limit, 0, correction);
  }

  release(): void {
    const entered = this.#entered;
    this.#entered = [];
    for (const { counter } of entered) this.#gateway.gauges.leave(counter);
  }

  /** The refusal, or undefined. The call is counted either way. */
  #enter(limit: CallLimit): Failure | undefined {
    const { rpm, tpm, concurrency, subject, counter } = limit;
    const count = this.#add(limit, 1, this.#estimatedTokens);
    const { standing } = this;
    if (rpm !== null) {
      standing.requests = tightest(standing.requests, rpm, rpm - count.requests);
      if (count.requests > rpm) return this.#refusal(subject, `${rpm} requests per minute`);
    }
    if (tpm !== null) {
      standing.tokens = tightest(standing.tokens, tpm, tpm - count.tokens);
      // The first call of a minute may be larger than its limit; it is not refused for ever.
      if (count.tokens - this.#estimatedTokens >= tpm) {
        return this.#refusal(subject, `${tpm} tokens per minute`);
      }
    }
    if (concurrency === null) return undefined;
    if (!this.#gateway.gauges.enter(counter, concurrency)) {
      return new Failure(
        "rate_limited",
        `There may be ${concurrency} calls at once of ${subject}. Wait for one to end.`,
        { code: "concurrency_limit_exceeded", retryAfterSeconds: 1 },
      );
    }
    this.#entered.push(limit);
    return undefined;
  }

  #add({ rpm, tpm, counter }: CallLimit, requests: number, tokens: number) {
    if (rpm === null && tpm === null) return { requests: 0, tokens: 0 };
    const minute = Math.max(this.#minute, Math.floor(this.#gateway.clock.nowMs() / WINDOW_MS));
    return this.#gateway.counters.add(counter, minute, { requests, tokens });
  }

  #refusal(subject: string, limit: string): Failure {
    return new Failure(
      "rate_limited",
      `${subject.charAt(0).toUpperCase()}${subject.slice(1)} may use ${limit}. Wait a moment.`,
      {
        code: "rate_limit_exceeded",
        retryAfterSeconds: Math.ceil(this.standing.resetMs / 1_000),
      },
    );
  }
}

function tightest(
  before: { limit: number; remaining: number } | undefined,
  limit: number,
  left: number,
): { limit: number; remaining: number } {
  const remaining = Math.max(left, 0);
  return before !== undefined && before.remaining <= remaining ? before : { limit, remaining };
}
