/**
 * Who goes next where many wait for little. Classes go in their order, but whoever has waited long enough is served
 * like the class above, so that none waits for ever; within a class organizations take turns, whatever the number of
 * their calls; within an organization it is first come, first served. Pure.
 */

/** The smaller, the sooner. */
export const rankOf = {
  "high priority": 0,
  high: 1,
  normal: 2,
  low: 3,
  "low flex": 4,
} as const;

/** A call that has waited this long stands with those of the class above. */
const PROMOTED_AFTER_MS = 5_000;

export type Waiting<T> = {
  organizationId: bigint;
  /** From 0. */
  rank: number;
  sinceMs: number;
  item: T;
};

type Line<T> = {
  /** Whose turn it is comes first. */
  organizations: bigint[];
  calls: Map<bigint, Waiting<T>[]>;
};

export class FairQueue<T> {
  readonly #lines = new Map<number, Line<T>>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(waiting: Waiting<T>): void {
    const line = this.#lineOf(waiting.rank);
    const calls = line.calls.get(waiting.organizationId);
    if (calls === undefined) {
      line.calls.set(waiting.organizationId, [waiting]);
      line.organizations.push(waiting.organizationId);
    } else calls.push(waiting);
    this.#length += 1;
  }

  /** Who is next; it stays in the queue. */
  peek(nowMs: number): Waiting<T> | undefined {
    let best: Waiting<T> | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    for (const line of this.#lines.values()) {
      const organizationId = line.organizations[0];
      if (organizationId === undefined) continue;
      const first = line.calls.get(organizationId)?.[0];
      if (first === undefined) continue;
      const score = first.rank * PROMOTED_AFTER_MS - (nowMs - first.sinceMs);
      // Those of the same class are told apart by their turn, not by their age.
      if (score < bestScore) {
        best = first;
        bestScore = score;
      }
    }
    return best;
  }

  /** Takes it out, wherever it stands: it is served, or has left. The next turn is another organization's. */
  remove(waiting: Waiting<T>): boolean {
    const line = this.#lines.get(waiting.rank);
    const calls = line?.calls.get(waiting.organizationId);
    const at = calls?.indexOf(waiting) ?? -1;
    if (line === undefined || calls === undefined || at === -1) return false;
    calls.splice(at, 1);
    this.#length -= 1;
    const turn = line.organizations.indexOf(waiting.organizationId);
    line.organizations.splice(turn, 1);
    if (calls.length > 0) {
      // Leaving from the middle of its own line costs an organization no turn.
      if (at === 0 && turn === 0) line.organizations.push(waiting.organizationId);
      else line.organizations.splice(turn, 0, waiting.organizationId);
    } else line.calls.delete(waiting.organizationId);
    return true;
  }

  #lineOf(rank: number): Line<T> {
    let line = this.#lines.get(rank);
    if (line === undefined) {
      line = { organizations: [], calls: new Map() };
      this.#lines.set(rank, line);
    }
    return line;
  }
}
