/**
 * Writes the files that are derived from others. `--verify` changes nothing and fails when one of them is out
 * of date. Run it after every change of a migration or of a configuration field, or of a command: `npm run generate`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { cliReference } from "../src/cli/reference.ts";
import { configJsonSchema } from "../src/platform/config/fields.ts";
import { renderConfigReference } from "../src/platform/config/reference.ts";
import { renderProviderReference } from "../src/providers/known-providers/reference.ts";
import { openTestDatabase } from "../test/support/postgres.ts";

type Generated = { path: string; text: string };

const root = join(import.meta.dir, "..");
const BUN = process.execPath;

async function generateSchema(): Promise<Generated> {
  await using test = await openTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), "baseload-generate-"));
  const draft = join(folder, "schema.ts");
  try {
    const run = spawnSync(
      BUN,
      [
        join(root, "node_modules/kysely-codegen/dist/cli/bin.js"),
        ...["--dialect", "postgres", "--url", test.url, "--out-file", draft],
        ...["--type-mapping", '{"int8":"bigint"}', "--exclude-pattern", "schema_migration"],
      ],
      { cwd: root, encoding: "utf8" },
    );
    if (run.status !== 0) throw new Error(`kysely-codegen failed:\n${run.stdout}${run.stderr}`);
    return { path: join(root, "src/platform/db/schema.ts"), text: readFileSync(draft, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const reference = (name: string) => join(root, "docs/reference", name);

const generators: readonly (() => Promise<Generated> | Generated)[] = [
  generateSchema,
  () => ({ path: reference("cli.md"), text: cliReference() }),
  () => ({ path: reference("providers.md"), text: renderProviderReference() }),
  () => ({ path: reference("configuration.md"), text: renderConfigReference() }),
  () => ({
    path: reference("configuration.schema.json"),
    text: `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
  }),
];

const isCurrent = ({ path, text }: Generated): boolean =>
  existsSync(path) && readFileSync(path, "utf8") === text;

const verify = process.argv.includes("--verify");
const stale: string[] = [];
for (const generate of generators) {
  const generated = await generate();
  if (isCurrent(generated)) continue;
  stale.push(relative(root, generated.path));
  if (verify) continue;
  mkdirSync(dirname(generated.path), { recursive: true });
  writeFileSync(generated.path, generated.text);
}

if (verify && stale.length > 0) {
  process.stderr.write(`Out of date: ${stale.join(", ")}. Run 'npm run generate'.\n`);
  process.exitCode = 1;
} else {
  const verb = verify ? "checked" : "written";
  process.stdout.write(`${generators.length} generated files ${verb}, ${stale.length} changed\n`);
}
