/**
 * The requests that wait for a sequence. Tenants take turns, so that one who sends a thousand requests does
 * not make the others wait for all of them; within a tenant, first come, first served.
 */
export class FairQueue<Item extends { tenant: string }> {
  readonly #itemsMax: number;
  readonly #itemsMaxPerTenant: number;
  /** In the order of turns: a tenant that was served goes to the end. */
  readonly #tenants = new Map<string, Item[]>();
  #length = 0;

  constructor(options: { itemsMax: number; itemsMaxPerTenant: number }) {
    this.#itemsMax = options.itemsMax;
    this.#itemsMaxPerTenant = options.itemsMaxPerTenant;
  }

  get length(): number {
    return this.#length;
  }

  /** False when there is no room. */
  add(item: Item): boolean {
    const waiting = this.#tenants.get(item.tenant) ?? [];
    if (this.#length >= this.#itemsMax || waiting.length >= this.#itemsMaxPerTenant) return false;
    waiting.push(item);
    this.#tenants.set(item.tenant, waiting);
    this.#length++;
    return true;
  }

  take(): Item | undefined {
    for (const [tenant, waiting] of this.#tenants) {
      const item = waiting.shift();
      this.#tenants.delete(tenant);
      if (waiting.length > 0) this.#tenants.set(tenant, waiting);
      if (item !== undefined) this.#length--;
      return item;
    }
    return undefined;
  }

  /** False when the item was not waiting. */
  remove(item: Item): boolean {
    const waiting = this.#tenants.get(item.tenant) ?? [];
    const at = waiting.indexOf(item);
    if (at === -1) return false;
    waiting.splice(at, 1);
    if (waiting.length === 0) this.#tenants.delete(item.tenant);
    this.#length--;
    return true;
  }
}
