import { describe, expect, test } from "bun:test";
import type { Flags, Positionals } from "./flags.ts";
import { parseArguments } from "./parse-arguments.ts";
import { UsageError } from "./usage-error.ts";

const flags = {
  organization: { kind: "text", value: "ORGANIZATION", help: "", required: true },
  "budget-usd": { kind: "usd", help: "" },
  rpm: { kind: "count", help: "" },
  "expires-at": { kind: "time", help: "" },
  "base-url": { kind: "url", help: "" },
  mode: { kind: "text", choices: ["live", "test"], help: "" },
  "no-model": { kind: "switch", help: "" },
  region: { kind: "text", help: "", repeats: true },
} as const satisfies Flags;

const parse = (line: string, positionals: Positionals = {}) =>
  parseArguments(line === "" ? [] : line.split(" "), { flags, positionals });

describe("what is understood", () => {
  test("values behind a space or an equals sign, switches, and flags of every command", () => {
    const parsed = parse("--organization acme --rpm=60 --no-model --json --home /tmp/x");

    expect(parsed.flags).toMatchObject({ organization: "acme", rpm: 60, "no-model": true });
    expect(parsed.global).toMatchObject({ json: true, home: "/tmp/x", help: false });
    expect(parsed.flags["budget-usd"]).toBeUndefined();
  });

  test("a flag that repeats is a list, empty where it was not given", () => {
    expect(parse("--organization a --region eu --region=cn").flags["region"]).toEqual(["eu", "cn"]);
    expect(parse("--organization a").flags["region"]).toEqual([]);
  });

  test("money stays the decimal string that was typed", () => {
    expect(parse("--organization a --budget-usd 0.000000001").flags["budget-usd"]).toBe(
      "0.000000001",
    );
  });

  test.each([
    ["2031-01-31", "2031-01-31T00:00:00.000Z"],
    ["2031-01-31T12:00:00Z", "2031-01-31T12:00:00.000Z"],
    ["2031-01-31T12:00+02:00", "2031-01-31T10:00:00.000Z"],
  ])("the time %s is %s", (typed, utc) => {
    expect(parse(`--organization a --expires-at ${typed}`).flags["expires-at"]).toBe(utc);
  });

  test("an address loses the slash at its end", () => {
    expect(parse("--organization a --base-url http://x/v1/").flags["base-url"]).toBe("http://x/v1");
  });

  test("a value may begin with one dash, and words after -- are never flags", () => {
    expect(parse("--organization -a").flags["organization"]).toBe("-a");
    const words = { TEXT: { help: "", rest: true } } as const;
    expect(parse("--organization a -- --json -x", words).words["TEXT"]).toBe("--json -x");
  });

  test("the last positional may take the rest of the line", () => {
    const words = {
      NAME: { help: "", required: true },
      MESSAGE: { help: "", rest: true },
    } as const;

    expect(parse("a --organization o b c", words).words).toEqual({ NAME: "a", MESSAGE: "b c" });
    expect(parse("a --organization o", words).words["MESSAGE"]).toBeUndefined();
  });

  test("help is shown even where something required is missing", () => {
    expect(parse("--help").global.help).toBe(true);
    expect(parse("-h", { NAME: { help: "", required: true } }).global.help).toBe(true);
  });
});

describe("further flags", () => {
  const further = (line: string) =>
    parseArguments(line.split(" "), { flags: {}, positionals: {}, furtherFlags: "more" }).further;

  test("are kept by name, as text", () => {
    expect(further("--port 80a --lease-ttl-ms=5 --json --a=b=c")).toEqual({
      "--port": "80a",
      "--lease-ttl-ms": "5",
      "--a": "b=c",
    });
  });

  test.each(["--port", "--port --json", "--port="])("need a value: %s", (line) => {
    expect(() => further(line)).toThrow("--port needs a value: --port VALUE.");
  });
});

describe("what is refused, and what it says", () => {
  const refusals: readonly [line: string, message: string][] = [
    ["", "missing --organization ORGANIZATION."],
    ["--organisation acme", "unknown flag --organisation. Did you mean --organization?"],
    ["--zzz", "unknown flag --zzz. See --help."],
    ["-o acme", "unknown flag -o. See --help."],
    ["--organization", "--organization needs a value: --organization ORGANIZATION."],
    ["--organization --json", "--organization needs a value: --organization ORGANIZATION."],
    ["--organization=", "--organization needs a value: --organization ORGANIZATION."],
    ["--organization a --organization b", "--organization is given twice; give it once."],
    ["--organization a --no-model=yes", "--no-model takes no value."],
    ["--organization a --rpm 1.5", "--rpm must be a whole number from 1 to 2147483647, not '1.5'."],
    ["--organization a --rpm 0", "--rpm must be a whole number from 1 to 2147483647, not '0'."],
    ["--organization a --rpm 9e9", "--rpm must be a whole number from 1 to 2147483647, not '9e9'."],
    ["--organization a --budget-usd -5", "--budget-usd: '-5' is not an amount of US dollars"],
    ["--organization a --budget-usd 1e3", "--budget-usd: '1e3' is not an amount of US dollars"],
    [
      "--organization a --mode life",
      "--mode is one of live, test, not 'life'. Did you mean 'live'?",
    ],
    ["--organization a --expires-at tomorrow", "--expires-at must be a date (2027-01-31"],
    ["--organization a --expires-at 2031-02-30", "--expires-at must be a date (2027-01-31"],
    ["--organization a --base-url ftp://x", "--base-url must be a URL such as"],
    ["--organization a extra", "unexpected word 'extra'. See --help."],
  ];

  test.each(refusals)("%s", (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });

  test("a missing word", () => {
    expect(() => parse("--organization a", { NAME: { help: "", required: true } })).toThrow(
      "missing NAME.",
    );
  });
});
