/** `npm run check`: everything that can be said about the code without starting the product, in seconds. */
import { join } from "node:path";
import { runStep, type Step, say, seconds, stopStepsOnSignal } from "./run-step.ts";
import { root, staticChecks } from "./static-checks.ts";

const rules: Step = {
  name: "architecture and style",
  command: [
    process.execPath,
    "test",
    "--only-failures",
    join(root, "test", "architecture.test.ts"),
    join(root, "test", "tidy.test.ts"),
  ],
  timeoutMs: 60_000,
};

stopStepsOnSignal();
process.chdir(root);
const failed: string[] = [];
for (const step of [...staticChecks, rules]) {
  const { exitCode, elapsedMs } = await runStep(step);
  if (exitCode !== 0) failed.push(step.name);
  say(`${exitCode === 0 ? "ok    " : "FAILED"}  ${step.name} (${seconds(elapsedMs)})`);
}
if (failed.length > 0) say(`\nnot yet right: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
