/**
 * Who is asked next. A plan is gone through in its order, deployments that keep failing last; then, after a wait,
 * once more those whose failure may pass. Every step is decided here, so the worst case can be read in one place.
 */
import { backoffMs } from "../../lib/backoff.ts";
import { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import { UNTRANSLATABLE } from "../../providers/neutral/prompt.ts";
import { isWorthAnotherTry } from "../../providers/upstream-failure.ts";
import type { Candidate, Plan } from "../admit/candidate.ts";
import type { UpstreamHealth } from "../state/upstream-health.ts";
import type { Deadline } from "./deadline.ts";

/** Between two rounds through a plan. */
const ROUND_BACKOFF = { firstMs: 400, maxMs: 5_000 };
/** A provider that asks for a longer wait is not waited for: the client can decide better. */
const WAIT_MAX_MS = 2_500;
/** Another model may have more room, or the words. */
const ELSEWHERE_CODES = new Set(["context_length_exceeded", UNTRANSLATABLE]);
/** An operator must act first; the same candidate would fail again. */
const LASTING_CODES = new Set([
  "provider_credential_refused",
  "provider_out_of_credit",
  "provider_model_not_found",
]);

export type Step = { candidate: Candidate; number: number; waitMs: number };

export type PlanWalkOptions = {
  plan: Plan;
  /** For plans that do not say themselves. */
  retryRounds: number;
  health: Pick<UpstreamHealth, "isOpen">;
  deadline: Pick<Deadline, "isOver" | "remainingMs">;
  /** From 0 to 1. */
  chance(): number;
};

export class PlanWalk {
  readonly #options: PlanWalkOptions;
  /** What this round has not asked yet. */
  #left: Candidate[];
  /** What failed in a way that may pass, with the wait that the provider asked for. */
  #again: { candidate: Candidate; waitMs: number }[] = [];
  #current: Candidate | undefined;
  #round = 1;
  #dispatched = 0;

  constructor(options: PlanWalkOptions) {
    this.#options = options;
    this.#left = [...options.plan.candidates];
  }

  /** The next number of an attempt of this call. */
  takeNumber(): number {
    return this.#dispatched++;
  }

  /** The first candidate. */
  begin(): Step {
    const candidate = this.#take();
    if (candidate === undefined) throw new Error("a plan has at least one candidate");
    return { candidate, number: this.takeNumber(), waitMs: 0 };
  }

  /** After a failure: the next step, or undefined when the call has failed for good. */
  after(error: unknown): Step | undefined {
    const { plan, deadline, retryRounds } = this.#options;
    const rounds = plan.policy.retryRounds ?? retryRounds;
    if (deadline.isOver || this.#dispatched >= ATTEMPTS_MAX) return undefined;
    const isElsewhere = error instanceof Failure && ELSEWHERE_CODES.has(error.code ?? "");
    if (!isElsewhere && !isWorthAnotherTry(error)) return undefined;
    this.#remember(error);
    const candidate = this.#take();
    if (candidate !== undefined) return { candidate, number: this.takeNumber(), waitMs: 0 };
    if (this.#again.length === 0 || this.#round > rounds) return undefined;
    return this.#nextRound();
  }

  /** A candidate to ask beside the one that is being asked; undefined when all others were asked already. */
  beside(): Candidate | undefined {
    const { health } = this.#options;
    const at = this.#left.findIndex((candidate) => !health.isOpen(candidate));
    if (at === -1 || this.#dispatched >= ATTEMPTS_MAX) return undefined;
    return this.#left.splice(at, 1)[0];
  }

  #remember(error: unknown): void {
    const candidate = this.#current;
    if (candidate === undefined || !(error instanceof Failure)) return;
    // What took its whole time is likely to take it again.
    if (error.kind === "timeout" || !isWorthAnotherTry(error)) return;
    if (LASTING_CODES.has(error.code ?? "")) return;
    this.#again.push({ candidate, waitMs: (error.retryAfterSeconds ?? 0) * 1_000 });
  }

  #take(): Candidate | undefined {
    const { health } = this.#options;
    const closed = this.#left.findIndex((candidate) => !health.isOpen(candidate));
    // Where all circuits are open, asking one of them is better than failing the call unasked.
    this.#current = this.#left.splice(Math.max(closed, 0), 1)[0];
    return this.#current;
  }

  #nextRound(): Step | undefined {
    const { deadline, chance } = this.#options;
    const again = this.#again.toSorted((a, b) => a.waitMs - b.waitMs);
    const soonest = again[0];
    if (soonest === undefined) return undefined;
    const waitMs = Math.max(soonest.waitMs, backoffMs(ROUND_BACKOFF, this.#round, chance()));
    if (waitMs > WAIT_MAX_MS || waitMs >= deadline.remainingMs()) return undefined;
    this.#round += 1;
    this.#again = [];
    this.#left = again.map(({ candidate }) => candidate);
    // Not by health: the one that asked for the shortest wait has had it.
    this.#current = this.#left.shift();
    return { candidate: soonest.candidate, number: this.takeNumber(), waitMs };
  }
}
