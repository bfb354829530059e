/** Routes from the control plane to running gateways, and the health of deployments the other way. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningControl, startControl } from "../../src/control/start.ts";
import { createLog } from "../../src/platform/log.ts";
import { secrets } from "../support/control.ts";
import {
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  wireUsage,
} from "../support/scripted-upstream.ts";
import { type CreatedKey, type Stack, sealKey, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

/** It takes a few milliseconds, and a second is promised; a machine that is busy with other tests gets two more. */
const IN_FORCE_MS = 3_000;
/** Connections spread over the gateways: so many in a row reach all of them. */
const ASKED_AT_ONCE = 12;

/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;

let stack: Stack;
let control: RunningControl;
let key: CreatedKey;
let one: ScriptedUpstream;
let two: ScriptedUpstream;

beforeAll(async () => {
  stack = await startStack({ gateways: 3 });
  const log = createLog({ role: "control", level: "error", sink: () => undefined });
  control = await startControl({
    home: stack.home,
    port: 0,
    database: stack.database,
    secrets: { ...secrets, seal_key: sealKey },
    version: "0.0.0-test",
    log,
  });
  one = startScriptedUpstream();
  two = startScriptedUpstream();
  for (const [name, upstream] of Object.entries({ one, two })) {
    upstream.answer = () => Response.json(completion(name, wireUsage(3, 1)));
    await stack.provider({ name, url: upstream.url });
    await stack.model({ name: `model-${name}`, provider: name });
  }
  key = await stack.key({ creditUsd: "50.00" });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await control.stop();
  await stack.untilPosted();
  await stack[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${control.url}/api/v1${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secrets.admin_token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

const ask = (model: string) =>
  stack.chat(key.key, { model, messages: [{ role: "user", content: "Hello there." }] });

async function listed({ key: text }: CreatedKey): Promise<string[]> {
  const response = await fetch(`${stack.url}/models`, {
    headers: { authorization: `Bearer ${text}` },
  });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id).sort();
}

const untilAllSay = (model: string, content: string) =>
  until(
    `${model} answers '${content}' everywhere`,
    async () => {
      const all = await Promise.all(Array.from({ length: ASKED_AT_ONCE }, () => ask(model)));
      return all.every(({ text }) => text.includes(`"content":"${content}"`));
    },
    { deadlineMs: IN_FORCE_MS },
  );

const to = (...models: string[]) => ({
  definition: {
    aliases: ["nickname"],
    tiers: [{ name: "t", targets: models.map((model) => ({ model })) }],
  },
});

test("a route that is set, set again, undone and removed is so on all gateways within a second", async () => {
  await post("/routes/model-one/versions", to("model-two"));
  await untilAllSay("model-one", "two");
  await untilAllSay("nickname", "two");

  await post("/routes/model-one/versions", to("model-one"));
  await untilAllSay("nickname", "one");
  expect(await listed(key)).toEqual(["model-one", "model-two", "nickname"]);

  await post("/routes/model-one/undo", {});
  await untilAllSay("model-one", "two");

  await fetch(`${control.url}/api/v1/routes/model-one`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${secrets.admin_token}` },
  });
  // The model of that name is behind it again, and nothing is behind the alias.
  await untilAllSay("model-one", "one");
  await until("the alias is gone", async () => (await ask("nickname")).status === 404);
});

test("a dry run knows what a gateway has found out: what keeps failing has moved to the end", async () => {
  await post("/routes/fragile/versions", to("model-two", "model-one"));
  await untilAllSay("fragile", "two");
  two.answer = () => Response.json({ error: { message: "down" } }, { status: 500 });
  const explain = () => post("/route-explanations", { model: "fragile" });
  expect(await explain()).toMatchObject({
    health: "live",
    candidates: [{ provider: "two" }, { provider: "one" }],
  });

  const explained = await until("the first gateway has had enough of it", async () => {
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, () => ask("fragile")));
    const found = await explain();
    const [first] = found["candidates"] as { provider: string }[];
    return first?.provider === "one" && found;
  });

  expect(explained).toMatchObject({
    health: "live",
    candidates: [
      { provider: "one", is_last_resort: false },
      {
        provider: "two",
        is_last_resort: true,
        why: expect.stringContaining("failed too often of late"),
      },
    ],
  });
});
