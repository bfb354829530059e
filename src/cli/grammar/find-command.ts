/** Which command the words name. Flags may stand anywhere, also between and before the words. */
import { nearestNames } from "../../lib/nearest.ts";
import type { Command } from "./command.ts";
import { globalFlags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

export type Found =
  | { readonly kind: "command"; readonly command: Command; readonly rest: readonly string[] }
  /** The first word of several commands, such as `key`, or nothing at all. */
  | { readonly kind: "group"; readonly prefix: string; readonly wantsHelp: boolean };

/** Words that mean a shorter one: people write what the documents say. */
const spelledOut: ReadonlyMap<string, string> = new Map([["organization", "org"]]);

/** The words of the longest commands, such as `provider credential add`. */
const WORDS_MAX = 3;

export function findCommand(argv: readonly string[], commands: readonly Command[]): Found {
  const positions = wordPositions(argv);
  const isHelp = argv[positions[0] ?? -1] === "help";
  const named = isHelp ? positions.slice(1) : positions;
  const wantsHelp = isHelp || argv.includes("--help") || argv.includes("-h");
  const words = named.map((position) => argv[position] ?? "");
  words[0] = spelledOut.get(words[0] ?? "") ?? words[0] ?? "";
  const [first, second] = words;
  if (!first) return { kind: "group", prefix: "", wantsHelp: true };
  for (const used of [WORDS_MAX, 2, 1]) {
    const name = words.slice(0, used).join(" ");
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined) continue;
    const taken = new Set(isHelp ? positions : named.slice(0, used));
    const rest = argv.filter((_, position) => !taken.has(position));
    return { kind: "command", command, rest: isHelp ? ["--help", ...rest] : rest };
  }
  const prefix = words.join(" ");
  const isGroup = commands.some((command) => command.name.startsWith(`${prefix} `));
  if (isGroup) return { kind: "group", prefix, wantsHelp };
  const third = words[2];
  const pair = wordsOf(first, second);
  const isPair = commands.some((command) => command.name.startsWith(`${pair} `));
  throw isPair ? unknownCommand(pair, third, commands) : unknownCommand(first, second, commands);
}

/** Where the words stand, without flags and without the values of the flags that every command takes. */
function wordPositions(argv: readonly string[]): number[] {
  const positions: number[] = [];
  for (let position = 0; position < argv.length; position++) {
    const text = argv[position] ?? "";
    if (text === "--") break;
    if (!text.startsWith("-")) positions.push(position);
    else if (takesNextWord(text)) position++;
  }
  return positions;
}

const takesNextWord = (text: string): boolean =>
  Object.entries(globalFlags).some(
    ([name, flag]) => text === `--${name}` && flag.kind !== "switch",
  );

function unknownCommand(
  first: string,
  second: string | undefined,
  commands: readonly Command[],
): UsageError {
  const names = commands.map((command) => command.name);
  const seconds = names
    .filter((name) => name.startsWith(`${first} `))
    .map((name) => name.slice(first.length + 1));
  const isGroup = seconds.length > 0;
  const [near] = isGroup
    ? nearestNames(second ?? "", seconds)
    : nearestNames(wordsOf(first, second), names);
  const [fallback] = nearestNames(first, new Set(names.map((name) => name.split(" ")[0] ?? name)));
  const meant = isGroup ? near && `${first} ${near}` : (near ?? fallback);
  const hint = meant === undefined ? "See: baseload help" : `Did you mean: baseload ${meant}`;
  return new UsageError(`unknown command '${isGroup ? wordsOf(first, second) : first}'. ${hint}`);
}

const wordsOf = (first: string, second: string | undefined): string =>
  second === undefined ? first : `${first} ${second}`;
