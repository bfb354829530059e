/** A configuration is imported, and calls are answered: by the model, by its fallback, at the price that it says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secrets } from "../../../test/support/control.ts";
import { clientOf } from "../../../test/support/openai-client.ts";
import { runCommandLine } from "../../../test/support/run-command-line.ts";
import {
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  wireUsage,
} from "../../../test/support/scripted-upstream.ts";
import { type CreatedKey, type Stack, sealKey, startStack } from "../../../test/support/stack.ts";
import { until } from "../../../test/support/until.ts";
import { type RunningControl, startControl } from "../../control/start.ts";
import { createLog } from "../../platform/log.ts";

/** A PostgreSQL may have to start first, on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 60_000;
const FIRST_KEY = "sk-first-0a1b2c3d4e5f";
const SECOND_KEY = "sk-second-5f4e3d2c1b0a";
const LITERAL_KEY = "sk-in-the-file-112233";

type Answer = {
  complete: boolean;
  refused: number;
  settings: { line: number; setting: string; fate: string; why: string }[];
  steps: { line: number; kind: string; step: string; state: string; why: string }[];
};

let stack: Stack;
let control: RunningControl;
let key: CreatedKey;
let primary: ScriptedUpstream;
let spare: ScriptedUpstream;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "baseload-import-"));
  stack = await startStack();
  control = await startControl({
    home: stack.home,
    port: 0,
    database: stack.database,
    secrets: { ...secrets, seal_key: sealKey },
    version: "0.0.0-test",
    log: createLog({ role: "control", level: "error", sink: () => undefined }),
  });
  primary = startScriptedUpstream();
  spare = startScriptedUpstream();
  key = await stack.key({ creditUsd: "50.00" });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await control.stop();
  await stack.untilPosted();
  await stack[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
  await spare[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const configWith = (inputCost: string): string => `
model_list:
  - model_name: chat
    litellm_params:
      model: openai/gpt-of-ours
      api_base: ${primary.url}
      api_key: os.environ/FIRST_KEY
      input_cost_per_token: ${inputCost}
      output_cost_per_token: 0.000008
      rpm: 600
  - model_name: chat
    litellm_params:
      model: openai/gpt-of-ours
      api_base: ${primary.url}
      api_key: os.environ/SECOND_KEY
      input_cost_per_token: ${inputCost}
      output_cost_per_token: 0.000008
      rpm: 400
  - model_name: spare
    litellm_params:
      model: hosted_vllm/llama
      api_base: ${spare.url}
      api_key: ${LITERAL_KEY}
      input_cost_per_token: 5e-7
      output_cost_per_token: 1.5e-06
router_settings:
  num_retries: 0
  fallbacks: [{ chat: [spare] }]
  model_group_alias: { gpt-4: chat }
litellm_settings:
  request_timeout: 20
`;

const nameOf = ({ port }: ScriptedUpstream): string => `127.0.0.1-${port}`;

const variables: Record<string, string> = {
  FIRST_KEY,
  SECOND_KEY,
  BASELOAD_ADMIN_TOKEN: secrets.admin_token,
};

async function run(config: string, ...flags: string[]) {
  return await runWith(variables, config, ...flags);
}

async function runWith(around: Record<string, string>, config: string, ...flags: string[]) {
  const path = join(folder, "config.yaml");
  writeFileSync(path, config);
  const words = ["import", "litellm", path, "--control-url", control.url, ...flags];
  return await runCommandLine(words, { variables: around });
}

async function changes(): Promise<number> {
  const { rows } = await stack.database.pool.query<{ n: number }>(
    "select count(*)::int as n from audit_event",
  );
  return rows[0]?.n ?? -1;
}

describe("import litellm", () => {
  test("first shows what it would do, and changes nothing", async () => {
    const before = await changes();
    const { code, json } = await run(configWith("0.000002"), "--dry-run", "--json");

    const answer = json<Answer>();
    expect({ code, before: await changes() }).toEqual({ code: 0, before });
    expect(answer.steps.map(({ step, state }) => [step, state])).toEqual([
      [`provider ${nameOf(primary)} at ${primary.url}`, "planned"],
      [`provider vllm at ${spare.url}`, "planned"],
      [`credential first_key of ${nameOf(primary)}`, "planned"],
      [`credential second_key of ${nameOf(primary)}`, "planned"],
      ["credential key-1 of vllm", "planned"],
      [`model chat at ${nameOf(primary)} (gpt-of-ours)`, "planned"],
      ["model spare at vllm (llama)", "planned"],
      ["limits of chat: rpm 1000", "planned"],
      ["route chat: chat → spare", "planned"],
      ["route spare: spare", "planned"],
    ]);
  });

  test("then does it, and shows no key", async () => {
    const { code, out, notes } = await run(configWith("0.000002"), "--json");
    const answer = JSON.parse(out) as Answer;

    expect(answer.settings.filter(({ fate }) => fate === "refused")).toEqual([]);
    expect(answer.steps.filter(({ state }) => state !== "done")).toEqual([]);
    expect({ code, complete: answer.complete }).toEqual({ code: 0, complete: true });
    for (const secret of [FIRST_KEY, SECOND_KEY, LITERAL_KEY]) {
      expect(out + notes).not.toContain(secret);
    }
  });

  test("again, it changes nothing", async () => {
    const before = await changes();
    const { code, json } = await run(configWith("0.000002"), "--json");

    expect(json<Answer>().steps.filter(({ state }) => state !== "unchanged")).toEqual([]);
    expect({ code, changes: await changes() }).toEqual({ code: 0, changes: before });
  });

  test("calls are answered under the old names, by the model and by its fallback, and charged", async () => {
    const client = clientOf(stack, key.key);
    const asked = (model: string) =>
      client.chat.completions.create({ model, messages: [{ role: "user", content: "Hello" }] });
    primary.answer = () => Response.json(completion("from the primary", wireUsage(1_000, 100)));
    spare.answer = () => Response.json(completion("from the spare", wireUsage(1_000, 100)));
    await until("the route is in force", async () => {
      const { data } = await client.models.list();
      return data.some(({ id }) => id === "gpt-4");
    });

    const first = await asked("gpt-4").withResponse();
    primary.answer = () => Response.json({ error: { message: "down" } }, { status: 500 });
    const second = await asked("chat").withResponse();

    expect(first.data.choices[0]?.message.content).toBe("from the primary");
    expect(first.response.headers.get("x-baseload-cost")).toBe("0.0028");
    expect(second.data.choices[0]?.message.content).toBe("from the spare");
    expect(second.response.headers.get("x-baseload-cost")).toBe("0.00065");
    const bearer = primary.requests[0]?.headers.get("authorization") ?? "";
    expect([`Bearer ${FIRST_KEY}`, `Bearer ${SECOND_KEY}`]).toContain(bearer);
    expect(spare.requests[0]?.headers.get("authorization")).toBe(`Bearer ${LITERAL_KEY}`);
    expect(primary.requests[0]?.body["model"]).toBe("gpt-of-ours");
  });

  test("a price that changed is a new version, and nothing else is touched", async () => {
    const { json } = await run(configWith("0.000003"), "--json");

    const changed = json<Answer>().steps.filter(({ state }) => state !== "unchanged");
    expect(changed.map(({ step, state, why }) => [step, state, why])).toEqual([
      [`model chat at ${nameOf(primary)} (gpt-of-ours)`, "done", "priced"],
    ]);
  });

  test("what is in the way is told, what needs it is left out, and the rest is done", async () => {
    const elsewhere = configWith("0.000003").replaceAll(
      `${spare.url}`,
      "http://127.0.0.1:9/elsewhere",
    );
    const { code, json } = await run(elsewhere, "--json");

    const open = json<Answer>().steps.filter(({ state }) => state !== "unchanged");
    expect(code).toBe(1);
    expect(
      open.map(({ step, state, why }) => [step.split(" ").slice(0, 2).join(" "), state, why]),
    ).toEqual([
      [
        "provider vllm",
        "failed",
        "there is another provider of this name: its address differs. Remove it, or set it right by hand, and run this again",
      ],
      ["credential key-1", "left out", "it needs the provider vllm"],
      ["model spare", "left out", "it needs the provider vllm"],
      ["route chat:", "left out", "it needs the model spare"],
      ["route spare:", "left out", "it needs the model spare"],
    ]);
  });

  test("a variable that is not set is told with its line, and can be brought later", async () => {
    const config = `
model_list:
  - model_name: later
    litellm_params:
      model: openai/later
      api_base: ${spare.url}
      api_key: os.environ/NOT_YET
      input_cost_per_token: 0
      output_cost_per_token: 0
`;
    const first = await run(config, "--json");
    const refused = first.json<Answer>().settings.filter(({ fate }) => fate === "refused");
    expect(first.code).toBe(1);
    expect(refused).toMatchObject([{ line: 7, setting: "model_list.0.litellm_params.api_key" }]);
    expect(first.json<Answer>().steps.map(({ kind, state }) => [kind, state])).toEqual([
      ["provider", "done"],
      ["model", "done"],
    ]);

    const second = await runWith({ ...variables, NOT_YET: SECOND_KEY }, config, "--json");
    expect(second.code).toBe(0);
    expect(second.json<Answer>().steps.map(({ step, state }) => [step, state])).toEqual([
      [`provider ${nameOf(spare)} at ${spare.url}`, "unchanged"],
      [`credential not_yet of ${nameOf(spare)}`, "done"],
      [`model later at ${nameOf(spare)} (later)`, "unchanged"],
    ]);
  });

  test("a credential is not put beside others that the configuration does not know", async () => {
    const config = configWith("0.000003").replaceAll(
      "os.environ/FIRST_KEY",
      "os.environ/THIRD_KEY",
    );
    const { code, json } = await runWith({ ...variables, THIRD_KEY: "sk-third" }, config, "--json");

    const open = json<Answer>().steps.filter(({ state }) => state !== "unchanged");
    expect(code).toBe(1);
    expect(open).toMatchObject([
      { step: `credential third_key of ${nameOf(primary)}`, state: "failed" },
    ]);
    expect(open[0]?.why).toContain("first_key");
  });

  test("a model without a known price is offered, and the operator is told to set one", async () => {
    const config = `
model_list:
  - model_name: unpriced
    litellm_params: { model: openai/unpriced, api_base: "${spare.url}", api_key: os.environ/NOT_YET }
`;
    const around = { ...variables, NOT_YET: SECOND_KEY };
    const first = await runWith(around, config, "--json");
    await fetch(`${control.url}/api/v1/prices`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${secrets.admin_token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        model: "unpriced",
        input_usd_per_mtok: "1",
        output_usd_per_mtok: "2",
      }),
    });
    const second = await runWith(around, config, "--json");

    expect(first.code).toBe(1);
    const [model] = first.json<Answer>().steps.filter(({ kind }) => kind === "model");
    expect(model).toMatchObject({ state: "incomplete" });
    expect(model?.why).toContain("baseload price set unpriced");
    expect(second.code).toBe(0);
  });
});
