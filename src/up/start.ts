/** `baseload up`: starts everything, shows the first minute, stays until it is asked to stop. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import type { Config } from "../platform/config/config.ts";
import {
  checkConfig,
  processVariables,
  readConfig,
  type Variables,
} from "../platform/config/env.ts";
import { splitFlags } from "../platform/config/flags.ts";
import { cleanText, createLog, fileSink, type Log } from "../platform/log.ts";
import { runFolderOf } from "../platform/process-sockets.ts";
import { version } from "../platform/version.ts";
import { bringUp } from "./bring-up.ts";
import { lockHome } from "./home-lock.ts";
import { createScreen, type Screen } from "./screen.ts";
import { Supervisor } from "./supervisor.ts";

const SWITCHES = ["--no-model", "--no-first-call"] as const;
const DONE = 0;
const REFUSED = 1;
const WRONG_USAGE = 2;
/** npm sends its child the signal that the terminal has sent to both: it is one wish, not two. */
const SAME_WISH_MS = 700;
const COLUMNS_DEFAULT = 100;

export type UpOptions = { config: Config; hostsModel: boolean; makesFirstCall: boolean };

/** @returns the exit code. */
export async function runUp(words: readonly string[]): Promise<number> {
  const screen = processScreen();
  const variables = processVariables();
  let options: UpOptions;
  try {
    options = readOptions(words, variables);
  } catch (error) {
    screen.print(`baseload: ${messageOf(error)}`);
    return WRONG_USAGE;
  }
  for (const warning of checkConfig({ variables }).warnings) screen.print(warning.trim());
  mkdirSync(runFolderOf(options.config.home), { recursive: true, mode: 0o700 });
  mkdirSync(join(options.config.home, "logs"), { recursive: true, mode: 0o700 });
  const log = createLog({
    role: "up",
    level: options.config.log.level,
    sink: fileSink(join(options.config.home, "logs", "up.log")),
  });
  try {
    const lock = await lockHome(options.config.home);
    try {
      return await superviseUntilAsked(options, { screen, log, variables });
    } finally {
      lock.release();
    }
  } catch (error) {
    return explain(error, { screen, log });
  }
}

type Surroundings = { screen: Screen; log: Log; variables: Variables };

async function superviseUntilAsked(
  options: UpOptions,
  { screen, log, variables }: Surroundings,
): Promise<number> {
  const { config } = options;
  const supervisor = new Supervisor({ config, variables, screen, log, clock: systemClock });
  const wish = listenForStop(supervisor, screen);
  screen.heading(`Baseload ${version}`);
  screen.print("");
  let exitCode = DONE;
  try {
    await Promise.race([
      bringUp({ ...options, supervisor, screen, log, signal: wish.signal }),
      wish.came,
    ]);
    await wish.came;
  } catch (error) {
    if (!wish.signal.aborted) exitCode = explain(error, { screen, log });
  }
  log.info("stopping");
  screen.print("");
  screen.heading(wish.signal.aborted ? "Stopping (Ctrl-C again: at once)" : "Stopping");
  await supervisor.stop();
  log.info("stopped");
  return exitCode;
}

/** The first signal asks for an orderly stop, a second one for an immediate one. */
function listenForStop(
  supervisor: Supervisor,
  screen: Screen,
): { signal: AbortSignal; came: Promise<void> } {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let firstMs = 0;
  const onSignal = (): void => {
    const nowMs = systemClock.monotonicMs();
    if (!controller.signal.aborted) {
      firstMs = nowMs;
      controller.abort();
      resolve();
      return;
    }
    if (nowMs - firstMs < SAME_WISH_MS) return;
    screen.print("Stopped at once. The next start settles what was under way.");
    void supervisor.kill().finally(() => process.exit(REFUSED));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  return { signal: controller.signal, came: promise };
}

function readOptions(words: readonly string[], variables: Variables): UpOptions {
  const { flags, switches } = splitFlags(words, SWITCHES);
  const config = readConfig({ variables, flags });
  return {
    config,
    hostsModel: !switches.has("--no-model"),
    makesFirstCall: !switches.has("--no-first-call"),
  };
}

function explain(error: unknown, { screen, log }: { screen: Screen; log: Log }): number {
  log.error("could not start", { error });
  screen.print("");
  screen.print(`baseload: ${messageOf(error)}`);
  return REFUSED;
}

function messageOf(error: unknown): string {
  const message = cleanText(error instanceof Error ? error.message : String(error));
  return error instanceof Failure ? message : `something unexpected happened: ${message}`;
}

function processScreen(): Screen {
  // The reader of a pipe may leave; the platform goes on.
  process.stdout.on("error", () => undefined);
  return createScreen({
    out: (text) => void process.stdout.write(text),
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? COLUMNS_DEFAULT,
    clock: systemClock,
  });
}
