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
  /** Resolves when everything written so far has left this process, which may then end. */
  flush(): Promise<void>;
};

export function processTerminal(): Terminal {
  // `baseload usage | head` closes the pipe early: that is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  // A pipe takes 64 kB at once; what is longer leaves while its reader reads.
  let written: Promise<unknown> = Promise.resolve();
  const write = (text: string): void => {
    const leaves = new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
    written = Promise.all([written, leaves]);
  };
  return {
    out: write,
    note: (text) => void process.stderr.write(text),
    showsProgress: process.stderr.isTTY === true,
    asksPerson: process.stdin.isTTY === true,
    ask: askPerson,
    readInput: () => Bun.stdin.text(),
    flush: async () => void (await written),
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
