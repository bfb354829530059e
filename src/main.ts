/** argv → role → start → wait for a signal → stop. Everything else is the command line. */
import { fstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { isRole, type Role } from "./platform/roles.ts";

const FAILED = 1;
/** Flags of every command whose value is a word of its own. */
const VALUE_FLAGS = ["--home", "--control-url"];

async function main(argv: readonly string[]): Promise<number> {
  const [word, ...words] = commandFirst(argv);
  const wantsHelp = words.includes("--help") || words.includes("-h");
  if (word === "up" && !wantsHelp) {
    const { runUp } = await import("./up/start.ts");
    return await runUp(words);
  }
  if (isRole(word) && !wantsHelp) return await runRole(word, words);
  const { runCli } = await import("./cli/main.ts");
  return await runCli(word === undefined ? [] : [word, ...words]);
}

/** Flags may stand before the command, as in `baseload --home DIR up`. */
function commandFirst(argv: readonly string[]): readonly string[] {
  let at = 0;
  while (argv[at]?.startsWith("--")) at += VALUE_FLAGS.includes(argv[at] ?? "") ? 2 : 1;
  const word = argv[at];
  return word === undefined ? argv : [word, ...argv.slice(0, at), ...argv.slice(at + 1)];
}

async function runRole(role: Role, words: readonly string[]): Promise<number> {
  const { processVariables, readConfig } = await import("./platform/config/env.ts");
  const { splitFlags } = await import("./platform/config/flags.ts");
  const { createLog, fileSink, stderrSink } = await import("./platform/log.ts");
  const { composeRole } = await import("./compose.ts");

  const { flags } = splitFlags(words, []);
  const config = readConfig({ variables: processVariables(), flags });
  const isSupervised = standardInputIsPipe();
  const logsFolder = join(config.home, "logs");
  mkdirSync(logsFolder, { recursive: true, mode: 0o700 });
  const log = createLog({
    role,
    level: config.log.level,
    sink: isSupervised ? fileSink(join(logsFolder, `${role}.log`)) : stderrSink,
  }).child({ pid: process.pid });
  endOnBugs((error) => log.error("a bug ends this process", { error }));

  const asked = askedToStop(isSupervised);
  const running = await composeRole[role](config, log);
  process.stdout.write(`${JSON.stringify({ ready: true, role })}\n`);
  await asked;
  await running.stop();
  return 0;
}

/**
 * Resolves at SIGTERM, at SIGINT, or when the supervisor is gone: it holds the other end of our standard
 * input, which closes however it ends. A terminal or /dev/null says nothing about a supervisor.
 */
function askedToStop(isSupervised: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
    if (!isSupervised) return;
    process.stdin.on("end", () => resolve());
    process.stdin.on("close", () => resolve());
    process.stdin.on("error", () => resolve());
    process.stdin.resume();
  });
}

function standardInputIsPipe(): boolean {
  const stdin = fstatSync(0);
  return stdin.isFIFO() || stdin.isSocket();
}

/** After an error that nobody handled the state of the process is unknown: it ends, and is started again. */
function endOnBugs(report: (error: unknown) => void): void {
  const end = (error: unknown): void => {
    report(error);
    process.exit(FAILED);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

function explain(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`baseload: ${message}\n`);
  return FAILED;
}

process.exit(await main(process.argv.slice(2)).catch(explain));
