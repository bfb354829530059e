/**
 * A provider that knows, for every attempt that it ever saw, what it has really served. It generates over time,
 * stops when it is told or notices that its client is gone, and says afterwards what an attempt has used.
 */
import { Failure } from "../../src/lib/errors.ts";
import { NO_USAGE, type Quantities, type Usage } from "../../src/lib/quantities.ts";
import type { ServiceTier } from "../../src/lib/service-tiers.ts";
import { newOwner, type Owner, PlannedFault, type Scheduler } from "./scheduler.ts";

export type Order = {
  eventId: string;
  serviceTier: ServiceTier;
  inputTokens: number;
  outputTokensMax: number;
  images: number;
};

type Served = {
  readonly order: Order;
  readonly client: Owner;
  readonly startedMs: number;
  readonly endsMs: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly writtenTokens: number;
  /** Tokens that were generated, once it is known. */
  generated: number | undefined;
};

export type UpstreamAnswer =
  | { state: "complete"; usage: Usage }
  /** The connection broke before the end; what was used must be asked for. */
  | { state: "broken" };

const ARRIVAL_MS = 20;
const WORK_MS = 400;
const NOTICE_MS = 60;
const LOOK_UP_MS = 10;
/** As `src/providers/look-up-usage.ts`: a question may overtake the attempt itself. */
const QUESTIONS_UNTIL_UNKNOWN = 5;
const BETWEEN_QUESTIONS_MS = 60;

export class SimulatedUpstream {
  readonly #scheduler: Scheduler;
  readonly #self = newOwner("upstream");
  readonly #served = new Map<string, Served>();
  readonly #dropped = new Set<string>();
  isReliable = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** @throws Failure when the upstream refuses: it has done nothing then. */
  dispatch(client: Owner, order: Order): Promise<UpstreamAnswer> {
    const { random } = this.#scheduler;
    return new Promise((resolve, reject) => {
      const arrivesMs = random.next() * ARRIVAL_MS;
      if (!this.isReliable && random.chance(0.06)) {
        this.#scheduler.after(client, arrivesMs, "the upstream refuses", () =>
          reject(new Failure("upstream", "refused", { cause: new PlannedFault("refused") })),
        );
        return;
      }
      this.#scheduler.after(this.#self, arrivesMs, `attempt ${order.eventId} arrives`, () =>
        this.#begin(client, order, resolve),
      );
    });
  }

  /** The client hangs up: the upstream notices a little later. */
  stop(eventId: string): void {
    const delayMs = this.#scheduler.random.next() * NOTICE_MS;
    this.#scheduler.after(this.#self, delayMs, `notices that ${eventId} is to stop`, () => {
      const served = this.#served.get(eventId);
      if (served === undefined) this.#dropped.add(eventId);
      else this.#finish(served);
    });
  }

  /** The connections of a process that died break. Some attempts stop, others are generated to their end. */
  onDeath(client: Owner): void {
    for (const served of this.#served.values()) {
      if (served.client === client && this.#scheduler.random.chance(0.7)) {
        this.stop(served.order.eventId);
      }
    }
  }

  /** What an attempt has used, once it has ended; asked again and again until that is known. */
  async learn(asker: Owner, eventId: string): Promise<Usage> {
    for (let unknown = 0; ; ) {
      const answer = await this.#lookUp(asker, eventId).catch(() => "no answer" as const);
      if (typeof answer === "object") return answer;
      if (answer === "unknown") unknown += 1;
      if (unknown === QUESTIONS_UNTIL_UNKNOWN) return NO_USAGE;
      await this.#scheduler.wait(asker, BETWEEN_QUESTIONS_MS, `asks about ${eventId} again`);
    }
  }

  /** True counts of everything that was ever begun. Complete once nothing runs any more. */
  truth(): Map<string, { quantities: Quantities; serviceTier: ServiceTier }> {
    const truth = new Map<string, { quantities: Quantities; serviceTier: ServiceTier }>();
    for (const served of this.#served.values()) {
      const { eventId, serviceTier } = served.order;
      const quantities = quantitiesOf(served, served.generated ?? -1);
      truth.set(eventId, { quantities, serviceTier });
    }
    return truth;
  }

  get isIdle(): boolean {
    return [...this.#served.values()].every(({ generated }) => generated !== undefined);
  }

  #begin(client: Owner, order: Order, answer: (answer: UpstreamAnswer) => void): void {
    const { random, nowMs } = this.#scheduler;
    const hasNobodyToAnswer = !client.isAlive && random.chance(0.5);
    if (this.#dropped.has(order.eventId) || hasNobodyToAnswer) return;
    const workMs = random.next() * WORK_MS;
    const served: Served = {
      ...{ order, client, startedMs: nowMs, endsMs: nowMs + workMs, generated: undefined },
      outputTokens: random.between(0, order.outputTokensMax),
      ...this.#cached(order),
    };
    this.#served.set(order.eventId, served);
    this.#scheduler.after(this.#self, workMs, `attempt ${order.eventId} is done`, () => {
      this.#finish(served);
      const isBroken = !this.isReliable && random.chance(0.08);
      const usage = this.#usageOf(served, "provider");
      this.#scheduler.after(client, random.next() * ARRIVAL_MS, "gets its answer", () =>
        answer(isBroken ? { state: "broken" } : { state: "complete", usage }),
      );
    });
  }

  /** Parts of the input that are read from the upstream's cache, or written to it. */
  #cached({ inputTokens }: Order): Pick<Served, "cachedTokens" | "writtenTokens"> {
    const { random } = this.#scheduler;
    const cachedTokens = random.chance(0.5) ? 0 : random.between(0, inputTokens);
    const rest = inputTokens - cachedTokens;
    return { cachedTokens, writtenTokens: random.chance(0.7) ? 0 : random.between(0, rest) };
  }

  #finish(served: Served): void {
    if (served.generated !== undefined) return;
    const { startedMs, endsMs, outputTokens } = served;
    const share = Math.min(
      1,
      (this.#scheduler.nowMs - startedMs) / Math.max(endsMs - startedMs, 1),
    );
    served.generated = Math.floor(outputTokens * share);
  }

  async #lookUp(asker: Owner, eventId: string): Promise<Usage | "running" | "unknown"> {
    const { random } = this.#scheduler;
    const found = await this.#scheduler.call(
      ...([this.#self, random.next() * LOOK_UP_MS, `is asked about ${eventId}`] as const),
      () => {
        const served = this.#served.get(eventId);
        if (served === undefined) return "unknown";
        return served.generated === undefined ? "running" : this.#usageOf(served, "lookup");
      },
    );
    const isLost = !this.isReliable && random.chance(0.1);
    return await this.#scheduler.call(asker, random.next() * LOOK_UP_MS, "hears about it", () => {
      if (isLost) throw new PlannedFault("no answer");
      return found;
    });
  }

  #usageOf(served: Served, source: Usage["source"]): Usage {
    const quantities = quantitiesOf(served, served.generated ?? 0);
    return { quantities, source, raw: { output: served.generated } };
  }
}

/** A third of the output is reasoning; an attempt that was begun is one request. */
function quantitiesOf(served: Served, generated: number): Quantities {
  const { order, cachedTokens, writtenTokens } = served;
  const reasoning = Math.floor(generated / 3);
  return {
    uncached_input: order.inputTokens - cachedTokens - writtenTokens,
    cache_read: cachedTokens,
    cache_write_1h: writtenTokens,
    output_text: generated - reasoning,
    reasoning,
    images: order.images,
  };
}
