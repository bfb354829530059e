/**
 * A coding agent as it comes from npm, run headless through the gateway: Qwen Code, which speaks all three APIs. Its
 * model asks for a file to be written, and says that it is done once it has been.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { message, messageFrames, text, toolUse } from "../support/anthropic-client.ts";
import {
  type ScriptedUpstream,
  sseResponse,
  startScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

/** An agent starts slowly on a busy machine: several megabytes of its code are read. */
const AGENT_MS = 60_000;
/** Its prompt and the descriptions of its tools are some 80 kB. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;

let stack: Stack;
let upstream: ScriptedUpstream;
let folder: string;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "baseload-agent-")));
  stack = await startStack({ limits: { bodyBytesMax: BODY_BYTES_MAX } });
  upstream = startScriptedUpstream();
  await stack.provider({ name: "anthropic", url: upstream.url, dialect: "anthropic-messages" });
  await stack.model({ name: "simulated", maxOutputTokens: 32_000 });
  await stack.model({ name: "claude", provider: "anthropic", maxOutputTokens: 32_000 });
});
afterAll(async () => {
  await stack.untilPosted();
  expect((await stack.ledger()).problems).toEqual([]);
  await upstream[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Wire = "openai" | "anthropic";
type Model = {
  id: string;
  baseUrl: string;
  wireApi?: "chat-completions" | "responses";
  generationConfig?: object;
};

/** A project and a home of its own: nothing of this machine's settings counts, and nobody is told of the run. */
function prepare(name: string, wire: Wire, model: Model) {
  const [home, project] = [join(folder, `${name}-home`), join(folder, name)];
  mkdirSync(join(home, ".qwen"), { recursive: true });
  mkdirSync(project);
  const settings = {
    general: { enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    memory: { enableManagedAutoMemory: false },
    security: { auth: { selectedType: wire } },
    model: { name: model.id },
    modelProviders: { [wire]: [{ name: model.id, envKey: "AGENT_KEY", ...model }] },
  };
  writeFileSync(join(home, ".qwen", "settings.json"), JSON.stringify(settings));
  return { home, project, file: join(project, "hello.txt") };
}

async function runAgent(
  { home, project }: { home: string; project: string },
  key: CreatedKey,
): Promise<string> {
  const entry = join(
    dirname(Bun.resolveSync("@qwen-code/qwen-code/package.json", import.meta.dir)),
    "cli-entry.js",
  );
  const agent = Bun.spawn(
    [process.execPath, entry, "--yolo", "--prompt", "Write a file that says hello."],
    {
      cwd: project,
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        AGENT_KEY: key.key,
        QWEN_CODE_SUPPRESS_YOLO_WARNING: "1",
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: AGENT_MS,
    },
  );
  const [said, complained] = await Promise.all([
    new Response(agent.stdout).text(),
    new Response(agent.stderr).text(),
    agent.exited,
  ]);
  if (agent.exitCode !== 0) throw new Error(`the agent failed: ${complained}`);
  return said;
}

for (const wireApi of ["chat-completions", "responses"] as const) {
  test(
    `on the sandbox, by ${wireApi}: the file is written and every call is metered`,
    async () => {
      const key = await stack.key({ organization: wireApi });
      const file_path = join(folder, wireApi, "hello.txt");
      const sandbox = {
        tool_calls: [{ name: "write_file", arguments: { file_path, content: "hello\n" } }],
        answer: "It is written.",
        prompt_tokens: 900,
      };
      const at = prepare(wireApi, "openai", {
        ...{ id: "simulated", baseUrl: stack.url, wireApi },
        generationConfig: { extra_body: { sandbox } },
      });
      const before = await stack.served();
      const said = await runAgent(at, key);
      await stack.untilPosted();
      const after = await stack.served();
      const events = await stack.events({ keyId: key.keyId });

      expect(readFileSync(at.file, "utf8")).toBe("hello\n");
      expect(said).toContain("It is written.");
      expect(events.length).toBeGreaterThanOrEqual(2);
      expect(events.length).toBe(after.calls - before.calls);
      for (const event of events) {
        expect(event).toMatchObject({
          outcome: "completed",
          source: "provider",
          inputTokens: 900,
          uncoveredPicos: 0n,
        });
      }
    },
    AGENT_MS,
  );
}

test(
  "in front of Anthropic, by its API: the file is written and every call is metered",
  async () => {
    const key = await stack.key({ organization: "others" });
    const at = prepare("by-anthropic", "anthropic", {
      id: "claude",
      baseUrl: stack.url.replace(/\/v1$/, ""),
    });
    const write = { file_path: at.file, content: "hello from afar\n" };
    upstream.answer = ({ body }) => {
      const hasResult = JSON.stringify(body["messages"]).includes('"tool_result"');
      const content = hasResult
        ? [text("It is written.")]
        : [
            { type: "thinking", thinking: "A file, then.", signature: "EqQBCgIYAhIM" },
            toolUse("toolu_01Write", "write_file", write),
          ];
      const usage = { input_tokens: 100, cache_read_input_tokens: 20_000, output_tokens: 40 };
      const answer = message(content, usage);
      return body["stream"] === true ? sseResponse(messageFrames(answer)) : Response.json(answer);
    };
    const said = await runAgent(at, key);
    await stack.untilPosted();
    const events = await stack.events({ keyId: key.keyId });
    const calls = upstream.requests.filter(({ path }) => path === "/v1/messages");

    expect(readFileSync(at.file, "utf8")).toBe("hello from afar\n");
    expect(said).toContain("It is written.");
    expect(events.length).toBeGreaterThanOrEqual(2);
    expect(events.length).toBe(calls.length);
    for (const event of events) {
      expect(event).toMatchObject({
        outcome: "completed",
        source: "provider",
        inputTokens: 20_100,
        outputTokens: 40,
        uncoveredPicos: 0n,
      });
    }
  },
  AGENT_MS,
);
