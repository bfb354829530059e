/**
 * What `baseload up` shows: finished steps as aligned lines, and, where a person watches, one moving line
 * below them for what takes long. In a log there is no moving line, only a line now and then.
 */
import type { Clock } from "../lib/clock.ts";

export type Step = {
  /** What the step does at this moment, such as `49.2 MB of 98.4 MB`. */
  progress(text: string): void;
  done(text: string): void;
  failed(text: string): void;
};

export type Screen = {
  step(name: string): Step;
  /** Whole lines; the moving line is kept below them. */
  print(text: string): void;
  heading(text: string): void;
  /** Part of a line, as it streams in. No step may run meanwhile. */
  write(text: string): void;
  columns: number;
};

export type ScreenOptions = {
  out: (text: string) => void;
  /** A person watches: lines may move and be bold. */
  isTerminal: boolean;
  columns: number;
  clock: Clock;
};

const NAME_COLUMNS = 11;
const REDRAW_MS = 100;
/** A step that is done sooner needs no moving line. */
const QUIET_MS = 300;
/** Between two lines about the same step in a log. */
const LOG_INTERVAL_MS = 5_000;
const CLEAR_LINE = "\r\u001b[K";
const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

type Running = { name: string; text: string; startedMs: number; loggedMs: number };

export function createScreen(options: ScreenOptions): Screen {
  const { out, isTerminal, clock } = options;
  const running = new Set<Running>();
  let timer: Timer | undefined;
  let isLineDrawn = false;

  const clear = (): void => {
    if (isLineDrawn) out(CLEAR_LINE);
    isLineDrawn = false;
  };
  const draw = (): void => {
    const nowMs = clock.monotonicMs();
    const slow = [...running].filter((step) => nowMs - step.startedMs > QUIET_MS);
    if (slow.length === 0) return;
    const line = slow.map((step) =>
      `${step.name} ${seconds(nowMs - step.startedMs)} ${step.text}`.trimEnd(),
    );
    clear();
    out(`  … ${line.join(" · ")}`.trimEnd().slice(0, options.columns - 1));
    isLineDrawn = true;
  };
  const print = (text: string): void => {
    clear();
    out(`${text}\n`);
    if (isTerminal) draw();
  };
  const end = (step: Running, text: string): void => {
    running.delete(step);
    if (running.size === 0) clearInterval(timer);
    const took = seconds(clock.monotonicMs() - step.startedMs);
    print(`  ${step.name.padEnd(NAME_COLUMNS)}${took.padStart(7)}  ${text}`.trimEnd());
  };

  return {
    columns: options.columns,
    print,
    heading: (text) => print(isTerminal ? `${BOLD}${text}${PLAIN}` : text),
    write: (text) => {
      clear();
      out(text);
    },
    step(name) {
      const startedMs = clock.monotonicMs();
      const step: Running = { name, text: "", startedMs, loggedMs: startedMs };
      if (isTerminal && running.size === 0) timer = setInterval(draw, REDRAW_MS);
      running.add(step);
      return {
        progress(text) {
          step.text = text;
          const nowMs = clock.monotonicMs();
          if (isTerminal || nowMs - step.loggedMs < LOG_INTERVAL_MS) return;
          step.loggedMs = nowMs;
          print(
            `  ${name.padEnd(NAME_COLUMNS)}${seconds(nowMs - startedMs).padStart(7)}  … ${text}`,
          );
        },
        done: (text) => end(step, text),
        failed: (text) => end(step, text),
      };
    },
  };
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** 98362432 → `98.4 MB`, in decimal units, as download sites show them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Breaks a stream of text between words, so that it fits the window; lines begin with `indent`. */
export function createWrapper(options: {
  columns: number;
  indent: string;
  write: (text: string) => void;
}): { take(text: string): void; end(): void } {
  const widest = Math.max(20, options.columns - options.indent.length - 1);
  let column = 0;
  let word = "";
  let isLineStarted = false;

  const flush = (): void => {
    if (word === "") return;
    const needed = word.length + (column === 0 ? 0 : 1);
    if (column + needed > widest && column > 0) {
      options.write("\n");
      column = 0;
      isLineStarted = false;
    }
    options.write(isLineStarted ? ` ${word}` : options.indent + word);
    column += word.length + (isLineStarted ? 1 : 0);
    isLineStarted = true;
    word = "";
  };
  return {
    take(text) {
      for (const character of text) {
        if (character !== " " && character !== "\n") {
          word += character;
          continue;
        }
        flush();
        if (character === "\n" && isLineStarted) {
          options.write("\n");
          column = 0;
          isLineStarted = false;
        }
      }
    },
    end() {
      flush();
      if (isLineStarted) options.write("\n");
    },
  };
}
