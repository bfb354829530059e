/**
 * Style that a program can check: banned words with their replacement, sizes, documents, migrations.
 * What needs judgement is in docs and reviews; what a linter knows is in biome.json.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { posix } from "node:path";

/** A file's text by its path from the repository root. */
type Texts = ReadonlyMap<string, string>;

type BannedWord = {
  word: RegExp;
  /** The files the rule reads. */
  where: RegExp;
  /** Files that may say it. */
  except?: RegExp;
  instead: string;
};

const PRODUCT = /^src\/(?!.*\.test\.ts$).*\.ts$/;
const TYPESCRIPT = /\.ts$/;

const bannedWords: readonly BannedWord[] = [
  {
    word: /\b(Date\.now|performance\.now)\(|\bnew Date\(\)/,
    where: PRODUCT,
    except: /^src\/lib\/clock\.ts$/,
    instead: "take a Clock (src/lib/clock.ts), so that tests hold the time",
  },
  {
    word: /\b(process|Bun)\.env\b/,
    where: PRODUCT,
    except: /^src\/(platform\/config\/|cli\/environment\.ts$)/,
    instead: "read it once in src/platform/config and pass the value on",
  },
  {
    word: /\bMath\.random\(/,
    where: TYPESCRIPT,
    instead: "take a seeded source of chance; ids come from src/lib/ids.ts, secrets from crypto",
  },
  {
    word: /\bparseFloat\(|\bNumber\([^)]*(?:nanos|picos|usd|cost|charge|price|amount)[^)]*\)/i,
    where: PRODUCT,
    // A gauge of Prometheus is a float, whatever it measures.
    except: /^src\/gateway\/state\/health\.ts$/,
    instead: "money is bigint; src/lib/money.ts reads and writes it",
  },
  {
    word: /[`"]\s*(?:select\s[^`]*?\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s)/i,
    where: PRODUCT,
    except:
      /^src\/(platform\/(db|postgres)\/|domains\/[^/]+\/([\w-]+-)?(store|statement|rows)\.ts$)/,
    instead: "a method of the domain's store; only stores speak SQL",
  },
  {
    word: /\bconsole\.\w+\(/,
    where: TYPESCRIPT,
    instead: "the log (src/platform/log.ts), or process.stdout where a person reads it",
  },
  {
    word: /\bas any(?=\s*[;,.)\]}]|$)|<any>/m,
    where: TYPESCRIPT,
    instead: "say the type, or `unknown` and a check",
  },
  {
    word: /\b(FIXME|TODO|XXX|HACK)\b/,
    where: /\.(ts|sql|md)$/,
    instead: "do it now, or open an issue and say what is not there yet",
  },
  {
    word: /\b(test|it|describe)\.(only|todo)\(/,
    where: TYPESCRIPT,
    instead: "every test runs; one that cannot is skipped with its reason in the name",
  },
  { word: /^export default\b/m, where: TYPESCRIPT, instead: "a named export, so that it is found" },
  {
    word: /(?<![\w.])\/(?:home\/\w|root\/|Users\/\w|work\/)/,
    where: /^(src|test|scripts|bench|bin|docs|\.ci)\/|^[^/]+\.(md|json)$/,
    instead: "a path relative to the repository or the home; this one exists on one machine only",
  },
  {
    word: /"\^|"~\d|"latest"/,
    where: /^package\.json$/,
    instead: "an exact version",
  },
];

/** This file and the file of the same kind beside it name what they forbid. */
const NAMES_WHAT_IT_FORBIDS = /^test\/(tidy|architecture)\.test\.ts$/;

const LINES_MAX = 500;
/** Files that were longer when the limit was set, with their length. They may only become shorter. */
const longerFiles: Readonly<Record<string, number>> = {};

const GENERATED = /^(src\/platform\/db\/schema\.ts|package-lock\.json|docs\/reference\/)/;
const CATCH_ALL_NAME =
  /(^|\/)(utils?|helpers?|common|misc|manager|[\w-]+-(utils?|helpers?|manager))\.ts$/;
const README_LINES_MAX = 150;

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function bannedWordsIn(texts: Texts): string[] {
  return [...texts].flatMap(([path, text]) => {
    if (GENERATED.test(path) || NAMES_WHAT_IT_FORBIDS.test(path)) return [];
    return bannedWords.flatMap(({ word, where, except, instead }) => {
      if (!where.test(path) || except?.test(path)) return [];
      return [...text.matchAll(new RegExp(word, `g${word.flags}`))].map(
        (match) => `${path}:${lineOf(text, match.index)} says '${match[0]}': ${instead}.`,
      );
    });
  });
}

function sizesOver(texts: Texts): string[] {
  return [...texts].flatMap(([path, text]) => {
    if (!TYPESCRIPT.test(path) || GENERATED.test(path)) return [];
    const lines = text.split("\n").length - 1;
    const limit = longerFiles[path] ?? LINES_MAX;
    return lines > limit ? [`${path} has ${lines} lines, its limit is ${limit}.`] : [];
  });
}

