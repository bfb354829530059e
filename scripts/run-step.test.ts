import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runStep } from "./run-step.ts";

const script = (text: string) => ["sh", "-c", text];

test("a step reports how it ended", async () => {
  const result = await runStep({ name: "ends", command: script("exit 3"), timeoutMs: 10_000 });

  expect(result).toMatchObject({ exitCode: 3, timedOut: false });
});

test("a step that hangs is killed together with what it started", async () => {
  const file = join(tmpdir(), `baseload-step-${process.pid}`);
  const command = script(`sleep 600 & echo $! >${file}; wait`);

  const result = await runStep({ name: "hangs", command, timeoutMs: 300 });

  const child = Number(readFileSync(file, "utf8"));
  rmSync(file);
  expect(result.timedOut).toBe(true);
  await untilGone(child);
});

test("what a finished step leaves behind is ended", async () => {
  const file = join(tmpdir(), `baseload-step-left-${process.pid}`);
  const command = script(`sleep 600 & echo $! >${file}`);

  await runStep({ name: "leaves", command, timeoutMs: 10_000 });

  const child = Number(readFileSync(file, "utf8"));
  rmSync(file);
  await untilGone(child);
});

/** A killed process is gone once its parent, whoever that is by then, has taken note of it. */
async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (isRunning(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} still runs`);
    await Bun.sleep(20);
  }
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
