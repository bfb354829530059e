import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Served, toLookedUp, toUsage } from "./served.ts";

const folder = mkdtempSync(join(tmpdir(), "sandbox-served-"));
afterAll(() => rmSync(folder, { recursive: true }));

const prompt = { promptTokens: 100, cachedTokens: 40 };
const inMemory = (attemptsMax = 10): Served => new Served({ attemptsMax, log: undefined });

describe("what was served", () => {
  test("is counted as it is generated", () => {
    const served = inMemory();
    const attempt = served.begin("a", prompt);
    served.generate(attempt, { completion: 5, reasoning: 3 });
    served.generate(attempt, { completion: 2, reasoning: 0 });
    expect(served.find("a")).toMatchObject({ state: "running", completion_tokens: 7 });
    served.end(attempt, "client_left");
    expect(served.find("a")).toEqual({
      id: "a",
      state: "finished",
      calls: 1,
      prompt_tokens: 100,
      cached_tokens: 40,
      completion_tokens: 7,
      reasoning_tokens: 3,
      quantities: {},
      outcome: "client_left",
    });
    expect(toUsage(served.totals)).toMatchObject({ total_tokens: 107 });
  });

  test("beside chat is counted by kind, and survives with the log", () => {
    const log = join(folder, "by-kind.log");
    const before = new Served({ attemptsMax: 10, log });
    const attempt = before.begin("a", { promptTokens: 0, cachedTokens: 0 });
    before.use(attempt, { input: 5, quantities: { uncached_input: 5 } });
    before.use(attempt, { output: 30, quantities: { images: 1, image_output: 30 } });
    before.use(attempt, { output: 30, quantities: { images: 1, image_output: 30 } });
    before.end(attempt, "answered");
    before.close();
    const after = new Served({ attemptsMax: 10, log });
    const quantities = { uncached_input: 5, images: 2, image_output: 60 };
    expect(after.totals).toMatchObject({ prompt_tokens: 5, completion_tokens: 60, quantities });
    expect(toLookedUp(attempt)).toMatchObject({ total_tokens: 65, quantities });
    after.close();
  });

  test("twice under one id is counted twice", () => {
    const served = inMemory();
    for (const _ of [1, 2]) {
      const attempt = served.begin("a", prompt);
      served.generate(attempt, { completion: 5, reasoning: 0 });
      served.end(attempt, "answered");
    }
    expect(served.find("a")).toMatchObject({ calls: 2, prompt_tokens: 200, completion_tokens: 10 });
    expect(served.totals).toMatchObject({ calls: 2, prompt_tokens: 200, completion_tokens: 10 });
  });

  test("is forgotten attempt by attempt, the oldest first, while the totals stay", () => {
    const served = inMemory(3);
    for (const id of ["a", "b", "c", "d", "e"]) served.end(served.begin(id, prompt), "answered");
    expect([...served.attempts].map(({ id }) => id)).toEqual(["c", "d", "e"]);
    expect(served.find("a")).toBeUndefined();
    expect(served.totals.calls).toBe(5);
  });
});

describe("the log", () => {
  test("brings everything back, also of an attempt that was running", () => {
    const log = join(folder, "a.log");
    const before = new Served({ attemptsMax: 10, log });
    const done = before.begin("done", prompt);
    before.generate(done, { completion: 5, reasoning: 1 });
    before.end(done, "answered");
    before.generate(before.begin("running", prompt), { completion: 3, reasoning: 0 });
    // Not closed: a killed process closes nothing.
    const after = new Served({ attemptsMax: 10, log });
    expect(after.totals).toEqual(before.totals);
    expect(after.find("done")).toEqual(done);
    expect(after.find("running")).toMatchObject({
      state: "finished",
      outcome: "sandbox_died",
      completion_tokens: 3,
    });
    before.close();
    after.close();
  });

  test("with a torn last line loses only that line, and goes on behind it", () => {
    const log = join(folder, "torn.log");
    const before = new Served({ attemptsMax: 10, log });
    before.end(before.begin("a", prompt), "answered");
    before.close();
    appendFileSync(log, '{"id":"b","state":"run');
    const after = new Served({ attemptsMax: 10, log });
    after.end(after.begin("c", prompt), "answered");
    after.close();
    const again = new Served({ attemptsMax: 10, log });
    expect([...again.attempts].map(({ id }) => id)).toEqual(["a", "c"]);
    again.close();
    expect(readFileSync(log, "utf8")).toEndWith("\n");
  });
});

const CLIENTS = 20;

test("a sandbox that is killed in the middle of streams knows afterwards what it had generated", async () => {
  const log = join(folder, "killed.log");
  const program = `
    import { startSandbox } from "./start.ts";
    const sandbox = await startSandbox({ port: 0, hostname: "127.0.0.1", token: null, log: ${JSON.stringify(log)} });
    process.stdout.write(sandbox.url + "\\n");
  `;
  const child = Bun.spawn([process.execPath, "-e", program], {
    cwd: import.meta.dir,
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const url = new TextDecoder().decode(value).trim();

  const hasBegun = new Set<number>();
  const received = await Promise.all(
    Array.from({ length: CLIENTS }, (_, at) => readUntilCut(url, at)),
  );
  expect(received.every((words) => words > 0)).toBe(true);

  const after = new Served({ attemptsMax: 100, log });
  for (const [at, words] of received.entries()) {
    const attempt = after.find(`stream-${at}`);
    expect(attempt?.outcome).toBe("sandbox_died");
    // Each piece is logged before it is sent.
    expect(attempt?.completion_tokens).toBeGreaterThanOrEqual(words);
  }
  after.close();

  /** The words of a stream that a client got before the sandbox was killed, which is when all have some. */
  async function readUntilCut(baseUrl: string, at: number): Promise<number> {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: { "x-baseload-attempt": `stream-${at}` },
      body: JSON.stringify({
        model: "sandbox-lorem",
        messages: [{ role: "user", content: "x" }],
        stream: true,
        sandbox: { completion_tokens: 5_000, token_delay_ms: 2 },
      }),
    });
    let text = "";
    try {
      for await (const chunk of response.body ?? []) {
        text += new TextDecoder().decode(chunk);
        if (text.split("content").length > 10) hasBegun.add(at);
        if (hasBegun.size === CLIENTS) child.kill(9);
      }
    } catch {
      // The connection broke, as it should.
    }
    return (text.match(/"content":"[a-z]+ "/g) ?? []).length;
  }
});
