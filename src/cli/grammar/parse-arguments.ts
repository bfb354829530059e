/** Words of the command line → typed values, strictly: what is not understood is refused, never ignored. */
import { Failure } from "../../lib/errors.ts";
import { picosFromUsd } from "../../lib/money.ts";
import { didYouMean, nearestNames } from "../../lib/nearest.ts";
import {
  type Flag,
  type Flags,
  type FurtherFlags,
  type GlobalValues,
  globalFlags,
  type Positionals,
} from "./flags.ts";
import { UsageError } from "./usage-error.ts";

type Value = string | number | boolean;

/** What the words of one command mean. The keys are those of its flags and positionals. */
export type ParsedArguments = {
  readonly flags: Readonly<Record<string, Value | readonly Value[] | undefined>>;
  readonly words: Readonly<Record<string, string | undefined>>;
  readonly further: FurtherFlags;
  readonly global: GlobalValues;
};

type Accepted = {
  readonly flags: Flags;
  readonly positionals: Positionals;
  readonly furtherFlags?: string;
};

export function parseArguments(argv: readonly string[], accepted: Accepted): ParsedArguments {
  const all: Flags = { ...accepted.flags, ...globalFlags };
  const { given, words, further } = readWords(argv, all, accepted.furtherFlags !== undefined);
  const flags = readValues(given, accepted.flags);
  const global = readValues(given, globalFlags) as GlobalValues;
  // Asking for help must never fail because the rest is not there yet.
  if (global.help) return { flags, words: {}, further, global };
  refuseMissing(accepted.flags, flags);
  return { flags, words: readPositionals(words, accepted.positionals), further, global };
}

function readValues(given: Given, flags: Flags): ParsedArguments["flags"] {
  const values: Record<string, Value | readonly Value[] | undefined> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const texts = given.get(name) ?? [];
    const [text] = texts;
    if (flag.repeats) values[name] = texts.map((one) => readValue(name, flag, one));
    else if (flag.kind === "switch") values[name] = text !== undefined;
    else if (text !== undefined) values[name] = readValue(name, flag, text);
  }
  return values;
}

/** As typed, by the name of the flag; several where a flag repeats. */
type Given = ReadonlyMap<string, readonly string[]>;

/** What was read so far, and what is known. */
type Reading = {
  readonly flags: Flags;
  readonly takesFurther: boolean;
  readonly given: Map<string, string[]>;
  readonly words: string[];
  readonly further: Record<string, string>;
};

/** Written by hand because `node:util`'s `parseArgs` cannot say what to do, and splits unknown flags wrongly. */
function readWords(argv: readonly string[], flags: Flags, takesFurther: boolean): Reading {
  const reading: Reading = { flags, takesFurther, given: new Map(), words: [], further: {} };
  const left = [...argv];
  for (let text = left.shift(); text !== undefined; text = left.shift()) {
    if (text === "--") reading.words.push(...left.splice(0));
    else if (text.startsWith("-") && text !== "-") readFlag(text, left, reading);
    else reading.words.push(text);
  }
  return reading;
}

function readFlag(text: string, left: string[], reading: Reading): void {
  const [rawName, inline] = splitFlag(text);
  const name = rawName === "-h" ? "help" : rawName.slice(2);
  const flag = findFlag(rawName, name, reading.flags);
  if (flag !== undefined) {
    const before = reading.given.get(name) ?? [];
    if (before.length > 0 && !flag.repeats) {
      throw new UsageError(`--${name} is given twice; give it once.`);
    }
    reading.given.set(name, [...before, takeValue({ rawName: `--${name}`, flag, inline }, left)]);
    return;
  }
  if (!reading.takesFurther || !rawName.startsWith("--")) throw unknownFlag(rawName, reading.flags);
  reading.further[rawName] = takeValue({ rawName, flag: furtherFlag, inline }, left);
}

const furtherFlag: Flag = { kind: "text", value: "VALUE", help: "" };

const findFlag = (rawName: string, name: string, flags: Flags): Flag | undefined =>
  (rawName.startsWith("--") || rawName === "-h") && Object.hasOwn(flags, name)
    ? flags[name]
    : undefined;

