/**
 * Who is asked next. A plan is gone through in its order, deployments that keep failing last; then, after a wait,
 * once more those whose failure may pass. Every step is decided here, so the worst case can be read in one place.
 */
import type { RetryKind } from "../../domains/routing/index.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { UNTRANSLATABLE } from "../../providers/neutral/prompt.ts";
import { isWorthAnotherTry } from "../../providers/upstream-failure.ts";
import type { Candidate, Plan } from "../admit/candidate.ts";
import { MODEL_AT_CAPACITY } from "../capacity/model-rooms.ts";
import type { UpstreamHealth } from "../state/upstream-health.ts";
import type { Deadline } from "./deadline.ts";

/** A provider that asks for a longer wait is not waited for: the client can decide better. */
const WAIT_MAX_MS = 2_500;
/** Another model may have more room, or the words. */
const ELSEWHERE_CODES = new Set(["context_length_exceeded", UNTRANSLATABLE]);
/** An operator must act first, or it was waited for long enough; the same candidate would fail again. */
const LASTING_CODES = new Set([
  "provider_credential_refused",
  "provider_out_of_credit",
  "provider_model_not_found",
  MODEL_AT_CAPACITY,
]);

export type Step = { candidate: Candidate; number: number; waitMs: number };

/** Who was asked, and how it failed. */
export type Failed = { candidate: Candidate; error: unknown };

export type PlanWalkOptions = {
  plan: Plan;
  health: Pick<UpstreamHealth, "isOpen">;
  deadline: Pick<Deadline, "isOver" | "remainingMs">;
  clock: Pick<Clock, "monotonicMs">;
  /** From 0 to 1. */
  chance(): number;
};

export class PlanWalk {
  readonly #options: PlanWalkOptions;
  /** How often each was asked again. */
  readonly #asked = new Map<Candidate, number>();
  /** What this round has not asked yet. */
  #left: Candidate[];
  /** What failed in a way that may pass, and when it may be asked again. */
  readonly #again: { candidate: Candidate; dueMs: number }[] = [];
  #dispatched = 0;

  constructor(options: PlanWalkOptions) {
    this.#options = options;
    this.#left = [...options.plan.candidates];
  }

  begin(): Step {
    const candidate = this.#take();
    if (candidate === undefined) throw new Error("a plan has at least one candidate");
    return this.#stepTo(candidate, 0);
  }

  /** After everything that was being asked has failed: the next step, or undefined when the call has failed for good. */
  after(failed: readonly Failed[]): Step | undefined {
    if (this.#options.deadline.isOver || !this.#hasAttempts()) return undefined;
    for (const { candidate, error } of failed) {
      const isElsewhere = error instanceof Failure && ELSEWHERE_CODES.has(error.code ?? "");
      if (!isElsewhere && !isWorthAnotherTry(error)) return undefined;
      this.#remember(candidate, error);
    }
    const candidate = this.#take();
    return candidate === undefined ? this.#takeAgain() : this.#stepTo(candidate, 0);
  }

  /** Another candidate in place of the step's, which has no room now; undefined when none is left that is well. */
  instead(step: Step): Step | undefined {
    const candidate = this.#takeWell();
    return candidate && { ...step, candidate };
  }

  /** They are next again: nobody has asked them. */
  putBack(candidates: readonly Candidate[]): void {
    this.#left.unshift(...candidates);
  }

  /** A candidate to ask beside the one that is being asked; undefined when none is left that is well. */
  beside(): Step | undefined {
    const candidate = this.#hasAttempts() ? this.#takeWell() : undefined;
    return candidate && this.#stepTo(candidate, 0);
  }

  #takeWell(): Candidate | undefined {
    const { health } = this.#options;
    const at = this.#left.findIndex((candidate) => !health.isOpen(candidate));
    return at === -1 ? undefined : this.#left.splice(at, 1)[0];
  }

  #hasAttempts(): boolean {
    return this.#dispatched < Math.min(ATTEMPTS_MAX, this.#options.plan.policy.attemptsMax);
  }

  #stepTo(candidate: Candidate, waitMs: number): Step {
    return { candidate, number: this.#dispatched++, waitMs };
  }

  #remember(candidate: Candidate, error: unknown): void {
    if (!(error instanceof Failure) || LASTING_CODES.has(error.code ?? "")) return;
    const { plan, clock, chance } = this.#options;
    const { again, backoff } = plan.policy;
    const asked = (this.#asked.get(candidate) ?? 0) + 1;
    if (asked > (again[error.kind as RetryKind] ?? 0)) return;
    this.#asked.set(candidate, asked);
    const toldMs = (error.retryAfterSeconds ?? 0) * 1_000;
    const waitMs = Math.max(toldMs, backoffMs(backoff, asked, chance()));
    this.#again.push({ candidate, dueMs: clock.monotonicMs() + waitMs });
  }

  /** Where all circuits are open, asking one of them is better than failing the call unasked. */
  #take(): Candidate | undefined {
    const { health } = this.#options;
    const well = this.#left.findIndex((candidate) => !health.isOpen(candidate));
    return this.#left.splice(Math.max(well, 0), 1)[0];
  }

  /** Whoever may be asked again soonest. */
  #takeAgain(): Step | undefined {
    const { deadline, clock } = this.#options;
    const soonest = this.#again.toSorted((a, b) => a.dueMs - b.dueMs)[0];
    if (soonest === undefined) return undefined;
    const waitMs = Math.max(soonest.dueMs - clock.monotonicMs(), 0);
    if (waitMs > WAIT_MAX_MS || waitMs >= deadline.remainingMs()) return undefined;
    this.#again.splice(this.#again.indexOf(soonest), 1);
    return this.#stepTo(soonest.candidate, waitMs);
  }
}
