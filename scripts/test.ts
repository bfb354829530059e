/**
 * `npm test`: the static checks, then every test file of the repository, group by group, on one throw-away
 * PostgreSQL. `npm test -- unit crash` runs only these groups. The last line is `N passed, N failed`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestPostgres } from "../test/support/postgres.ts";
import { type Counts, readJunit } from "./read-junit.ts";
import { runStep, type Step, say, seconds, stopStepsOnSignal } from "./run-step.ts";
import { root, staticChecks } from "./static-checks.ts";

type Group = {
  name: string;
  files: RegExp;
  /** For one run of `bun test`. */
  timeoutMs: number;
  /** For one test that does not name its own limit. */
  testTimeoutMs: number;
  /** One process for each file: where processes and ports are at stake, a stuck file takes no other with it. */
  apart: boolean;
};

/** Where test/support/postgres.ts looks for a server before it starts one of its own. */
const SHARED_POSTGRES = "BASELOAD_TEST_POSTGRES_URL";
const MINUTE_MS = 60_000;

/** In order: what fails fast comes first. */
const groups: readonly Group[] = [
  {
    name: "rules",
    files: /^test\/[^/]+\.test\.ts$/,
    timeoutMs: MINUTE_MS,
    testTimeoutMs: 10_000,
    apart: false,
  },
  {
    name: "unit",
    files: /^(src|scripts|bench|test\/support)\/.*\.test\.ts$/,
    timeoutMs: 8 * MINUTE_MS,
    testTimeoutMs: 30_000,
    apart: false,
  },
  {
    name: "contract",
    files: /^test\/contract\/.*\.test\.ts$/,
    timeoutMs: 5 * MINUTE_MS,
    testTimeoutMs: 60_000,
    apart: true,
  },
  {
    name: "simulation",
    files: /^test\/simulation\/.*\.test\.ts$/,
    timeoutMs: 10 * MINUTE_MS,
    testTimeoutMs: 5 * MINUTE_MS,
    apart: true,
  },
  {
    name: "crash",
    files: /^test\/crash\/.*\.test\.ts$/,
    timeoutMs: 10 * MINUTE_MS,
    testTimeoutMs: 5 * MINUTE_MS,
    apart: true,
  },
];

/** Where reports go, and what every test process needs to know. */
type Runner = { folder: string; env: Readonly<Record<string, string>> };

type Tally = Counts & { name: string; elapsedMs: number; problems: string[] };

async function runStaticChecks({ env }: Runner): Promise<Tally> {
  const tally = newTally("static checks");
  for (const step of staticChecks) {
    say(`\n── ${step.name}`);
    const { exitCode, elapsedMs } = await runStep({ ...step, env });
    tally.elapsedMs += elapsedMs;
    if (exitCode === 0) tally.passed += 1;
    else addProblem(tally, step.name);
  }
  return tally;
}

async function runGroup(group: Group, files: readonly string[], runner: Runner): Promise<Tally> {
  const tally = newTally(group.name);
  for (const batch of group.apart ? files.map((file) => [file]) : [files]) {
    if (batch.length > 0) await runBatch(tally, group, batch, runner);
  }
  if (tally.passed + tally.failed === 0) addProblem(tally, "ran no test");
  return tally;
}

async function runBatch(
  tally: Tally,
  group: Group,
  files: readonly string[],
  { folder, env }: Runner,
): Promise<void> {
  const subject = group.apart ? files.join(" ") : group.name;
  const report = join(folder, `${subject.replace(/\W/g, "-")}.xml`);
  const step: Step = {
    name: subject,
    command: [
      ...[process.execPath, "test", `--timeout=${group.testTimeoutMs}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
      ...files.map((file) => `./${file}`),
    ],
    timeoutMs: group.timeoutMs,
    env,
  };
  const { exitCode, timedOut, elapsedMs } = await runStep(step);
  const counts = (await Bun.file(report).exists()) && readJunit(await Bun.file(report).text());

  tally.elapsedMs += elapsedMs;
  if (counts) {
    tally.passed += counts.passed;
    tally.failed += counts.failed;
    tally.skipped += counts.skipped;
  }
  if (timedOut) addProblem(tally, `${subject} did not finish in time`);
  else if (!counts) addProblem(tally, `${subject} ended without a report (exit code ${exitCode})`);
  else if (exitCode !== 0 && counts.failed === 0) {
    addProblem(tally, `${subject} failed outside its tests (exit code ${exitCode})`);
  }
}

function newTally(name: string): Tally {
  return { name, passed: 0, failed: 0, skipped: 0, elapsedMs: 0, problems: [] };
}

/** Counts as one failure: a run that cannot be counted is not a run without failures. */
function addProblem(tally: Tally, problem: string): void {
  tally.failed += 1;
  tally.problems.push(problem);
}

async function findTests(): Promise<Map<Group, string[]>> {
  const glob = new Bun.Glob("{src,test,scripts,bench}/**/*.test.ts");
  const byGroup = new Map<Group, string[]>(groups.map((group) => [group, []]));
  for (const file of (await Array.fromAsync(glob.scan(root))).sort()) {
    const group = groups.find((candidate) => candidate.files.test(file));
    if (group === undefined) throw new Error(`${file} belongs to no group of scripts/test.ts`);
    byGroup.get(group)?.push(file);
  }
  return byGroup;
}

function summarize(tallies: readonly Tally[]): Counts {
  const total = newTally("");
  say("");
  for (const tally of tallies) {
    say(
      `${tally.name.padEnd(14)} ${String(tally.passed).padStart(5)} passed ` +
        `${String(tally.failed).padStart(4)} failed   ${seconds(tally.elapsedMs)}`,
    );
    for (const problem of tally.problems) say(`               ${problem}`);
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
  }
  return total;
}

async function runAll(wanted: readonly string[]): Promise<Counts> {
  const tests = await findTests();
  const folder = await mkdtemp(join(tmpdir(), "baseload-test-"));
  const postgres = await startTestPostgres();
  const runner: Runner = { folder, env: { [SHARED_POSTGRES]: postgres.url } };
  const tallies: Tally[] = [];
  try {
    if (wanted.length === 0) tallies.push(await runStaticChecks(runner));
    for (const [group, files] of tests) {
      if (wanted.length > 0 && !wanted.includes(group.name)) continue;
      say(`\n── ${group.name} (${files.length} files)`);
      tallies.push(await runGroup(group, files, runner));
    }
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return summarize(tallies);
}

stopStepsOnSignal();
process.chdir(root);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !groups.some((group) => group.name === name));
if (unknown.length > 0) {
  say(
    `no such group: ${unknown.join(", ")}; there are ${groups.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
const { passed, failed, skipped } = await runAll(wanted);
say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
