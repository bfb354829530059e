import { describe, expect, test } from "bun:test";
import { type Command, defineCommand } from "./command.ts";
import { findCommand } from "./find-command.ts";
import { UsageError } from "./usage-error.ts";

const commands: readonly Command[] = [
  "wallet",
  "key create",
  "key list",
  "chat",
  "key note",
  "key note add",
  "org set",
].map((name) =>
  defineCommand({
    name,
    summary: "",
    flags: {},
    positionals: {},
    examples: [],
    run: () => Promise.resolve({ json: null, text: "" }),
  }),
);

const find = (line: string) => findCommand(line === "" ? [] : line.split(" "), commands);

describe("finding the command", () => {
  const found: readonly [line: string, name: string, rest: string][] = [
    ["wallet --organization acme", "wallet", "--organization acme"],
    ["key create --name laptop", "key create", "--name laptop"],
    ["--home /tmp/x key create --name laptop", "key create", "--home /tmp/x --name laptop"],
    ["key --json create", "key create", "--json"],
    ["--control-url=http://x key list", "key list", "--control-url=http://x"],
    ["chat wallet key", "chat", "wallet key"],
    ["key note add x", "key note add", "x"],
    ["key note --json add x", "key note add", "--json x"],
    ["key note x add", "key note", "x add"],
    ["organization set acme", "org set", "acme"],
    ["help key create", "key create", "--help"],
    ["help wallet --json", "wallet", "--help --json"],
  ];

  test.each(found)("%s", (line, name, rest) => {
    const result = find(line);

    expect(
      result.kind === "command" ? [result.command.name, result.rest.join(" ")] : result,
    ).toEqual([name, rest]);
  });

  test("nothing, or the first word of several commands, shows what there is", () => {
    expect(find("")).toEqual({ kind: "group", prefix: "", wantsHelp: true });
    expect(find("--help")).toEqual({ kind: "group", prefix: "", wantsHelp: true });
    expect(find("help")).toEqual({ kind: "group", prefix: "", wantsHelp: true });
    expect(find("key --help")).toEqual({ kind: "group", prefix: "key", wantsHelp: true });
    expect(find("key")).toEqual({ kind: "group", prefix: "key", wantsHelp: false });
  });

  const refused: readonly [line: string, message: string][] = [
    ["walet", "unknown command 'walet'. Did you mean: baseload wallet"],
    ["key craete", "unknown command 'key craete'. Did you mean: baseload key create"],
    ["key zzzzzz", "unknown command 'key zzzzzz'. See: baseload help"],
    ["keys list", "unknown command 'keys'. Did you mean: baseload key list"],
    ["frobnicate now", "unknown command 'frobnicate'. See: baseload help"],
  ];

  test.each(refused)("refuses %s", (line, message) => {
    expect(() => find(line)).toThrow(UsageError);
    expect(() => find(line)).toThrow(message);
  });
});
