/**
 * How every deployment did lately, as this process saw it, with a circuit for each of its credentials: what keeps
 * failing is left alone for a while (its circuit is open), then one call tries it again. Nothing is shared between
 * processes: each learns within a few calls, and a wrong guess costs one attempt.
 */
import type { DeploymentHealth, HealthView } from "../../domains/routing/index.ts";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";

/** What was asked. Credential 0: the provider takes none. */
export type HealthTarget = { deploymentId: bigint; credentialId: bigint };

/** In a row, of the kinds that tell something about the provider. */
const FAILURES_TO_OPEN = 3;
const COOLDOWN_FIRST_MS = 1_000;
const COOLDOWN_MAX_MS = 60_000;
/** For a provider that limits calls and does not say when to come back. */
const RATE_LIMITED_MS = 1_000;
/** An operator must do something first. */
const CREDENTIAL_COOLDOWN_MS = 30_000;
/** A probe that has not come back after this long is taken for lost. */
const PROBE_MS = 30_000;
/** The weight of the newest observation. */
const DECAY = 0.2;
/** What was observed longer ago says nothing about now. */
const FORGET_MS = 300_000;
/** Far more than any installation has; beyond it the one seen first is forgotten. */
const DEPLOYMENTS_MAX = 50_000;

/** Codes of failures that concern the credential, whichever model was asked for. */
const CREDENTIAL_CODES = new Set(["provider_credential_refused", "provider_out_of_credit"]);

type Circuit = {
  /** In a row. */
  failures: number;
  /** Monotonic; 0: closed. */
  openUntilMs: number;
  /** Half-open: since when one call tries it. */
  probeSinceMs: number | undefined;
};

export class UpstreamHealth implements HealthView {
  readonly #clock: Clock;
  readonly #deployments = new Map<bigint, DeploymentState>();
  /** Until when a credential is not tried, for any deployment. */
  readonly #credentials = new Map<bigint, number>();

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  of(deploymentId: bigint): DeploymentHealth | undefined {
    return this.#deployments.get(deploymentId);
  }

  entries(): IterableIterator<[bigint, DeploymentHealth]> {
    return this.#deployments.entries();
  }

