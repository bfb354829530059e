/**
 * One line of JSON for each call, without prompts: who called what, who answered, what it cost, how long it took.
 * Lines are gathered in memory and written a few times a second; calls never wait for it, and when the disk cannot
 * keep up, lines are dropped and counted.
 */
import { appendFile } from "node:fs/promises";
import { usdFromPicos, ZERO_PICOS } from "../../lib/money.ts";
import { inputTokensOf, outputTokensOf } from "../../lib/quantities.ts";
import type { Log } from "../../platform/log.ts";
import type { Counter } from "../../platform/metrics.ts";
import { type CallObservation, decisiveAttempt, type Observer } from "./observation.ts";

export type AccessLogOptions = {
  /** Opened anew for each write, so that it can be rotated at any time; `stdout` writes there. */
  path: string;
  /** Of calls that went well; those that failed are always written. From 0 to 1. */
  sample: number;
  dropped: Counter;
  log: Log;
  chance(): number;
};

const FLUSH_MS = 250;
/** A second of a very busy gateway. */
const BUFFER_BYTES_MAX = 8 * 1024 * 1024;
export const STDOUT = "stdout";

export class AccessLog implements Observer {
  readonly #options: AccessLogOptions;
  #lines: string[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined;
  readonly #timer: Timer;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#flush(), FLUSH_MS);
  }

  ended(call: CallObservation): void {
    const { sample, chance, dropped } = this.#options;
    if (call.failure === undefined && sample < 1 && chance() >= sample) return;
    const line = `${JSON.stringify(toLine(call))}\n`;
    if (this.#bytes + line.length > BUFFER_BYTES_MAX) {
      dropped.add(1);
      return;
    }
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#lines.length === 0 || this.#writing !== undefined) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    this.#writing = this.#write(lines).finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #write(lines: readonly string[]): Promise<void> {
    const { path, dropped, log } = this.#options;
    try {
      if (path === STDOUT) await Bun.write(Bun.stdout, lines.join(""));
      else await appendFile(path, lines.join(""), { mode: 0o600 });
    } catch (error) {
      dropped.add(lines.length);
      log.warn("the access log could not be written", { error });
    }
  }
}

function toLine(call: CallObservation): Record<string, unknown> {
  const { principal, attempts, failure } = call;
  const attempt = decisiveAttempt(call);
  const quantities = attempt?.usage?.quantities ?? {};
  const cost = attempts.reduce((sum, one) => sum + (one.cost ?? ZERO_PICOS), 0n);
  return {
    time: new Date(call.startedAtMs).toISOString(),
    request_id: call.requestId,
    method: call.method,
    path: call.path,
    status: call.status,
    ...(failure === undefined ? {} : { error: failure.code ?? failure.kind }),
    organization: principal?.organization,
    project: principal?.project,
    key: principal?.keyId,
    operation: call.operation,
    called: call.called,
    stream: call.operation === undefined ? undefined : call.isStream,
    model: attempt?.model,
    provider: attempt?.provider,
    region: attempt?.region ?? undefined,
    attempts: call.operation === undefined ? undefined : attempts.length,
    input_tokens: attempt && inputTokensOf(quantities),
    cached_input_tokens: attempt && (quantities.cache_read ?? 0),
    output_tokens: attempt && outputTokensOf(quantities),
    cost_usd: attempt && usdFromPicos(cost as typeof ZERO_PICOS),
    cache: call.isCacheHit ? "hit" : undefined,
    first_piece_ms: attempt?.firstPieceMs && Math.round(attempt.firstPieceMs),
    duration_ms: Math.round(call.endedAtMs - call.startedAtMs),
  };
}
