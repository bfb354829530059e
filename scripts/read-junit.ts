/** Counts from the report that `bun test --reporter=junit` writes: its first element sums the run. */

export type Counts = { passed: number; failed: number; skipped: number };

export function readJunit(xml: string): Counts | undefined {
  const summary = /<testsuites [^>]*>/.exec(xml)?.[0];
  if (summary === undefined) return undefined;
  const count = (name: string) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(summary)?.[1]);
  const [tests, failed, skipped] = [count("tests"), count("failures"), count("skipped")];
  if (![tests, failed, skipped].every(Number.isInteger)) return undefined;
  return { passed: tests - failed - skipped, failed, skipped };
}
