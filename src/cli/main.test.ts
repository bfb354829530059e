/** What needs no platform: help, exit codes, and what is said when nothing runs. */
import { describe, expect, test } from "bun:test";
import { runCommandLine as run, wordsOf } from "../../test/support/run-command-line.ts";
import { allCommands } from "./definitions/groups.ts";
import { findCommand } from "./grammar/find-command.ts";
import { parseArguments } from "./grammar/parse-arguments.ts";
import { cliReference } from "./reference.ts";

describe("help", () => {
  test("the overview names every command and is done", async () => {
    const { code, out, notes } = await run(["help"]);

    expect({ code, notes }).toEqual({ code: 0, notes: "" });
    expect(allCommands.length).toBeGreaterThan(20);
    for (const { name } of allCommands) expect(out).toContain(`  ${name} `);
    expect((await run([])).out).toBe(out);
    expect((await run(["--help"])).out).toBe(out);
  });

  test.each(allCommands.map(({ name }) => name))(
    "%s --help shows usage and examples",
    async (name) => {
      const { code, out } = await run([...name.split(" "), "--help"]);

      expect(code).toBe(0);
      expect(out).toContain(`Usage: baseload ${name}`);
      expect(out).toContain("Examples\n  ");
      expect((await run(["help", ...name.split(" ")])).out).toBe(out);
    },
  );

  test("a group shows its commands; without --help that is a wrong command line", async () => {
    expect(await run(["key", "--help"])).toMatchObject({ code: 0, notes: "" });
    expect(await run(["key"])).toMatchObject({ code: 2, out: "" });
  });

  test("every example of every command is understood", () => {
    const examples = allCommands.flatMap((command) =>
      command.examples.map((example) => ({ command, example })),
    );

    expect(examples.length).toBeGreaterThanOrEqual(allCommands.length);
    for (const { command, example } of examples) {
      const words = wordsOf(example.replace(/^.*?\bbaseload /, ""));
      const found = findCommand(words, allCommands);
      expect(found).toMatchObject({ kind: "command", command: { name: command.name } });
      if (found.kind === "command") parseArguments(found.rest, found.command);
    }
  });

  test("the reference documents every command and flag", () => {
    const reference = cliReference();

    for (const { name, flags } of allCommands) {
      expect(reference).toContain(`### ${name}\n`);
      for (const flag of Object.keys(flags)) expect(reference).toContain(`\`--${flag}`);
    }
  });
});

describe("exit code 2: the command line is wrong", () => {
  const wrong: readonly [line: string, says: string][] = [
    ["walet", "baseload: unknown command 'walet'. Did you mean: baseload wallet\n"],
    ["wallet", "baseload: wallet: missing --organization ORGANIZATION.\nUsage: baseload wallet"],
    ["wallet --org acme", "Did you mean --organization?"],
    ["org create", "baseload: org create: missing NAME.\nUsage: baseload org create NAME\n"],
    ["price set --input-usd-per-mtok 1", "missing MODEL."],
    ["price set m --file none.yaml", "--file: none.yaml does not exist."],
    ["--json up", "baseload: write up first and its flags behind it: baseload up …"],
    ["chat hello", "chat needs a key: give --key or set BASELOAD_API_KEY."],
  ];

  test.each(wrong)("%s", async (line, says) => {
    const { code, out, notes } = await run(line.split(" "));

    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(notes).toContain(says);
  });

  test("a provider's API key is never taken from the command line", async () => {
    const add = "provider add p --dialect openai-chat --base-url http://x --api-key-env".split(" ");

    const secret = await run([...add, "sk-live-1234"]);
    expect(secret.code).toBe(2);
    expect(secret.notes).toContain("takes the name of an environment variable");
    expect(secret.notes).not.toContain("1234");

    const unset = await run([...add, "MY_KEY", "--home", "/nowhere"]);
    expect(unset.code).toBe(2);
    expect(unset.notes).toContain("the environment variable MY_KEY is not set or empty");
  });
});

describe("exit code 1: nothing runs", () => {
  test.each(["status", "org list", "ledger check --json", "wallet --organization acme"])(
    "%s",
    async (line) => {
      const { code, out, notes } = await run([...line.split(" "), "--home", "/nowhere"]);

      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(notes).toBe(
        "baseload: The control plane is not running (nothing runs from /nowhere). Start it with: baseload up\n",
      );
    },
  );

  test("a control plane that is gone", async () => {
    const { code, notes } = await run(["status", "--control-url", "http://127.0.0.1:1"], {
      variables: { BASELOAD_ADMIN_TOKEN: "token" },
    });

    expect(code).toBe(1);
    expect(notes).toBe(
      "baseload: The control plane is not running (nothing answers at http://127.0.0.1:1). Start it with: baseload up\n",
    );
  });

  test("a gateway that is gone", async () => {
    const { code, notes } = await run(["chat", "hello", "--gateway-url", "http://127.0.0.1:1"], {
      variables: { BASELOAD_API_KEY: "bl_x" },
    });

    expect(code).toBe(1);
    expect(notes).toContain("No gateway answers at http://127.0.0.1:1. Start it with: baseload up");
  });
});

test("version", async () => {
  const { version } = (await import("../../package.json")).default;

  expect((await run(["--version"])).out).toBe(`baseload ${version} (Bun ${Bun.version})\n`);
  expect((await run(["version", "--json"])).json()).toEqual({ version, bun: Bun.version });
});

test("a long answer is written whole, however slowly it is read", async () => {
  const program = `
    const { runCli } = await import(${JSON.stringify(`${import.meta.dir}/main.ts`)});
    const { processTerminal } = await import(${JSON.stringify(`${import.meta.dir}/output/terminal.ts`)});
    const terminal = processTerminal();
    terminal.out("x".repeat(3_000_000));
    process.exit(await runCli(["help"], { terminal, variables: {} }));`;
  const child = Bun.spawn([
    "sh",
    "-c",
    '"$0" -e "$1" | (sleep 0.3; wc -c)',
    process.execPath,
    program,
  ]);

  expect(Number(await child.stdout.text())).toBeGreaterThan(3_000_000);
});

describe("help is there at once", () => {
  async function loadedBy(argv: readonly string[]): Promise<string> {
    const program = `
      const { runCli } = await import(${JSON.stringify(`${import.meta.dir}/main.ts`)});
      await runCli(${JSON.stringify(argv)});
      process.stderr.write(Object.keys(require.cache).join("\\n"));`;
    const child = Bun.spawn([process.execPath, "-e", program], {
      stdout: "ignore",
      stderr: "pipe",
    });
    return child.stderr.text();
  }

  test("because it loads neither commands nor schemas", async () => {
    const forHelp = await loadedBy(["help"]);
    const forVersion = await loadedBy(["version"]);

    expect(forHelp).toContain("src/cli/help.ts");
    expect(forHelp).not.toMatch(/node_modules|src.cli.commands|src.contract/);
    expect(forVersion).toMatch(/node_modules.zod/);
  });
});
