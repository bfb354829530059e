/**
 * What a command accepts, as data: the same table is read by the parser, by `--help` and by the generated
 * reference, so that they cannot disagree.
 */

/** The kinds of value, and the type that a command receives. */
type KindTypes = {
  text: string;
  /** A whole number above zero. */
  count: number;
  /** Dollars as a decimal string: money never becomes a `number`. */
  usd: string;
  /** An ISO 8601 date or time; the command receives the full UTC form. */
  time: string;
  url: string;
  switch: boolean;
};

export type FlagKind = keyof KindTypes;

export type Flag = {
  readonly kind: FlagKind;
  readonly help: string;
  /** How the value is called in help, such as `NAME`. */
  readonly value?: string;
  readonly required?: true;
  readonly choices?: readonly string[];
  /** It may be given several times; the command receives a list, empty when it was not given. */
  readonly repeats?: true;
};

export type Flags = Readonly<Record<string, Flag>>;

/** A word without dashes. The last one may take the whole rest of the line, joined by spaces. */
export type Positional = {
  readonly help: string;
  readonly required?: true;
  readonly rest?: true;
};

export type Positionals = Readonly<Record<string, Positional>>;

/** Flags with a value that are not in the table, by name: `{"--lease-ttl-ms": "30000"}`. */
export type FurtherFlags = Readonly<Record<string, string>>;

type FlagValue<F extends Flag> = F["kind"] extends "switch"
  ? boolean
  : F extends { repeats: true }
    ? readonly KindTypes[F["kind"]][]
    : F extends { required: true }
      ? KindTypes[F["kind"]]
      : KindTypes[F["kind"]] | undefined;

export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue<F[Name]> };

export type PositionalValues<P extends Positionals> = {
  readonly [Name in keyof P]: P[Name] extends { required: true } ? string : string | undefined;
};

/** Accepted by every command, before or after its name. */
export const globalFlags = {
  home: {
    kind: "text",
    value: "DIR",
    help: "Baseload's home folder (default: $BASELOAD_HOME, or ~/.baseload)",
  },
  "control-url": {
    kind: "url",
    value: "URL",
    help: "the control plane (default: $BASELOAD_CONTROL_URL, or the one running from the home folder)",
  },
  json: { kind: "switch", help: "print JSON; field names are stable, money is a decimal string" },
  help: { kind: "switch", help: "show this help" },
} as const satisfies Flags;

export type GlobalValues = FlagValues<typeof globalFlags>;