/** `--name=value` → name and value; a value may hold further equals signs. */
function splitFlag(text: string): [rawName: string, inline: string | undefined] {
  const at = text.indexOf("=");
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Takes the next word off `left` where the value does not stand behind an equals sign. */
function takeValue(
  given: { rawName: string; flag: Flag; inline: string | undefined },
  left: string[],
): string {
  const { rawName, flag, inline } = given;
  if (flag.kind === "switch") {
    if (inline !== undefined) throw new UsageError(`${rawName} takes no value.`);
    return "";
  }
  const next = left[0]?.startsWith("--") ? undefined : left[0];
  const value = inline ?? next;
  if (!value) throw new UsageError(`${rawName} needs a value: ${rawName} ${valueName(flag)}.`);
  if (inline === undefined) left.shift();
  return value;
}

/** The placeholder of a flag's value in help and messages. */
export const valueName = (flag: Flag): string =>
  flag.value ?? (flag.choices ? flag.choices.join("|") : placeholders[flag.kind]);

const placeholders = {
  text: "TEXT",
  count: "N",
  usd: "X",
  time: "T",
  url: "URL",
  switch: "",
} as const;

function unknownFlag(rawName: string, flags: Flags): UsageError {
  const [near] = nearestNames(rawName.replace(/^-+/, ""), Object.keys(flags));
  const hint = near === undefined ? "See --help." : `Did you mean --${near}?`;
  return new UsageError(`unknown flag ${rawName}. ${hint}`);
}

function refuseMissing(flags: Flags, values: Readonly<Record<string, unknown>>): void {
  const missing = Object.entries(flags).filter(
    ([name, flag]) => flag.required && values[name] === undefined,
  );
  if (missing.length === 0) return;
  const names = missing.map(([name, flag]) => `--${name} ${valueName(flag)}`).join(", ");
  throw new UsageError(`missing ${names}.`);
}

function readPositionals(
  words: readonly string[],
  positionals: Positionals,
): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  const left = [...words];
  for (const [name, positional] of Object.entries(positionals)) {
    const value = positional.rest ? left.splice(0).join(" ") : (left.shift() ?? "");
    if (value === "" && positional.required) throw new UsageError(`missing ${name}.`);
    values[name] = value === "" ? undefined : value;
  }
  const surplus = left[0];
  if (surplus !== undefined) throw new UsageError(`unexpected word '${surplus}'. See --help.`);
  return values;
}

function readValue(name: string, flag: Flag, text: string): string | number {
  if (flag.choices && !flag.choices.includes(text)) {
    const hint = didYouMean(text, flag.choices);
    throw new UsageError(`--${name} is one of ${flag.choices.join(", ")}, not '${text}'.${hint}`);
  }
  if (flag.kind === "count") return readCount(name, text);
  if (flag.kind === "usd") return readUsd(name, text);
  if (flag.kind === "time") return readTime(name, text);
  if (flag.kind === "url") return readUrl(name, text);
  return text;
}

/** PostgreSQL's `integer` ends here. */
const COUNT_MAX = 2_147_483_647;

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > COUNT_MAX) {
    throw new UsageError(`--${name} must be a whole number from 1 to ${COUNT_MAX}, not '${text}'.`);
  }
  return count;
}

function readUsd(name: string, text: string): string {
  try {
    picosFromUsd(text, name);
  } catch (error) {
    if (error instanceof Failure) throw new UsageError(`--${name}: ${error.message}`);
    throw error;
  }
  return text;
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;

function readTime(name: string, text: string): string {
  const time = ISO_TIME.test(text) && isDay(text.slice(0, 10)) ? new Date(text) : undefined;
  if (time === undefined || Number.isNaN(time.getTime())) {
    throw new UsageError(
      `--${name} must be a date (2027-01-31, midnight UTC) or a time with its zone ` +
        `(2027-01-31T12:00:00Z), not '${text}'.`,
    );
  }
  return time.toISOString();
}

/** `Date` turns the 30th of February into a day in March, where it does not refuse it. */
function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

function readUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(`--${name} must be a URL such as http://127.0.0.1:8081, not '${text}'.`);
  }
  return text.replace(/\/+$/, "");
}
