import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";

/** How an attempt ended: `answered` in full, or the other ways. */
export type Outcome =
  | "answered"
  | "client_left"
  | "refused"
  | "failed"
  | "cut"
  /** Was running when the sandbox died; known from the log. */
  | "sandbox_died";

/** What was served under one attempt id. A second call with the same id adds to it: it was served twice. */
export type Attempt = {
  id: string;
  state: "running" | "finished";
  calls: number;
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  /** Of operations beside chat: what was used by kind, such as `images`, of which tokens are parts. */
  quantities: Counts;
  outcome: Outcome | undefined;
};

export type Counts = Readonly<Record<string, number>>;

export type Totals = Pick<
  Attempt,
  | "calls"
  | "prompt_tokens"
  | "cached_tokens"
  | "completion_tokens"
  | "reasoning_tokens"
  | "quantities"
>;

/** Used in one step, before it is sent. */
export type Used = { input?: number; output?: number; quantities: Counts };

const LOG_MODE = 0o600;

/**
 * The sandbox's own count of what it served, so that a ledger can be compared with it. With a log file the
 * count survives the sandbox: each line holds an attempt's whole state, is written before the bytes are sent,
 * and the last line of an id counts.
 */
export class Served {
  readonly totals: Totals = {
    calls: 0,
    prompt_tokens: 0,
    cached_tokens: 0,
    completion_tokens: 0,
    reasoning_tokens: 0,
    quantities: {},
  };
  readonly #attempts = new Map<string, Attempt>();
  /** Ids in order of arrival, as a ring: finding a map's oldest key takes longer the more were deleted. */
  readonly #ids: string[] = [];
  #oldest = 0;
  readonly #attemptsMax: number;
  readonly #log: number | undefined;

  constructor(options: { attemptsMax: number; log: string | undefined }) {
    this.#attemptsMax = options.attemptsMax;
    if (options.log === undefined) return;
    const log = existsSync(options.log) ? readFileSync(options.log, "utf8") : "";
    this.#replay(log);
    this.#log = openSync(options.log, "a", LOG_MODE);
    // The last line may have been torn by the death that ended the log.
    if (log !== "" && !log.endsWith("\n")) writeSync(this.#log, "\n");
  }

  get attempts(): IterableIterator<Attempt> {
    return this.#attempts.values();
  }

  find(id: string): Attempt | undefined {
    return this.#attempts.get(id);
  }

  /** The prompt counts from the beginning: it has been read. */
  begin(id: string, prompt: { promptTokens: number; cachedTokens: number }): Attempt {
    const attempt = this.#attempts.get(id) ?? emptyAttempt(id);
    attempt.state = "running";
    attempt.outcome = undefined;
    attempt.calls += 1;
    this.totals.calls += 1;
    add(attempt, this.totals, {
      prompt_tokens: prompt.promptTokens,
      cached_tokens: prompt.cachedTokens,
    });
    this.#remember(attempt);
    this.#write(attempt);
    return attempt;
  }

  /** Tokens that were generated, before they are sent. */
  generate(attempt: Attempt, tokens: { completion: number; reasoning: number }): void {
    if (tokens.completion === 0) return;
    add(attempt, this.totals, {
      completion_tokens: tokens.completion,
      reasoning_tokens: tokens.reasoning,
    });
    this.#write(attempt);
  }

  /** Of an operation beside chat. */
  use(attempt: Attempt, { input = 0, output = 0, quantities }: Used): void {
    add(attempt, this.totals, { prompt_tokens: input, completion_tokens: output, quantities });
    this.#write(attempt);
  }

  end(attempt: Attempt, outcome: Outcome): void {
    attempt.state = "finished";
    attempt.outcome = outcome;
    this.#write(attempt);
  }

  close(): void {
    if (this.#log !== undefined) closeSync(this.#log);
  }

  #remember(attempt: Attempt): void {
    const isKnown = this.#attempts.has(attempt.id);
    this.#attempts.set(attempt.id, attempt);
    if (isKnown) return;
    if (this.#ids.length < this.#attemptsMax) {
      this.#ids.push(attempt.id);
      return;
    }
    this.#attempts.delete(this.#ids[this.#oldest] ?? "");
    this.#ids[this.#oldest] = attempt.id;
    this.#oldest = (this.#oldest + 1) % this.#attemptsMax;
  }

  /** In the kernel when this returns: it outlives the process, though not the machine. */
  #write(attempt: Attempt): void {
    if (this.#log !== undefined) writeSync(this.#log, `${JSON.stringify(attempt)}\n`);
  }

  #replay(log: string): void {
    for (const line of log.split("\n")) {
      const attempt = parseLine(line);
      if (attempt !== undefined) this.#remember(attempt);
    }
    for (const attempt of this.#attempts.values()) {
      if (attempt.state === "running") {
        attempt.state = "finished";
        attempt.outcome = "sandbox_died";
      }
      for (const field of totalFields) this.totals[field] += attempt[field];
      this.totals.quantities = sumOf(this.totals.quantities, attempt.quantities);
    }
  }
}

const totalFields = [
  "calls",
  "prompt_tokens",
  "cached_tokens",
  "completion_tokens",
  "reasoning_tokens",
] as const;

function emptyAttempt(id: string): Attempt {
  return {
    id,
    state: "running",
    calls: 0,
    prompt_tokens: 0,
    cached_tokens: 0,
    completion_tokens: 0,
    reasoning_tokens: 0,
    quantities: {},
    outcome: undefined,
  };
}

function add(attempt: Attempt, totals: Totals, more: Partial<Totals>): void {
  for (const field of totalFields) {
    const count = more[field] ?? 0;
    attempt[field] += count;
    totals[field] += count;
  }
  if (more.quantities === undefined) return;
  attempt.quantities = sumOf(attempt.quantities, more.quantities);
  totals.quantities = sumOf(totals.quantities, more.quantities);
}

function sumOf(before: Counts, more: Counts): Counts {
  const sum: Record<string, number> = { ...before };
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** Lines are ours; one that does not parse is the torn one. */
function parseLine(line: string): Attempt | undefined {
  try {
    return { ...emptyAttempt(""), ...JSON.parse(line) };
  } catch {
    return undefined;
  }
}

/** The attempt's usage in OpenAI's shape; of operations beside chat also by kind. */
export function toLookedUp(attempt: Attempt): Record<string, unknown> {
  const isChat = Object.keys(attempt.quantities).length === 0;
  return isChat ? toUsage(attempt) : { ...toUsage(attempt), quantities: attempt.quantities };
}

/** Tokens in OpenAI's shape. */
export function toUsage(count: Omit<Totals, "calls" | "quantities">): Record<string, unknown> {
  return {
    prompt_tokens: count.prompt_tokens,
    completion_tokens: count.completion_tokens,
    total_tokens: count.prompt_tokens + count.completion_tokens,
    prompt_tokens_details: { cached_tokens: count.cached_tokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: count.reasoning_tokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
