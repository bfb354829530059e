/** Routes and regions from the command line. Fields of the JSON and exit codes are promised to scripts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { secrets, startTestControl, type TestControl } from "../../test/support/control.ts";
import {
  type CommandRunOptions,
  runCommandLine,
  wordsOf,
} from "../../test/support/run-command-line.ts";

/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  writeFileSync(
    join(control.home, "secrets.json"),
    JSON.stringify({ admin_token: secrets.admin_token }),
  );
  for (const line of [
    "provider add primary --dialect openai-chat --base-url http://127.0.0.1:9/v1 --allow-private --region us-east",
    "provider add specialist --dialect openai-chat --base-url http://127.0.0.1:9/v1 --allow-private --region cn-beijing",
    "model add general --provider primary --input-usd-per-mtok 1 --output-usd-per-mtok 10 --max-output-tokens 1000",
    "model add mandarin --provider specialist --input-usd-per-mtok 0.5 --output-usd-per-mtok 2 --max-output-tokens 500",
    "org create acme",
  ]) {
    expect((await run(line)).code).toBe(0);
  }
}, START_TIMEOUT_MS);
afterAll(() => control[Symbol.asyncDispose]());

const run = (line: string, options: CommandRunOptions = {}) =>
  runCommandLine([...wordsOf(line), "--home", control.home], options);

function fileOf(name: string, text: string): string {
  const path = join(control.home, name);
  writeFileSync(path, text);
  return path;
}

const YAML = `
# Chinese goes to the specialist, and everything else to the primary.
tiers:
  - name: chinese
    when: { language: [zh, yue] }
    targets:
      - model: mandarin
  - name: primary
    targets:
      - model: general
timeout_ms: 30000
`;

describe("route", () => {
  test("set reads YAML and JSON; show gives what can be set again", async () => {
    const first = await run(`route set assistant --file ${fileOf("route.yaml", YAML)} --json`);
    const shown = await run("route show assistant");
    const again = await run("route set assistant --file -", { input: shown.out });
    const changed = JSON.stringify({ tiers: [{ name: "all", targets: [{ model: "general" }] }] });
    const second = await run(`route set assistant --file ${fileOf("route.json", changed)}`);

    expect(first.json()).toEqual({
      name: "assistant",
      version: 1,
      current_version: 1,
      definition: {
        tiers: [
          { name: "chinese", when: { language: ["zh", "yue"] }, targets: [{ model: "mandarin" }] },
          { name: "primary", targets: [{ model: "general" }] },
        ],
        timeout_ms: 30_000,
      },
      restores: null,
      actor: expect.any(String),
      created_at: expect.stringMatching(/^\d{4}-/),
    });
    expect(shown.out).toStartWith("# assistant, version 1 (in force), set by ");
    // The same again is no new version.
    expect(again.out).toContain("Version 1 of route assistant is in force.");
    expect(second.out).toContain("Version 2 of route assistant is in force.");
  });

  test("history, undo, list and remove", async () => {
    const undone = await run("route undo assistant");
    const history = await run("route history assistant");
    const listed = await run("route list");

    expect(undone.out).toBe("Route assistant says again what version 1 said, as version 3.\n");
    expect(
      history.out
        .split("\n")
        .slice(0, 4)
        .map((line) => line.replace(/ +/g, " ")),
    ).toEqual([
      expect.stringMatching(/^VERSION BRINGS BACK BY AT TIERS$/),
      expect.stringMatching(
        /^ ?3 in force version 1 .* chinese \(mandarin\) → primary \(general\)$/,
      ),
      expect.stringMatching(/^ ?2 – – .* all \(general\)$/),
      expect.stringMatching(/^ ?1 – – /),
    ]);
    expect(listed.out).toMatch(/assistant +– +3 +chinese \(mandarin\) → primary \(general\)/);

    expect((await run("route remove assistant")).out).toContain("baseload route undo assistant");
    expect((await run("route show assistant")).notes).toContain("There is no route 'assistant'");
    expect((await run("route undo assistant")).code).toBe(0);
  });

  const wrong: readonly [what: string, text: string, code: number, note: RegExp][] = [
    ["is no YAML", "tiers: [", 2, /bad\.yaml is not valid YAML: .*line 1/],
    [
      "names a model that is not there",
      "tiers: [{name: a, targets: [{model: genral}]}]",
      1,
      /Did you mean 'general'\?/,
    ],
    [
      "misspells a field",
      "tiers: [{name: a, targets: [{model: general, wieght: 3}]}]",
      1,
      /wieght/,
    ],
    ["says nothing", "", 1, /definition/],
    [
      "is a bomb of aliases",
      `a: &a [x]\nb: &b [${"*a, ".repeat(99)}*a]\nc: [${"*b, ".repeat(9)}*b]\n`,
      2,
      /alias count/,
    ],
  ];
  for (const [what, text, code, note] of wrong) {
    test(`set refuses a file that ${what}`, async () => {
      const found = await run(`route set bad --file ${fileOf("bad.yaml", text)}`);

      expect({ code: found.code, notes: found.notes }).toEqual({
        code,
        notes: expect.stringMatching(note),
      });
    });
  }

  test("set refuses a file that is not there", async () => {
    const { code, notes } = await run("route set bad --file nowhere.yaml");

    expect({ code, notes }).toMatchObject({
      code: 2,
      notes: expect.stringContaining("nowhere.yaml does not exist"),
    });
  });
});

describe("route explain", () => {
  test("shows the plan, what is left out and why, and what the call may cost", async () => {
    const { code, out } = await run(
      "route explain --model assistant --language yue --input-tokens 1000 --max-output-tokens 100",
    );

    expect(code).toBe(0);
    expect(out).toContain("route         assistant, version 4\n");
    expect(out).toContain("language      yue\n");
    expect(out).toContain("cost bound    $0.002\n");
    expect(out).toMatch(/1 {2}chinese +mandarin +specialist +cn-beijing +\$0\.0007 +as written/);
    expect(out).toMatch(/2 {2}primary +general +primary +us-east +\$0\.002 +as written/);
    expect(out).toEndWith("Nothing is left out.\n");
  });

  test("takes every fact of a call", async () => {
    const definition = fileOf(
      "try.yaml",
      `
tiers:
  - name: gold
    when: { metadata: { plan: gold, app: "*" }, task: review, stream: true, project: web, key: live1, capability: tools }
    targets: [{ model: mandarin }]
  - name: rest
    targets: [{ model: general }]
`,
    );
    const flags =
      "--metadata plan=gold --metadata app=a=b --task review --stream --project web --key live1 --needs tools --needs image";

    const gold = await run(`route explain --model new --file ${definition} ${flags} --json`);
    const rest = await run(`route explain --model new --file ${definition} --json`);

    expect(gold.json()).toMatchObject({
      route: { version: 0 },
      candidates: [{ tier: "gold" }, { tier: "rest" }],
    });
    expect(rest.json()).toMatchObject({
      candidates: [{ tier: "rest" }],
      left_out: [{ reason: "condition" }],
    });
  });

  test("exits with 1 when the call would be refused, and says what the client is told", async () => {
    const { code, out } = await run("route explain --model general --region eu");

    expect(code).toBe(1);
    expect(out).toContain("Nobody would be asked. The client is told: Calls of");
  });

  test("refuses metadata without a value", async () => {
    expect(await run("route explain --model assistant --metadata plan")).toMatchObject({
      code: 2,
      notes: expect.stringContaining("NAME=VALUE"),
    });
  });
});

describe("organization set", () => {
  test("binds calls to regions, and the plans of routes with them", async () => {
    const bound = await run("organization set acme --region CN --region eu --json");
    const { out } = await run("route explain --model assistant --language de --organization acme");

    expect(bound.json()).toEqual({
      id: expect.stringMatching(/^\d+$/),
      name: "acme",
      regions: ["cn", "eu"],
      created_at: expect.stringMatching(/^\d{4}-/),
      warnings: ["No provider runs in 'eu': calls that may go nowhere else are refused."],
    });
    expect(out).toContain("Nobody would be asked.");
    expect(out).toMatch(/general at primary +primary +residency +it runs in 'us-east'/);
    expect((await run("org list")).out).toMatch(/acme +cn, eu/);
  });

  test("sets them free again", async () => {
    expect((await run("org set acme --any-region")).out).toBe("Calls of acme may go anywhere.\n");
    expect((await run("org list")).out).toMatch(/acme +anywhere/);
  });

  test("asks for one of both", async () => {
    expect((await run("org set acme")).code).toBe(2);
    expect((await run("org set acme --region eu --any-region")).code).toBe(2);
  });
});

describe("model set", () => {
  test("says what a model can do and read, or forgets it", async () => {
    const able = await run("model set general --capability tools --modality image --modality file");
    const none = await run("model set general --modality none --json");
    const unknown = await run("model set general --modality unknown --json");

    expect(able.out).toMatch(/capabilities +tools\nmodalities +image, file\n/);
    expect(none.json()).toMatchObject({
      capabilities: ["tools"],
      modalities: [],
      max_output_tokens: 1_000,
    });
    expect(unknown.json()).toMatchObject({ modalities: null });
    expect((await run("model set general --modality none --modality image")).code).toBe(2);
  });
});
