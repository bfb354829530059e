/** A terminal that keeps what was written, and types what it was given. */
import { runCli } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/output/terminal.ts";

export type CommandRun = {
  readonly code: number;
  readonly out: string;
  readonly notes: string;
  /** The standard output as JSON. */
  json<T = Record<string, unknown>>(): T;
};

export type CommandRunOptions = {
  readonly variables?: Readonly<Record<string, string>>;
  /** Lines that a person types, one for each question. */
  readonly typed?: readonly string[];
  /** The standard input, where it is no person. */
  readonly input?: string;
};

export async function runCommandLine(
  argv: readonly string[],
  options: CommandRunOptions = {},
): Promise<CommandRun> {
  let out = "";
  let notes = "";
  const typed = [...(options.typed ?? [])];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    showsProgress: false,
    asksPerson: options.typed !== undefined,
    ask: () => Promise.resolve(typed.shift()),
    readInput: () => Promise.resolve(options.input ?? ""),
    flush: () => Promise.resolve(),
  };
  const code = await runCli(argv, { terminal, variables: options.variables ?? {} });
  return { code, out, notes, json: () => JSON.parse(out) };
}

/** Words as a shell would split them: spaces, and single quotes that keep them. */
export const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
