/** What is checked without running the product. `npm run check` and `npm test` share this table. */
import { join } from "node:path";
import type { Step } from "./run-step.ts";

export const root = join(import.meta.dir, "..");
const tool = (name: string) => join(root, "node_modules", ".bin", name);
/** The slowest takes about five seconds on two cores; a check that takes this long is stuck. */
const TIMEOUT_MS = 180_000;

const table: readonly [name: string, ...command: string[]][] = [
  ["format and lint", tool("biome"), "check", "--error-on-warnings", "."],
  ["types", tool("tsc")],
  ["unused code and dependencies", tool("knip"), "--no-progress"],
  ["generated files", process.execPath, join(root, "scripts", "generate.ts"), "--verify"],
];

export const staticChecks: readonly Step[] = table.map(([name, ...command]) => ({
  name,
  command,
  timeoutMs: TIMEOUT_MS,
}));