const withoutCode = (markdown: string) =>
  markdown.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");

function headingsIn(markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/^#{1,6} +(.+?) *$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, "");
}

function wrongTitlesIn(texts: Texts): string[] {
  return [...texts].flatMap(([path, text]) => {
    if (!path.endsWith(".md")) return [];
    const titles = withoutFences(text).match(/^# .+$/gm)?.length ?? 0;
    return titles === 1 ? [] : [`${path} has ${titles} titles (# …); it needs one.`];
  });
}

/** Relative links must lead to a file that exists and, with `#`, to one of its headings. */
function brokenLinksIn(texts: Texts, exists: (path: string) => boolean): string[] {
  return [...texts].flatMap(([path, text]) => {
    if (!path.endsWith(".md")) return [];
    return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
      const link = match[1] ?? "";
      if (/^[a-z]+:/.test(link)) return [];
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : posix.join(posix.dirname(path), file);
      if (!exists(target)) return [`${path} links to ${link}, which does not exist.`];
      const heading = anchor === undefined || headingsIn(texts.get(target) ?? "").includes(anchor);
      return heading ? [] : [`${path} links to ${link}, but ${target} has no such heading.`];
    });
  });
}

function wrongMigrationsIn(paths: readonly string[]): string[] {
  const names = paths.filter((path) => path.startsWith("migrations/")).sort();
  return names.flatMap((name, index) => {
    const expected = `migrations/${String(index + 1).padStart(4, "0")}-`;
    return name.startsWith(expected) && /-[a-z0-9-]+\.sql$/.test(name)
      ? []
      : [`${name} should be named ${expected}words.sql: migrations are numbered without a gap.`];
  });
}

async function readTexts(): Promise<Texts> {
  const root = new URL("..", import.meta.url).pathname;
  const patterns = ["*.{md,json}", "{src,test,scripts,bench,docs,migrations,bin}/**/*", ".ci/*"];
  const found = await Promise.all(
    patterns.map((pattern) =>
      Array.fromAsync(new Bun.Glob(pattern).scan({ cwd: root, dot: true })),
    ),
  );
  const texts = new Map<string, string>();
  for (const path of found.flat().sort()) {
    if (/\.(ts|sql|md|json|svg)$|^(bin|\.ci)\//.test(path)) {
      texts.set(path, await Bun.file(root + path).text());
    }
  }
  return texts;
}

