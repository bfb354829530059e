/**
 * One line of JSON for each call, without prompts: who called what, who answered, what it cost, how long it took.
 * Lines are gathered in memory and written a few times a second; calls never wait for it, and when the disk cannot
 * keep up, lines are dropped and counted.
 */
import { appendFile } from "node:fs/promises";
import type { Log } from "../../platform/log.ts";
import type { Counter } from "../../platform/metrics.ts";
import { toCallLine } from "./call-line.ts";
import type { CallObservation, Observer } from "./observation.ts";

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
    const line = `${JSON.stringify(toCallLine(call))}\n`;
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
