/**
 * Answers that are kept before they are charged, as `src/domains/jobs/kept-store.ts` keeps them in the database:
 * whoever changes a row first decides, and nobody changes it again.
 */
import { eventIdOf } from "../../src/lib/ids.ts";
import type { Usage } from "../../src/lib/quantities.ts";

type Row = { state: "begun" | "void" } | { state: "kept"; eventId: string; usage: Usage };

export class SimulatedKeptAnswers {
  readonly #rows = new Map<string, Row>();
  readonly #isOnlyRead: boolean;

  constructor(options: { isOnlyRead: boolean }) {
    this.#isOnlyRead = options.isOnlyRead;
  }

  /** False when this request must not be dispatched: it was before, or nobody waits for it any more. */
  begin(requestId: string): boolean {
    if (this.#rows.has(requestId)) return false;
    this.#rows.set(requestId, { state: "begun" });
    return true;
  }

  /** False when nobody waits for it any more. Says the same however often it is asked. */
  keep(requestId: string, kept: { attempt: number; usage: Usage }): boolean {
    const eventId = eventIdOf(requestId, kept.attempt);
    const row = this.#rows.get(requestId);
    if (row?.state === "kept") return row.eventId === eventId;
    if (row?.state !== "begun") return false;
    this.#rows.set(requestId, { state: "kept", eventId, usage: kept.usage });
    return true;
  }

  giveUp(requestId: string): void {
    if (this.#rows.get(requestId)?.state !== "kept") this.#rows.set(requestId, { state: "void" });
  }

  /** What is not kept by now never will be. */
  readKept(requestIds: readonly string[]): Map<string, Usage> {
    const kept = new Map<string, Usage>();
    for (const requestId of requestIds) {
      if (!this.#isOnlyRead) this.giveUp(requestId);
      const row = this.#rows.get(requestId);
      if (row?.state === "kept") kept.set(row.eventId, row.usage);
    }
    return kept;
  }

  has(requestId: string): boolean {
    return this.#rows.has(requestId);
  }

  /** Event ids and usage of everything that is kept. */
  all(): Map<string, Usage> {
    const rows = [...this.#rows.values()];
    return new Map(rows.flatMap((row) => (row.state === "kept" ? [[row.eventId, row.usage]] : [])));
  }

  /** One whose answer is under way, for whoever gives up waiting for it. */
  anyBegun(pick: (requestIds: readonly string[]) => string): string | undefined {
    const begun = [...this.#rows].flatMap(([id, { state }]) => (state === "begun" ? [id] : []));
    return begun.length === 0 ? undefined : pick(begun);
  }
}
