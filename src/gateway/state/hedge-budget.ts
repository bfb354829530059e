/** Hedging costs money: of each route's calls, no more than a share may be asked twice. */
const SAVED_MAX = 10;

export class HedgeBudget {
  readonly #saved = new Map<string, number>();

  /** For every call of the route. */
  earn(route: string, percent: number): void {
    this.#saved.set(route, Math.min(SAVED_MAX, (this.#saved.get(route) ?? 1) + percent / 100));
  }

  canSpend(route: string): boolean {
    return (this.#saved.get(route) ?? 0) >= 1;
  }

  spend(route: string): void {
    this.#saved.set(route, (this.#saved.get(route) ?? 0) - 1);
  }
}
