/** One command as data, and what running it gives. */
import type { ControlClient } from "../control-client.ts";
import type { Environment } from "../environment.ts";
import type { Terminal } from "../output/terminal.ts";
import type {
  Flags,
  FlagValues,
  FurtherFlags,
  GlobalValues,
  Positionals,
  PositionalValues,
} from "./flags.ts";

export type CommandContext = {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly global: GlobalValues;
  /** Opens on first use: `chat` and `config check` need no control plane. */
  control(): ControlClient;
};

/** The same answer twice: for scripts and for people. */
export type Report = {
  readonly json: unknown;
  readonly text: string;
  /** True when the answer itself is "no", such as a ledger that does not add up: exit code 1. */
  readonly refused?: boolean;
};

export type Input<F extends Flags, P extends Positionals> = {
  readonly flags: FlagValues<F>;
  readonly words: PositionalValues<P>;
  /** Empty, unless the command takes further flags. */
  readonly further: FurtherFlags;
};

export type Definition<F extends Flags, P extends Positionals> = {
  /** One word to three, such as `key create`. */
  readonly name: string;
  readonly summary: string;
  /** Sentences below the summary in `--help`, where the summary leaves a question open. */
  readonly detail?: string;
  readonly flags: F;
  readonly positionals: P;
  /** Set where flags are taken that are not in this table: what they are, for help. */
  readonly furtherFlags?: string;
  readonly examples: readonly string[];
  /** The work is imported when it is asked for, so that `--help` loads nothing. */
  run(input: Input<F, P>, context: CommandContext): Promise<Report>;
};

export type Command = Definition<Flags, Positionals>;

/** Checks a definition against the types of its own flags, then forgets them: the parser has proven them. */
export const defineCommand = <const F extends Flags, const P extends Positionals>(
  definition: Definition<F, P>,
): Command => definition as unknown as Command;
