/**
 * One supervised process: started, started again when it ends by itself, stopped.
 *
 * The child holds the other end of a pipe from us as its standard input. When we end, even by `kill -9`, the
 * pipe closes, and the child stops by itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { type Backoff, backoffMs, sleep } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import type { Log } from "../platform/log.ts";
import { ReadyLine, type Role } from "../platform/roles.ts";

export type ChildOptions = {
  /** For people: `gateway 2`, `runner smollm2-135m-instruct`. */
  name: string;
  role: Role;
  command: readonly string[];
  variables: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  log: Log;
  /** It ended by itself and is started again after `waitMs`. */
  onEnd(reason: string, waitMs: number): void;
  /** It is ready, for the first time or again. */
  onReady(): void;
};

const RESTART: Backoff = { firstMs: 200, maxMs: 10_000 };
/** A process that ran this long was sound: its next failure counts as a first one. */
const SOUND_MS = 30_000;
/** A process that ends this often before it was ever ready will not get ready. */
const FIRST_TRIES_MAX = 3;
const OUTPUT_LINES_KEPT = 12;

export class Child {
  readonly name: string;
  readonly role: Role;
  /** Resolves when the process is ready for the first time; rejects when it will not be. */
  readonly ready: Promise<void>;
  readonly #options: ChildOptions;
  readonly #stopping = new AbortController();
  readonly #lastOutput: string[] = [];
  #process: ChildProcess | undefined;
  #wasReady = false;
  #failures = 0;
  #running: Promise<void>;
  #settleReady: { resolve(): void; reject(error: unknown): void };

  constructor(options: ChildOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    // Whoever waits hears of it; a stop while nobody waits is no error.
    promise.catch(() => undefined);
    this.#settleReady = { resolve, reject };
    this.#running = this.#keepRunning();
  }

  get pid(): number | undefined {
    return this.#process?.exitCode === null && this.#process.signalCode === null
      ? this.#process.pid
      : undefined;
  }

  /** Asks the process to stop, waits, and ends it by force when it takes too long. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    this.#signal("SIGTERM");
    const timer = setTimeout(() => {
      this.#options.log.warn("a process did not stop in time", { name: this.name, timeoutMs });
      this.#signal("SIGKILL");
    }, timeoutMs);
    await this.#running;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#stopping.abort();
    this.#signal("SIGKILL");
    await this.#running;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) this.#process?.kill(signal);
  }

  async #keepRunning(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const reason = await this.#runOnce();
      if (this.#stopping.signal.aborted) break;
      this.#failures = clock.monotonicMs() - startedMs > SOUND_MS ? 1 : this.#failures + 1;
      if (!this.#wasReady && this.#failures >= FIRST_TRIES_MAX) {
        this.#settleReady.reject(this.#neverReady(reason));
        return;
      }
      const waitMs = backoffMs(RESTART, this.#failures, 1);
      this.#options.onEnd(reason, waitMs);
      await sleep(waitMs, this.#stopping.signal);
    }
    this.#settleReady.reject(new Failure("overloaded", `${this.name} was stopped.`));
  }

  #neverReady(reason: string): Failure {
    const output = this.#lastOutput.map((line) => `\n    ${line}`).join("");
    return new Failure("overloaded", `${this.name} does not start: ${reason}.${output}`);
  }

  /** @returns why it ended. */
  async #runOnce(): Promise<string> {
    const { command, variables } = this.#options;
    const [program = "", ...words] = command;
    const child = spawn(program, words, {
      env: { ...variables },
      stdio: ["pipe", "pipe", "pipe"],
      // Its own process group: Ctrl-C in the terminal reaches only us, and we stop things in order.
      detached: true,
    });
    this.#process = child;
    // Writing to a process that has just ended must not end us.
    child.stdin?.on("error", () => undefined);
    this.#readOutput(child.stdout, (line) => this.#takeLine(line));
    this.#readOutput(child.stderr, (line) => this.#keepLine(line));
    return await new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) =>
        resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`),
      );
    });
  }

  #takeLine(line: string): void {
    if (!isReadyLine(line)) {
      this.#keepLine(line);
      return;
    }
    this.#wasReady = true;
    this.#settleReady.resolve();
    this.#options.onReady();
  }

  #keepLine(line: string): void {
    this.#lastOutput.push(line);
    if (this.#lastOutput.length > OUTPUT_LINES_KEPT) this.#lastOutput.shift();
    this.#options.log.warn("a process wrote to its output", { name: this.name, line });
  }

  #readOutput(stream: Readable | null, take: (line: string) => void): void {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") take(line);
    });
  }
}

function isReadyLine(line: string): boolean {
  try {
    return ReadyLine.safeParse(JSON.parse(line)).success;
  } catch {
    return false;
  }
}
