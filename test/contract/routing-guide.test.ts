/** The guide to routing, run as it stands: its files are set, its commands run, its plans are what it says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { secrets, startTestControl, type TestControl } from "../support/control.ts";
import { runCommandLine } from "../support/run-command-line.ts";

const START_TIMEOUT_MS = 60_000;
const guide = await Bun.file(new URL("../../docs/guides/routing.md", import.meta.url)).text();

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  const admin_token = secrets.admin_token;
  writeFileSync(join(control.home, "secrets.json"), JSON.stringify({ admin_token }));
  await offerModels();
  await control.post("/organizations", { name: "berlin-clinic" });
  // What the guide's reader had before, and undoes to.
  const definition = { tiers: [{ name: "all", targets: [{ model: "general" }] }] };
  await control.post("/routes/assistant/versions", { definition });
  for (const [, name = "", yaml = ""] of guide.matchAll(
    /^`([\w-]+\.yaml)`:\n\n```yaml\n([\s\S]*?)^```/gm,
  )) {
    writeFileSync(join(control.home, name), yaml);
  }
}, START_TIMEOUT_MS);
afterAll(() => control[Symbol.asyncDispose]());

/** Those of the guide's table. */
async function offerModels(): Promise<void> {
  const rows = [
    ...guide.matchAll(/^\| `(\w+)` \| `([\w-]+)` \| `([\w-]+)` \| ([\d.]+), ([\d.]+) \|$/gm),
  ];
  expect(rows).toHaveLength(4);
  for (const [, name, provider, region, input, output] of rows) {
    const base_url = "http://127.0.0.1:9/v1";
    await control.post("/providers", { name: provider, base_url, allow_private: true, region });
    const added = await control.post("/models", {
      name,
      provider,
      input_usd_per_mtok: input,
      output_usd_per_mtok: output,
      max_output_tokens: 4_000,
    });
    if (added.status === 409) await control.post(`/models/${name}/deployments`, { provider });
  }
}

type Command = { line: string; asks: string | undefined };

const commands: Command[] = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(
  ([, block = ""]) =>
    [...block.matchAll(/^baseload (.*)\n(?:# asks (.*)\n)?/gm)].map(([, line = "", asks]) => ({
      line,
      asks,
    })),
);

function run(line: string) {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, word]) => quoted ?? word ?? "",
  );
  const placed = words.map((word) => (word.endsWith(".yaml") ? join(control.home, word) : word));
  return runCommandLine([...placed, "--json", "--home", control.home]);
}

describe("docs/guides/routing.md", () => {
  test("has commands, and plans to compare", () => {
    expect(commands.length).toBeGreaterThan(10);
    expect(commands.filter(({ asks }) => asks !== undefined).length).toBeGreaterThan(6);
  });

  for (const { line, asks } of commands) {
    test(`baseload ${line}`, async () => {
      const { code, notes, json } = await run(line);

      expect({ code, notes }).toEqual({ code: 0, notes: "" });
      if (asks === undefined) return;
      const { candidates } = json<{ candidates: { model: string; provider: string }[] }>();
      expect(candidates.map(({ model, provider }) => `${model} at ${provider}`).join(", ")).toBe(
        asks,
      );
    });
  }
});
