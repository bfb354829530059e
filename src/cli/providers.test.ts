/** Known providers and their credentials on the command line, against a control plane. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { secrets, startTestControl, type TestControl } from "../../test/support/control.ts";
import {
  type CommandRunOptions,
  runCommandLine,
  wordsOf,
} from "../../test/support/run-command-line.ts";

const START_TIMEOUT_MS = 60_000;

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^\d+$/);

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  const text = JSON.stringify({ admin_token: secrets.admin_token });
  writeFileSync(join(control.home, "secrets.json"), text);
}, START_TIMEOUT_MS);
afterAll(() => control[Symbol.asyncDispose]());

const run = (line: string, options: CommandRunOptions = {}) =>
  runCommandLine([...wordsOf(line), "--home", control.home], options);

async function json<T = Record<string, unknown>>(
  line: string,
  options: CommandRunOptions = {},
): Promise<T> {
  const { code, notes, json: read } = await run(`${line} --json`, options);
  expect({ code, notes }).toEqual({ code: 0, notes: "" });
  return read<T>();
}

test("provider add takes what is left out from the table; presets lists it", async () => {
  const options = { variables: { GROQ_KEY: "gsk-1" } };
  const base = `http://127.0.0.1:9/v1`;

  const added = await json(
    `provider add fast --preset groq --base-url ${base} --api-key-env GROQ_KEY --allow-private`,
    options,
  );
  const listed = await run("provider presets");
  const asked = await run("provider add opnai --api-key-env GROQ_KEY", options);

  expect(added).toMatchObject({
    name: "fast",
    dialect: "openai-chat",
    base_url: base,
    region: null,
    quirks: { output_limit_field: "max_completion_tokens", choices_max: 1 },
  });
  expect(listed.out).toMatch(/alibaba +Alibaba Cloud Model Studio +ap-southeast-1,cn-beijing/);
  expect(asked.code).toBe(1);
  expect(asked.notes).toContain("Did you mean 'openai'?");
});

test("provider add takes quirks as JSON, too", async () => {
  const line = [
    ...`provider add odd --dialect openai-chat --base-url http://127.0.0.1:9/v1 --allow-private`.split(
      " ",
    ),
    "--quirks",
    '{"auth":"api-key","paths":{"chat_completions":"/chat"}}',
  ];
  const added = await run(line.join(" "));

  expect(added.code).toBe(0);
  const listed = await json<{ data: { name: string; quirks: unknown }[] }>("provider list");
  expect(listed.data.find(({ name }) => name === "odd")?.quirks).toEqual({
    auth: "api-key",
    paths: { chat_completions: "/chat" },
  });
  expect((await run("provider add odder --base-url http://127.0.0.1:9/v1 --quirks {x")).code).toBe(
    2,
  );
});

test("provider credential add, list and remove never show the credential", async () => {
  const options = { variables: { FIRST_KEY: "sk-first", SECOND_KEY: "sk-second" } };
  const local = "provider add local --base-url http://127.0.0.1:9/v1 --allow-private";
  await json(`${local} --api-key-env FIRST_KEY`, options);

  const added = await json(
    "provider credential add local second --api-key-env SECOND_KEY --weight 0",
    options,
  );
  const listed = await run("provider credential list local");
  const removed = await json("provider credential remove local second");

  expect(added).toEqual({ id, name: "second", weight: 0, created_at: time, removed_at: null });
  expect(listed.out).toMatch(/default +1[\s\S]*second +spare/);
  expect(removed).toMatchObject({ name: "second", removed_at: time });
  expect(JSON.stringify([added, listed, removed])).not.toContain("sk-");
  for (const line of [
    "provider credential add local x --api-key-env SECOND_KEY --weight -1",
    "provider credential add local x --api-key-env SECOND_KEY --weight 1.5",
    "provider credential add local x --api-key-env NOT_SET",
    "provider credential add local x",
    "provider credential frob",
  ]) {
    expect((await run(line, options)).code).toBe(2);
  }
});