describe("the repository", async () => {
  const root = new URL("..", import.meta.url).pathname;
  const texts = await readTexts();
  const paths = [...texts.keys()];

  test("was really read: a check that saw nothing must not pass", () => {
    const count = (pattern: RegExp) => paths.filter((path) => pattern.test(path)).length;

    expect(count(/^src\/.*\.ts$/)).toBeGreaterThan(20);
    expect(count(/\.md$/)).toBeGreaterThan(10);
    expect(count(/^migrations\/.*\.sql$/)).toBeGreaterThan(2);
    expect(texts.get("package.json")).toContain('"dependencies"');
  });

  test("uses no banned word", () => {
    expect(bannedWordsIn(texts)).toEqual([]);
  });

  test(`keeps files below ${LINES_MAX} lines, and forgets exceptions that are no longer needed`, () => {
    expect(sizesOver(texts)).toEqual([]);
    for (const path of Object.keys(longerFiles)) {
      expect((texts.get(path) ?? "").split("\n").length).toBeGreaterThan(LINES_MAX);
    }
  });

  test("names files for what they do", () => {
    expect(paths.filter((path) => CATCH_ALL_NAME.test(path))).toEqual([]);
  });

  test("gives every document one title", () => {
    expect(wrongTitlesIn(texts)).toEqual([]);
  });

  test("has documents whose links lead somewhere", () => {
    expect(brokenLinksIn(texts, (path) => existsSync(root + path))).toEqual([]);
  });

  test("numbers its migrations without a gap", () => {
    expect(wrongMigrationsIn(paths)).toEqual([]);
  });

  test("gives every domain a door and a README", () => {
    const domains = new Set(
      paths.flatMap((path) => /^src\/domains\/([^/]+)\//.exec(path)?.[1] ?? []),
    );

    const missing = [...domains].flatMap((domain) =>
      ["index.ts", "README.md"]
        .map((file) => `src/domains/${domain}/${file}`)
        .filter((path) => !texts.has(path)),
    );

    expect(domains.size).toBeGreaterThan(0);
    expect(missing).toEqual([]);
  });

  test(`keeps the README within ${README_LINES_MAX} lines`, () => {
    expect((texts.get("README.md") ?? "").split("\n").length - 1).toBeLessThanOrEqual(
      README_LINES_MAX,
    );
  });

  test("has a decision for every runtime dependency", () => {
    const manifest = JSON.parse(texts.get("package.json") ?? "{}") as {
      dependencies: Record<string, string>;
    };
    const decisions = paths
      .filter((path) => path.startsWith("docs/decisions/"))
      .map((path) => texts.get(path) ?? "")
      .join("\n");

    const undecided = Object.keys(manifest.dependencies).filter(
      (name) => !decisions.includes(`\`${name}\``),
    );

    expect(undecided).toEqual([]);
  });

  test("lists every decision in the index of decisions", () => {
    const index = texts.get("docs/decisions/README.md") ?? "";
    const decisions = paths.filter((path) => /^docs\/decisions\/\d{4}-/.test(path));

    expect(decisions.length).toBeGreaterThan(5);
    expect(decisions.filter((path) => !index.includes(`(${posix.basename(path)})`))).toEqual([]);
  });

  test("takes its packages from the registry that the user configured", () => {
    expect(texts.get("package-lock.json")).not.toContain('"resolved"');
  });
});

describe("planted violations are found", () => {
  const planted: readonly [path: string, line: string][] = [
    ["src/gateway/ask.ts", "const at = Date.now();"],
    ["src/gateway/ask.ts", "const at = performance.now();"],
    ["src/gateway/ask.ts", "const at = new Date();"],
    ["src/gateway/ask.ts", "const port = process.env.PORT;"],
    ["src/lib/ids.ts", "const id = Math.random();"],
    ["src/domains/ledger/rules.ts", "const cost = Number(row.cost);"],
    ["src/domains/billing/rules.ts", "const text = Number(row.amountNanos) / 1e9;"],
    ["src/lib/money.ts", "return parseFloat(text);"],
    ["src/worker/main.ts", 'await query("delete from lease where lease_id = $1");'],
    ["src/control/a.ts", "await query(`\n  select name\n  from project where true`);"],
    ["src/worker/main.ts", "console.log(1);"],
    ["src/worker/main.ts", "const x = y as any;"],
    ["migrations/0001-x.sql", "-- TODO: index"],
    ["src/lib/money.test.ts", `test.only("x", () => {});`],
    ["src/lib/money.ts", "export default 1;"],
    ["docs/start.md", "cd /home/someone/baseload"],
    ["package.json", `"zod": "^4.0.0"`],
  ];

  for (const [path, line] of planted) {
    test(`${path}: ${line}`, () => {
      expect(bannedWordsIn(new Map([[path, `\n${line}\n`]]))).toHaveLength(1);
    });
  }

  const allowed: readonly [path: string, line: string][] = [
    ["src/lib/clock.ts", "nowMs: () => Date.now(),"],
    ["src/platform/config/environment.ts", "const variables = process.env;"],
    ["src/lib/money.test.ts", "const started = performance.now();"],
    ["src/gateway/ask.ts", "const status = Number(text);"],
    ["docs/start.md", "open `https://example.com/home/page`"],
  ];

  for (const [path, line] of allowed) {
    test(`allowed: ${path}: ${line}`, () => {
      expect(bannedWordsIn(new Map([[path, line]]))).toEqual([]);
    });
  }

  test("a file that is too long", () => {
    expect(sizesOver(new Map([["src/a.ts", "\n".repeat(LINES_MAX + 1)]]))).toHaveLength(1);
    expect(sizesOver(new Map([["src/a.ts", "\n".repeat(LINES_MAX)]]))).toEqual([]);
  });

  test("a document with two titles, or none", () => {
    expect(wrongTitlesIn(new Map([["a.md", "# One\n\n# Two\n"]]))).toHaveLength(1);
    expect(wrongTitlesIn(new Map([["a.md", "## One\n"]]))).toHaveLength(1);
    expect(wrongTitlesIn(new Map([["a.md", "# One\n\n```sh\n# a comment\n```\n"]]))).toEqual([]);
  });

  test("a link to a file or a heading that is not there", () => {
    const texts = new Map([
      ["docs/a.md", "# A\n\n[b](b.md) [c](../c.md) [d](b.md#two-words) [e](b.md#three) [f](#a)\n"],
      ["docs/b.md", "# B\n\n## Two words\n"],
    ]);

    expect(brokenLinksIn(texts, (path) => texts.has(path))).toEqual([
      "docs/a.md links to ../c.md, which does not exist.",
      "docs/a.md links to b.md#three, but docs/b.md has no such heading.",
    ]);
  });

  test("a gap between migrations", () => {
    expect(wrongMigrationsIn(["migrations/0001-a.sql", "migrations/0003-b.sql"])).toHaveLength(1);
    expect(wrongMigrationsIn(["migrations/0001-a.sql", "migrations/0002-b.sql"])).toEqual([]);
  });

  test("a file named for nothing", () => {
    for (const path of [
      "src/lib/utils.ts",
      "src/up/process-manager.ts",
      "test/support/helpers.ts",
    ]) {
      expect(path).toMatch(CATCH_ALL_NAME);
    }
    expect("src/gateway/ask.ts").not.toMatch(CATCH_ALL_NAME);
  });
});
