/**
 * Continuous batching over the sequences of one context. The engine runs in steps: every stream that generates
 * gets its next token, and prompts are read in slices, all in one batch of llama.cpp. Streams come and go
 * between steps, so a cancellation takes effect within one step.
 *
 * Invariants: a sequence belongs to one stream at a time. The counts of a stream are right after each step.
 * A sequence never holds more than its context, so nothing is shifted out of it.
 */
import type { LlamaContext, LlamaContextSequence, LlamaModel } from "node-llama-cpp";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import type { Log } from "../../platform/log.ts";
import { chooseSequence } from "./choose-sequence.ts";
import { FairQueue } from "./fair-queue.ts";
import { type Generator, generate } from "./generate.ts";
import { toTokens } from "./load-model.ts";
import { planSlices } from "./plan-slices.ts";
import { Speed } from "./speed.ts";
import type { Outcome, StreamRequest } from "./stream.ts";

export type EngineOptions = {
  model: LlamaModel;
  context: LlamaContext;
  queueMax: number;
  clock: Clock;
  log: Log;
  /** The engine cannot go on; its process should end and be started again. */
  onFatal: (cause: unknown) => void;
};

export type EngineFacts = {
  sequences: number;
  active: number;
  waiting: number;
  /** Share of the reserved attention cache that holds tokens, 0 to 1. */
  cacheUse: number;
  promptTokensTotal: number;
  cachedTokensTotal: number;
  completionTokensTotal: number;
  promptTokensPerSecond: number;
  completionTokensPerSecond: number;
  /** Time since the last step, while there is something to do; a step takes far less than a second. */
  stalledMs: number;
};

type Slot = {
  sequence: LlamaContextSequence;
  tenant: string;
  lastUsed: number;
  busy: boolean;
};

type Stream = StreamRequest & {
  slot: Slot | undefined;
  /** Tokens of the prompt that the sequence holds. */
  at: number;
  /** The step that last read of its prompt; the lowest comes first. */
  readInStep: number;
  generator: Generator | undefined;
  settle: (outcome: Outcome) => void;
  fail: (cause: unknown) => void;
  onAbort: () => void;
};

/** A tenant alone may fill half of the queue; the other half is for everybody else. */
const TENANT_SHARE = 2;
const RETRY_SECONDS_MAX = 60;
/** Assumed duration of an answer, until one has been seen. */
const FIRST_ANSWER_MS = 5_000;

