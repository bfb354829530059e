/**
 * The command line: words → one command → one answer, for a person or, with `--json`, for a script.
 *
 * Exit codes are promised: 0 done, 1 refused, 2 the command line is wrong. Answers go to the standard
 * output, everything else to the standard error.
 */
import { Failure } from "../lib/errors.ts";
import { allCommands, commandGroups } from "./definitions/groups.ts";
import { processVariables, readEnvironment, type Variables } from "./environment.ts";
import type { Command, CommandContext } from "./grammar/command.ts";
import { findCommand } from "./grammar/find-command.ts";
import type { GlobalValues } from "./grammar/flags.ts";
import { type ParsedArguments, parseArguments } from "./grammar/parse-arguments.ts";
import { UsageError } from "./grammar/usage-error.ts";
import { commandHelp, groupHelp, overviewHelp, usageLine } from "./help.ts";
import { withoutControls } from "./output/format.ts";
import { processTerminal, type Terminal } from "./output/terminal.ts";

/** What surrounds the command line, so that tests can hold it. */
export type Surroundings = { readonly terminal: Terminal; readonly variables: Variables };

const DONE = 0;
const REFUSED = 1;
const WRONG_USAGE = 2;

/** @returns the exit code of the process, which may then end: everything is written. */
export async function runCli(
  argv: readonly string[],
  surroundings: Surroundings = { terminal: processTerminal(), variables: processVariables() },
): Promise<number> {
  const code = await runWords(argv, surroundings).catch((error: unknown) =>
    explain(error, surroundings.terminal),
  );
  await surroundings.terminal.flush();
  return code;
}

async function runWords(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const words = argv[0] === "--version" ? ["version", ...argv.slice(1)] : argv;
  const found = findCommand(words, allCommands);
  if (found.kind === "group") return showGroup(found, surroundings.terminal);
  return await runCommand(found.command, found.rest, surroundings);
}

function showGroup(group: { prefix: string; wantsHelp: boolean }, terminal: Terminal): number {
  const text =
    group.prefix === "" ? overviewHelp(commandGroups) : groupHelp(group.prefix, allCommands);
  if (group.wantsHelp) terminal.out(text);
  else terminal.note(text);
  return group.wantsHelp ? DONE : WRONG_USAGE;
}

async function runCommand(
  command: Command,
  words: readonly string[],
  { terminal, variables }: Surroundings,
): Promise<number> {
  const parsed = parseFor(command, words);
  if (parsed.global.help) {
    terminal.out(commandHelp(command));
    return DONE;
  }
  try {
    const context = await openContext(parsed.global, terminal, variables);
    // The parser has read each value by this command's own flags.
    const report = await command.run(parsed as Parameters<typeof command.run>[0], context);
    // What people read may quote strangers: a provider's message, a name typed by somebody else.
    terminal.out(
      parsed.global.json
        ? `${JSON.stringify(report.json, null, 2)}\n`
        : withoutControls(report.text),
    );
    return report.refused ? REFUSED : DONE;
  } catch (error) {
    throw nameFlag(error, command);
  }
}

function parseFor(command: Command, words: readonly string[]): ParsedArguments {
  try {
    return parseArguments(words, command);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${command.name}: ${error.message}\nUsage: ${usageLine(command)}`);
  }
}

async function openContext(
  global: GlobalValues,
  terminal: Terminal,
  variables: Variables,
): Promise<CommandContext> {
  const environment = readEnvironment(global, variables);
  const { openControl } = await import("./control-client.ts");
  return { environment, terminal, global, control: () => openControl(environment.control()) };
}

/** The platform names a field of its contract; the person knows the flag of the same name. */
function nameFlag(error: unknown, command: Command): unknown {
  if (!(error instanceof Failure) || error.param === undefined) return error;
  const flag = error.param.replaceAll("_", "-");
  if (!Object.hasOwn(command.flags, flag) || error.message.includes(`--${flag}`)) return error;
  const message = error.message.replace(new RegExp(`^['"\`]?${error.param}['"\`]?:? `), "");
  return new Failure(error.kind, `--${flag}: ${message}`, { cause: error });
}

function explain(error: unknown, terminal: Terminal): number {
  const message = error instanceof Error ? error.message : String(error);
  const isExpected = error instanceof Failure || error instanceof UsageError;
  const sentence = isExpected ? message : `something unexpected happened: ${message}`;
  terminal.note(`baseload: ${withoutControls(sentence)}\n`);
  return error instanceof UsageError ? WRONG_USAGE : REFUSED;
}