  openCircuits(): number {
    let open = 0;
    for (const { circuit } of this.#deployments.values()) if (circuit === "open") open += 1;
    return open;
  }

  /** Whether it should be left alone now. A circuit whose cooldown is over lets one call through at a time. */
  isOpen({ deploymentId, credentialId }: HealthTarget): boolean {
    const nowMs = this.#clock.monotonicMs();
    if ((this.#credentials.get(credentialId) ?? 0) > nowMs) return true;
    const circuit = this.#deployments.get(deploymentId)?.circuits.get(credentialId);
    return circuit !== undefined && stateOf(circuit, nowMs) === "open";
  }

  dispatched({ deploymentId, credentialId }: HealthTarget): void {
    const state = this.#of(deploymentId);
    state.inFlight += 1;
    const circuit = state.circuits.get(credentialId);
    if (circuit !== undefined && circuit.openUntilMs !== 0) {
      circuit.probeSinceMs = this.#clock.monotonicMs();
    }
  }

  /** The attempt is over, however it ended. */
  ended({ deploymentId }: HealthTarget): void {
    const state = this.#of(deploymentId);
    state.inFlight = Math.max(0, state.inFlight - 1);
  }

  /** An answer has begun (a stream) or is there (whole). */
  answered(
    { deploymentId, credentialId }: HealthTarget,
    took: { ms: number; isStream: boolean },
  ): void {
    const state = this.#of(deploymentId);
    state.circuits.delete(credentialId);
    this.#credentials.delete(credentialId);
    state.observe(took.isStream ? "firstTokenMs" : "answerMs", took.ms);
  }

  streamed({ deploymentId }: HealthTarget, tokensPerSecond: number): void {
    this.#of(deploymentId).observe("tokensPerSecond", tokensPerSecond);
  }

  /** An attempt failed by the provider's fault. What was the client's fault says nothing about the provider. */
  failed({ deploymentId, credentialId }: HealthTarget, error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    const failure = error instanceof Failure ? error : undefined;
    if (failure?.code !== undefined && CREDENTIAL_CODES.has(failure.code)) {
      // Without a credential of its own it is the deployment that does not work.
      if (credentialId !== 0n) {
        this.#credentials.set(credentialId, nowMs + CREDENTIAL_COOLDOWN_MS);
        return;
      }
    }
    const circuit = this.#of(deploymentId).circuitOf(credentialId);
    circuit.probeSinceMs = undefined;
    if (failure?.kind === "rate_limited") {
      const askedMs = (failure.retryAfterSeconds ?? 0) * 1_000;
      const waitMs = Math.min(Math.max(askedMs, RATE_LIMITED_MS), COOLDOWN_MAX_MS);
      circuit.openUntilMs = Math.max(circuit.openUntilMs, nowMs + waitMs);
      return;
    }
    circuit.failures += 1;
    if (circuit.failures < FAILURES_TO_OPEN) return;
    const doubled = COOLDOWN_FIRST_MS * 2 ** Math.min(circuit.failures - FAILURES_TO_OPEN, 10);
    circuit.openUntilMs = nowMs + Math.min(doubled, COOLDOWN_MAX_MS);
  }

  #of(deploymentId: bigint): DeploymentState {
    let state = this.#deployments.get(deploymentId);
    if (state === undefined) {
      const first = this.#deployments.keys().next().value;
      if (this.#deployments.size >= DEPLOYMENTS_MAX && first !== undefined) {
        this.#deployments.delete(first);
      }
      state = new DeploymentState(this.#clock);
      this.#deployments.set(deploymentId, state);
    }
    return state;
  }
}

type Observed = "firstTokenMs" | "answerMs" | "tokensPerSecond";

class DeploymentState implements DeploymentHealth {
  readonly #clock: Clock;
  readonly #observed = new Map<Observed, { value: number; atMs: number }>();
  readonly circuits = new Map<bigint, Circuit>();
  inFlight = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The best of its credentials: one that works is enough. */
  get circuit(): DeploymentHealth["circuit"] {
    const nowMs = this.#clock.monotonicMs();
    let best: DeploymentHealth["circuit"] | undefined;
    for (const circuit of this.circuits.values()) {
      const state = stateOf(circuit, nowMs);
      if (state === "closed") return "closed";
      if (best === undefined || state === "probe") best = state;
    }
    return best ?? "closed";
  }

  get openUntilMs(): number {
    const until = Math.min(...[...this.circuits.values()].map(({ openUntilMs }) => openUntilMs));
    return Number.isFinite(until) ? this.#clock.nowMs() + until - this.#clock.monotonicMs() : 0;
  }

  get firstTokenMs(): number | undefined {
    return this.#read("firstTokenMs");
  }

  get answerMs(): number | undefined {
    return this.#read("answerMs");
  }

  get tokensPerSecond(): number | undefined {
    return this.#read("tokensPerSecond");
  }

  circuitOf(credentialId: bigint): Circuit {
    let circuit = this.circuits.get(credentialId);
    if (circuit === undefined) {
      circuit = { failures: 0, openUntilMs: 0, probeSinceMs: undefined };
      this.circuits.set(credentialId, circuit);
    }
    return circuit;
  }

  observe(name: Observed, value: number): void {
    const before = this.#read(name);
    const decayed = before === undefined ? value : before + DECAY * (value - before);
    this.#observed.set(name, { value: decayed, atMs: this.#clock.monotonicMs() });
  }

  #read(name: Observed): number | undefined {
    const found = this.#observed.get(name);
    const isFresh = found !== undefined && this.#clock.monotonicMs() - found.atMs < FORGET_MS;
    return isFresh ? found.value : undefined;
  }
}

function stateOf(circuit: Circuit, nowMs: number): DeploymentHealth["circuit"] {
  if (circuit.openUntilMs === 0) return "closed";
  if (circuit.openUntilMs > nowMs) return "open";
  const probe = circuit.probeSinceMs;
  return probe !== undefined && nowMs - probe < PROBE_MS ? "open" : "probe";
}