export class Engine {
  readonly #options: EngineOptions;
  readonly #slots: Slot[];
  readonly #queue: FairQueue<Stream>;
  readonly #active = new Set<Stream>();
  readonly #speed: Speed;
  #step = 0;
  #lastStepMs: number;
  #answerMs = FIRST_ANSWER_MS;
  #running = false;
  #draining = false;
  #broken: Failure | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.context.totalSequences }, (_, index) => ({
      sequence: newSequence(options.context),
      tenant: "",
      lastUsed: index,
      busy: false,
    }));
    this.#step = this.#slots.length;
    this.#queue = new FairQueue({
      itemsMax: options.queueMax,
      itemsMaxPerTenant: Math.max(1, Math.ceil(options.queueMax / TENANT_SHARE)),
    });
    this.#speed = new Speed(options.clock);
    this.#lastStepMs = options.clock.monotonicMs();
  }

  /** Resolves when the answer is complete or cancelled. Refuses at once when the queue is full. */
  submit(request: StreamRequest): Promise<Outcome> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#draining) throw shuttingDown();
    if (request.signal.aborted) return Promise.resolve("cancelled");
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const stream = this.#newStream(request, resolve, reject);
    if (!this.#queue.add(stream)) throw this.#full();
    request.signal.addEventListener("abort", stream.onAbort, { once: true });
    this.#wake();
    return promise;
  }

  #newStream(
    request: StreamRequest,
    resolve: (outcome: Outcome) => void,
    reject: (cause: unknown) => void,
  ): Stream {
    const startedMs = this.#options.clock.monotonicMs();
    const stream: Stream = {
      ...request,
      slot: undefined,
      at: 0,
      readInStep: 0,
      generator: undefined,
      settle: (outcome) => {
        request.signal.removeEventListener("abort", stream.onAbort);
        this.#learnDuration(outcome, startedMs);
        resolve(outcome);
      },
      fail: (cause) => {
        request.signal.removeEventListener("abort", stream.onAbort);
        reject(cause);
      },
      // One that waits is gone at once; one that runs is seen between two steps.
      onAbort: () => {
        if (this.#queue.remove(stream)) stream.settle("cancelled");
      },
    };
    return stream;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  get facts(): EngineFacts {
    const { clock, context } = this.#options;
    const held = this.#slots.reduce((sum, slot) => sum + slot.sequence.nextTokenIndex, 0);
    return {
      sequences: this.#slots.length,
      active: this.#active.size,
      waiting: this.#queue.length,
      cacheUse: held / (this.#slots.length * context.contextSize),
      ...this.#speed.facts,
      stalledMs: this.#running ? clock.monotonicMs() - this.#lastStepMs : 0,
    };
  }

  /** Takes nothing new; resolves when everything that was accepted has ended. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#running) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #full(): Failure {
    const ahead = (this.#queue.length + this.#active.size) / this.#slots.length;
    const seconds = Math.ceil((ahead * this.#answerMs) / 1_000);
    return new Failure(
      "rate_limited",
      `${this.#queue.length} requests are waiting for this model, which is as many as it accepts. Try again later.`,
      {
        code: "queue_full",
        retryAfterSeconds: Math.min(RETRY_SECONDS_MAX, Math.max(1, seconds)),
      },
    );
  }

  #learnDuration(outcome: Outcome, startedMs: number): void {
    if (outcome === "cancelled") return;
    const tookMs = this.#options.clock.monotonicMs() - startedMs;
    this.#answerMs += (tookMs - this.#answerMs) / 8;
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    this.#lastStepMs = this.#options.clock.monotonicMs();
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#active.size > 0 || this.#queue.length > 0) {
        await this.#admit();
        await this.#dropCancelled();
        await this.#takeStep();
        this.#lastStepMs = this.#options.clock.monotonicMs();
      }
    } catch (cause) {
      this.#break(cause);
    }
    this.#running = false;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Gives idle sequences to those who wait. */
  async #admit(): Promise<void> {
    for (;;) {
      const idle = this.#slots.filter((slot) => !slot.busy);
      if (idle.length === 0) return;
      const stream = this.#queue.take();
      if (stream === undefined) return;
      this.#active.add(stream);
      try {
        await this.#assign(stream, idle);
      } catch (cause) {
        await this.#end(stream, () => stream.fail(cause));
      }
    }
  }

  async #assign(stream: Stream, idle: readonly Slot[]): Promise<void> {
    const facts = idle.map((slot) => ({
      tokens: slot.sequence.contextTokens,
      lastUsed: slot.lastUsed,
      tenant: slot.tenant,
    }));
    const choice = chooseSequence(facts, stream.prompt, stream.tenant);
    const slot = choice === undefined ? undefined : idle[choice.index];
    if (choice === undefined || slot === undefined) throw new Error("no sequence is idle");
    stream.slot = slot;
    slot.busy = true;
    slot.tenant = stream.tenant;
    slot.lastUsed = this.#step;
    // Without shifting: positions of the kept tokens must be the ones they were evaluated at.
    await slot.sequence.adaptStateToTokens(toTokens(stream.prompt.slice(0, choice.keep)), false);
    // A model with a sliding window may have had to forget more than it was asked to.
    stream.at = slot.sequence.nextTokenIndex;
    stream.count.cached = stream.at;
    stream.count.prompt = stream.at;
    this.#speed.addCached(stream.at);
  }

  async #dropCancelled(): Promise<void> {
    for (const stream of [...this.#active]) {
      if (stream.signal.aborted) await this.#end(stream, () => stream.settle("cancelled"));
    }
  }

  /** All work of a step is queued before any of it is awaited: llama.cpp evaluates it as one batch. */
  async #takeStep(): Promise<void> {
    this.#step++;
    const streams = [...this.#active];
    const reading = streams
      .filter((stream) => stream.generator === undefined)
      .sort((a, b) => a.readInStep - b.readInStep);
    const slices = planSlices(
      reading.map((stream) => stream.prompt.length - stream.at),
      streams.length - reading.length,
    );
    const work = streams
      .filter((stream) => stream.generator !== undefined)
      .map((s) => this.#next(s));
    for (const [index, stream] of reading.entries()) {
      const tokens = slices[index] ?? 0;
      if (tokens > 0) work.push(this.#read(stream, tokens));
    }
    await Promise.all(work);
  }

  async #read(stream: Stream, tokens: number): Promise<void> {
    stream.readInStep = this.#step;
    const { slot, prompt, at } = stream;
    if (slot === undefined) return;
    if (at + tokens === prompt.length) {
      const rest = prompt.slice(at);
      stream.at = prompt.length;
      stream.generator = generate(slot.sequence, rest, stream);
      await this.#next(stream, rest.length);
      return;
    }
    try {
      const slice = toTokens(prompt.slice(at, at + tokens));
      await slot.sequence.evaluateWithoutGeneratingNewTokens(slice);
      this.#countPrompt(stream, tokens);
      stream.at += tokens;
    } catch (cause) {
      await this.#endBroken(stream, cause);
    }
  }

  #countPrompt(stream: Stream, tokens: number): void {
    stream.count.prompt += tokens;
    this.#speed.addPrompt(tokens);
  }

  /** The next token of one stream; `promptTokens` of its prompt are evaluated with it. */
  async #next(stream: Stream, promptTokens = 0): Promise<void> {
    try {
      const sampled = await stream.generator?.next();
      this.#countPrompt(stream, promptTokens);
      if (sampled === undefined) throw new Error("no token could be sampled");
      stream.count.completion++;
      this.#speed.addCompletion(1);
      const finish = this.#finishOf(stream, sampled);
      if (finish !== undefined) await this.#end(stream, () => stream.settle(finish));
    } catch (cause) {
      await this.#endBroken(stream, cause);
    }
  }

  #finishOf(
    stream: Stream,
    sampled: { token: number; probabilities: ReadonlyMap<number, number> | undefined },
  ): Outcome | undefined {
    const ends = this.#options.model.isEogToken(toTokens([sampled.token])[0]);
    if (ends && !stream.endless) return "stop";
    const finish = stream.reader.take(sampled.token, sampled.probabilities);
    if (finish !== undefined) return finish;
    return stream.count.completion >= stream.maxTokens ? "length" : undefined;
  }

  async #end(stream: Stream, settle: () => void): Promise<void> {
    this.#active.delete(stream);
    await stream.generator?.end();
    if (stream.slot !== undefined) {
      stream.slot.busy = false;
      stream.slot.lastUsed = this.#step;
    }
    settle();
  }

  /** What a failed sequence holds is not known: it starts over empty. */
  async #endBroken(stream: Stream, cause: unknown): Promise<void> {
    this.#options.log.error("a stream failed", { cause });
    const { slot } = stream;
    try {
      await slot?.sequence.clearHistory();
    } catch (second) {
      this.#break(second);
    }
    const failure =
      cause instanceof Failure
        ? cause
        : new Failure("upstream", "The model failed while it answered. Try again.", {
            code: "model_failed",
            cause,
          });
    await this.#end(stream, () => stream.fail(failure));
  }

  #break(cause: unknown): void {
    if (this.#broken !== undefined) return;
    this.#broken = new Failure("overloaded", "The model has failed and is being restarted.", {
      retryAfterSeconds: 2,
      cause,
    });
    for (let waiting = this.#queue.take(); waiting; waiting = this.#queue.take()) {
      waiting.fail(this.#broken);
    }
    for (const stream of this.#active) stream.fail(this.#broken);
    this.#active.clear();
    this.#options.onFatal(cause);
  }
}

const shuttingDown = (): Failure =>
  new Failure("overloaded", "This model is shutting down. Try again shortly.", {
    retryAfterSeconds: 2,
  });

/** Answers end at the context's end; a shift would silently forget the beginning of a prompt. */
const newSequence = (context: LlamaContext): LlamaContextSequence =>
  context.getSequence({
    contextShift: {
      strategy: () => {
        throw new Error("a sequence was filled beyond its context");
      },
    },
  });
