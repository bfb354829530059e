/**
 * What this runner did for each attempt of the gateway, so that a caller who left, or a gateway that died, is
 * charged to the token. Held in memory: an attempt from before this process started is unknown, not unseen.
 */
import { Failure } from "../lib/errors.ts";
import { RecentSet } from "../lib/recent-set.ts";
import type { TokenCount } from "./engine/stream.ts";

export type Attempt = {
  state: "running" | "finished";
  /** Grows while the attempt runs. */
  count: TokenCount;
};

/** About 20 MB; at a hundred requests per second, the last quarter of an hour. */
const ATTEMPTS_MAX = 100_000;
/** A request that is overtaken by the question about it comes within seconds, if it comes at all. */
const DENIED_MAX = 10_000;

export class Attempts {
  readonly #attempts = new Map<string, Attempt>();
  /** Asked for and said never to have come: they were settled as nothing, so they must not begin any more. */
  readonly #denied = new RecentSet(DENIED_MAX);
  readonly #max: number;
  readonly startedMs: number;
  /** Ids drawn before this moment may have been seen and forgotten. */
  #knownSinceMs: number;

  constructor(options: { nowMs: number; max?: number }) {
    this.startedMs = options.nowMs;
    this.#knownSinceMs = options.nowMs;
    this.#max = options.max ?? ATTEMPTS_MAX;
  }

  /** An attempt is dispatched once: a second one would overwrite what the first has used. */
  begin(id: string, count: TokenCount): Attempt {
    if (this.#attempts.has(id) || this.#denied.has(id)) {
      throw new Failure("conflict", `The attempt ${id} was already made, or given up.`, {
        code: "attempt_exists",
      });
    }
    const attempt: Attempt = { state: "running", count };
    this.#attempts.set(id, attempt);
    if (this.#attempts.size > this.#max) this.#forgetOldest();
    return attempt;
  }

  /** The request was refused before any work. */
  forget(id: string): void {
    this.#attempts.delete(id);
  }

  /** Refuses with 404 when the attempt never arrived, and with 410 when that cannot be known. */
  find(id: string): Attempt {
    const attempt = this.#attempts.get(id);
    if (attempt !== undefined) return attempt;
    if (drawnAtMs(id) < this.#knownSinceMs) {
      throw new Failure(
        "not_found",
        `The attempt ${id} is older than what this runner remembers.`,
        {
          code: "attempt_forgotten",
          status: 410,
        },
      );
    }
    this.#denied.add(id);
    throw new Failure("not_found", `The attempt ${id} never arrived here.`, {
      code: "attempt_not_found",
    });
  }

  #forgetOldest(): void {
    for (const [id, attempt] of this.#attempts) {
      if (attempt.state === "running") continue;
      this.#attempts.delete(id);
      this.#knownSinceMs = Math.max(this.#knownSinceMs, drawnAtMs(id) + 1);
      return;
    }
  }
}

/** A UUID of version 7 begins with its time: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7 */
const drawnAtMs = (id: string): number =>
  id.charAt(14) === "7"
    ? Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)
    : Number.POSITIVE_INFINITY;
