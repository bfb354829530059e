/**
 * How every deployment did lately, by credential, as this process saw it. A deployment that keeps failing is left
 * alone for a while (its circuit is open), then one call tries it again. Nothing here is shared between processes:
 * each learns within a few calls, and a wrong guess costs one attempt.
 */
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";

export type HealthOptions = { clock: Clock };

/** In a row, of the kinds that tell something about the provider. */
const FAILURES_TO_OPEN = 3;
const COOLDOWN_FIRST_MS = 1_000;
const COOLDOWN_MAX_MS = 60_000;
/** A provider that says nothing about when to come back. */
const RATE_LIMITED_MS = 1_000;
/** An operator must do something first. */
const CREDENTIAL_COOLDOWN_MS = 30_000;
/** A probe that has not come back after this long is taken for lost. */
const PROBE_MS = 30_000;
/** The weight of the newest observation. */
const DECAY = 0.2;
const ENTRIES_MAX = 50_000;

export type TargetHealth = {
  /** Failures in a row. */
  failures: number;
  openUntilMs: number;
  /** Half-open: since when one call tries it. */
  probeSinceMs: number | undefined;
  inFlight: number;
  /** Decayed; undefined until the first answer. */
  firstPieceMs: number | undefined;
  tokensPerSecond: number | undefined;
  answers: number;
  failuresTotal: number;
};

/** Codes of failures that concern the credential, whichever model was asked for. */
const CREDENTIAL_CODES = new Set(["provider_credential_refused", "provider_out_of_credit"]);

export class UpstreamHealth {
  readonly #clock: Clock;
  readonly #targets = new Map<string, TargetHealth>();
  readonly #credentials = new Map<string, number>();

  constructor({ clock }: HealthOptions) {
    this.#clock = clock;
  }

  /** For the planner and for operators; undefined for what was never asked. */
  read(key: string): Readonly<TargetHealth> | undefined {
    return this.#targets.get(key);
  }

  entries(): IterableIterator<[string, Readonly<TargetHealth>]> {
    return this.#targets.entries();
  }

  /** Whether it should be left alone now. A circuit whose cooldown is over lets one call through at a time. */
  isOpen(target: { healthKey: string; credentialKey: string }): boolean {
    const nowMs = this.#clock.monotonicMs();
    if ((this.#credentials.get(target.credentialKey) ?? 0) > nowMs) return true;
    const health = this.#targets.get(target.healthKey);
    if (health === undefined || health.openUntilMs === 0) return false;
    if (health.openUntilMs > nowMs) return true;
    const probe = health.probeSinceMs;
    return probe !== undefined && nowMs - probe < PROBE_MS;
  }

  /** Milliseconds until it may be tried again; 0 when it may be now. */
  opensInMs(target: { healthKey: string; credentialKey: string }): number {
    const until = Math.max(
      this.#credentials.get(target.credentialKey) ?? 0,
      this.#targets.get(target.healthKey)?.openUntilMs ?? 0,
    );
    return Math.max(0, until - this.#clock.monotonicMs());
  }

  dispatched(target: { healthKey: string }): void {
    const health = this.#of(target.healthKey);
    health.inFlight += 1;
    if (health.openUntilMs !== 0) health.probeSinceMs = this.#clock.monotonicMs();
  }

  /** The attempt is over, however it ended. */
  ended(target: { healthKey: string }): void {
    const health = this.#of(target.healthKey);
    health.inFlight = Math.max(0, health.inFlight - 1);
  }

  answered(target: { healthKey: string }, firstPieceMs: number): void {
    const health = this.#of(target.healthKey);
    health.failures = 0;
    health.openUntilMs = 0;
    health.probeSinceMs = undefined;
    health.answers += 1;
    health.firstPieceMs = decayed(health.firstPieceMs, firstPieceMs);
  }

  streamed(target: { healthKey: string }, tokensPerSecond: number): void {
    const health = this.#of(target.healthKey);
    health.tokensPerSecond = decayed(health.tokensPerSecond, tokensPerSecond);
  }

  /** An attempt failed by the provider's fault. What was the client's fault says nothing about the provider. */
  failed(target: { healthKey: string; credentialKey: string }, error: unknown): void {
    const health = this.#of(target.healthKey);
    health.failuresTotal += 1;
    health.probeSinceMs = undefined;
    const nowMs = this.#clock.monotonicMs();
    const failure = error instanceof Failure ? error : undefined;
    if (failure?.code !== undefined && CREDENTIAL_CODES.has(failure.code)) {
      this.#credentials.set(target.credentialKey, nowMs + CREDENTIAL_COOLDOWN_MS);
      return;
    }
    if (failure?.kind === "rate_limited") {
      const askedMs = (failure.retryAfterSeconds ?? 0) * 1_000;
      const waitMs = Math.min(Math.max(askedMs, RATE_LIMITED_MS), COOLDOWN_MAX_MS);
      health.openUntilMs = Math.max(health.openUntilMs, nowMs + waitMs);
      return;
    }
    health.failures += 1;
    if (health.failures < FAILURES_TO_OPEN) return;
    const doubled = COOLDOWN_FIRST_MS * 2 ** Math.min(health.failures - FAILURES_TO_OPEN, 10);
    health.openUntilMs = nowMs + Math.min(doubled, COOLDOWN_MAX_MS);
  }

  #of(key: string): TargetHealth {
    let health = this.#targets.get(key);
    if (health === undefined) {
      // Deployments come and go over a process's life; the ones seen longest ago are forgotten.
      if (this.#targets.size >= ENTRIES_MAX) {
        const oldest = this.#targets.keys().next().value;
        if (oldest !== undefined) this.#targets.delete(oldest);
      }
      health = {
        failures: 0,
        openUntilMs: 0,
        probeSinceMs: undefined,
        inFlight: 0,
        firstPieceMs: undefined,
        tokensPerSecond: undefined,
        answers: 0,
        failuresTotal: 0,
      };
      this.#targets.set(key, health);
    }
    return health;
  }
}

const decayed = (before: number | undefined, now: number): number =>
  before === undefined ? now : before + DECAY * (now - before);
