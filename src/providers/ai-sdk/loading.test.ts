import { expect, test } from "bun:test";
import { join } from "node:path";

/** In a process of its own: this one has loaded them with other tests. */
function loadedAfter(code: string): string[] {
  const script = `${code}; process.stdout.write(JSON.stringify(Object.keys(require.cache)))`;
  const root = join(import.meta.dir, "../../..");
  const run = Bun.spawnSync([process.execPath, "-e", script], { cwd: root });
  const paths = JSON.parse(run.stdout.toString()) as string[];
  return paths.filter((path) => path.includes("/@ai-sdk/"));
}

test("no package is loaded before the first call that needs it, and then only its own", () => {
  const exchange = 'await import("./src/providers/chat-exchange.ts")';
  const opened = 'const { apis } = await import("./src/providers/ai-sdk/apis/apis.ts")';
  const cohere = "await apis.cohere.open({ baseURL: 'https://x.example', fetch, model: 'm' })";

  expect(loadedAfter(exchange)).toEqual([]);
  const loaded = loadedAfter(`${exchange}; ${opened}; ${cohere}`);
  expect(loaded.some((path) => path.includes("/@ai-sdk/cohere/"))).toBe(true);
  expect(loaded.filter((path) => /google|bedrock|mistral/.test(path))).toEqual([]);
});
