/** Where a command writes and what it reads from: the process's own streams, or a test's. */
import { createInterface } from "node:readline/promises";

export type Terminal = {
  /** Answers: what a script reads. */
  out(text: string): void;
  /** Notes, progress and errors: what a person reads. */
  note(text: string): void;
  /** Whether a person sees the notes: progress is drawn only then. */
  readonly showsProgress: boolean;
  /** Whether a person types the input; otherwise it comes from a file or another program. */
  readonly asksPerson: boolean;
  /** One line from the person; undefined at the end of the input. */
  ask(prompt: string): Promise<string | undefined>;
  /** The whole input, where it comes from a file or another program. */
  readInput(): Promise<string>;
};

export function processTerminal(): Terminal {
  // `baseload usage | head` closes the pipe early: that is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    showsProgress: process.stderr.isTTY === true,
    asksPerson: process.stdin.isTTY === true,
    ask: askPerson,
    readInput: () => Bun.stdin.text(),
  };
}

async function askPerson(prompt: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
  try {
    return await Promise.race([lines.question(prompt), ended]);
  } finally {
    lines.close();
  }
}
