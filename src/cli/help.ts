/** The help pages, made from the same definitions that the parser reads. */

import type { CommandGroup } from "./definitions/groups.ts";
import type { Command } from "./grammar/command.ts";
import { type Flag, type Flags, globalFlags, type Positionals } from "./grammar/flags.ts";
import { valueName } from "./grammar/parse-arguments.ts";

export function overviewHelp(groups: readonly CommandGroup[]): string {
  const all = groups.flatMap((group) => group.commands);
  const nameWidth = Math.max(...all.map((command) => command.name.length));
  const sections = groups.map(
    ({ title, commands }) => `${title}\n${commandLines(commands, nameWidth)}`,
  );
  return [
    "Baseload: an AI cloud that a company runs itself.\n",
    "Usage: baseload COMMAND [flags]\n",
    ...sections,
    `Flags of every command\n${flagLines(globalFlags)}`,
    "Exit code: 0 done, 1 refused, 2 the command line is wrong.",
    "More about one command: baseload help COMMAND\n",
  ].join("\n");
}

export function groupHelp(prefix: string, commands: readonly Command[]): string {
  const members = commands.filter((command) => command.name.startsWith(`${prefix} `));
  const nameWidth = Math.max(...members.map((command) => command.name.length));
  return `Usage: baseload ${prefix} COMMAND [flags]\n\n${commandLines(members, nameWidth)}`;
}

export function commandHelp(command: Command): string {
  const { summary, detail, positionals, flags, examples } = command;
  const sections = [
    detail === undefined ? `${summary}.\n` : `${summary}. ${detail}\n`,
    `Usage: ${usageLine(command)}\n`,
    section("Arguments", positionalLines(positionals)),
    section("Flags", flagLines(flags) + furtherLine(command)),
    section("Flags of every command", flagLines(globalFlags)),
    section("Examples", examples.map((example) => `  ${example}\n`).join("")),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

/** `baseload key create --organization O … [--rpm N]` */
export function usageLine({ name, flags, positionals, furtherFlags }: Command): string {
  const words = Object.entries(positionals).map(([word, { required, rest }]) => {
    const text = rest ? `${word}...` : word;
    return required ? text : `[${text}]`;
  });
  const required = Object.entries(flags).filter(([, flag]) => flag.required);
  const optional = Object.entries(flags).filter(([, flag]) => !flag.required);
  return [
    `baseload ${name}`,
    ...words,
    ...required.map(([flagName, flag]) => flagText(flagName, flag)),
    ...optional.map(
      ([flagName, flag]) => `[${flagText(flagName, flag)}]${flag.repeats ? "..." : ""}`,
    ),
    ...(furtherFlags === undefined ? [] : ["[--FIELD VALUE]..."]),
  ].join(" ");
}

export const flagText = (name: string, flag: Flag): string =>
  flag.kind === "switch" ? `--${name}` : `--${name} ${valueName(flag)}`;

const furtherLine = ({ furtherFlags }: Command): string =>
  furtherFlags === undefined ? "" : `  ${furtherFlags}.\n`;

const section = (title: string, body: string): string => (body === "" ? "" : `${title}\n${body}`);

const commandLines = (commands: readonly Command[], nameWidth: number): string =>
  commands.map(({ name, summary }) => `  ${name.padEnd(nameWidth)}  ${summary}\n`).join("");

const flagLines = (flags: Flags): string =>
  definitionLines(
    Object.entries(flags).map(([name, flag]) => [
      flagText(name, flag),
      flag.required ? `${flag.help} (required)` : flag.help,
    ]),
  );

const positionalLines = (positionals: Positionals): string =>
  definitionLines(
    Object.entries(positionals).map(([name, { help, required }]) => [
      name,
      required ? `${help} (required)` : help,
    ]),
  );

function definitionLines(lines: readonly (readonly [string, string])[]): string {
  const termWidth = Math.max(0, ...lines.map(([term]) => term.length));
  return lines.map(([term, text]) => `  ${term.padEnd(termWidth)}  ${text}\n`).join("");
}
