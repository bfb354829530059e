/**
 * Runs one command of a check or a test run, with its output live on the terminal and an end that is
 * certain: what does not finish in time is killed together with everything it started.
 */

export type Step = {
  name: string;
  command: readonly string[];
  timeoutMs: number;
  env?: Readonly<Record<string, string>>;
};

export type StepResult = { exitCode: number; timedOut: boolean; elapsedMs: number };

/** Between asking a process group to end and ending it. */
const KILL_AFTER_MS = 5_000;

const running = new Set<number>();

export async function runStep(step: Step): Promise<StepResult> {
  const startedMs = performance.now();
  // A process group of its own, so that a stuck step is killed with its children.
  const child = Bun.spawn([...step.command], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
    env: { ...process.env, ...step.env },
  });
  running.add(child.pid);
  let timedOut = false;
  const timers = [
    setTimeout(() => {
      timedOut = true;
      say(`${step.name}: not finished after ${step.timeoutMs / 1000} s, stopping it`);
      signalGroup(child.pid, "SIGTERM");
    }, step.timeoutMs),
    setTimeout(() => signalGroup(child.pid, "SIGKILL"), step.timeoutMs + KILL_AFTER_MS),
  ];

  const exitCode = await child.exited;
  for (const timer of timers) clearTimeout(timer);
  // What a step leaves behind, such as a server that a failed test did not stop, ends with it.
  signalGroup(child.pid, "SIGKILL");
  running.delete(child.pid);
  return { exitCode, timedOut, elapsedMs: performance.now() - startedMs };
}

/** A step lives in a group of its own, which Ctrl-C does not reach by itself. */
export function stopStepsOnSignal(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      for (const pid of running) signalGroup(pid, "SIGKILL");
      process.exit(130);
    });
  }
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export const seconds = (elapsedMs: number): string => `${(elapsedMs / 1000).toFixed(1)} s`;

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}
