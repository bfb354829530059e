/** Prices on the command line, against a control plane: the operator's own, and those that a list knows. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { secrets, startTestControl, type TestControl } from "../../test/support/control.ts";
import { runCommandLine, wordsOf } from "../../test/support/run-command-line.ts";
import { priceFieldNames } from "../contract/prices.ts";
import { createProvider } from "../domains/catalog/index.ts";
import { GENAI_PRICES } from "../domains/catalog/knowledge/genai-prices.ts";
import { serviceTiers } from "../lib/service-tiers.ts";
import { priceFlags } from "./definitions/price-flags.ts";

const START_TIMEOUT_MS = 60_000;

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^\d+$/);

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
  writeFileSync(
    join(control.home, "secrets.json"),
    JSON.stringify({ admin_token: secrets.admin_token }),
  );
  // Not by the control plane: it looks at addresses, and tests reach none.
  for (const [name, baseUrl] of [
    ["openai", "https://api.openai.com/v1"],
    ["anthropic", "https://api.anthropic.com/v1"],
    ["google", "https://generativelanguage.googleapis.com/v1beta/openai"],
    ["own", "http://10.0.0.7:8000/v1"],
  ] as const) {
    await createProvider(control.database, {
      ...{ name, baseUrl, dialect: "openai-chat", allowPrivate: true, quirks: {} },
      ...{ sealKey: secrets.seal_key, actor: "test" },
    });
  }
}, START_TIMEOUT_MS);
afterAll(() => control[Symbol.asyncDispose]());

const run = (line: string) => runCommandLine([...wordsOf(line), "--home", control.home]);

async function json(line: string): Promise<Record<string, unknown>> {
  const { code, notes, json: read } = await run(`${line} --json`);
  expect({ code, notes }).toEqual({ code: 0, notes: "" });
  return read<Record<string, unknown>>();
}

function file(name: string, text: string): string {
  const path = join(control.home, name);
  writeFileSync(path, text);
  return path;
}

test("each field of a price is a flag, and each flag a field", () => {
  const flags = Object.keys(priceFlags);
  const standard = priceFieldNames.map((field) => field.replaceAll("_", "-"));
  const ofTiers = flags.filter((flag) => !standard.includes(flag));

  expect(flags.filter((flag) => standard.includes(flag))).toEqual(standard);
  for (const flag of ofTiers) {
    const [tier = "", ...field] = flag.split("-");
    expect(serviceTiers).toContain(tier as never);
    expect(standard).toContain(field.join("-"));
  }
});

describe("a model that the list knows", () => {
  test("is offered at its price, which says where it is from and what it leaves out", async () => {
    const { out } = await run("model add gpt-5-mini --provider openai");

    expect(out).toBe(
      `Model gpt-5-mini is offered at $0.25 in, $2.00 out per Mtok, $0.01 per search (${GENAI_PRICES}).\n` +
        "The provider charges for more than is metered here: storage_searches_kcount.\n" +
        "Try it with: baseload chat --model gpt-5-mini\n",
    );
  });

  test("brings its context and the price of long prompts along; service tiers stand beside", async () => {
    const model = await json(
      "model add sonnet --provider anthropic --upstream claude-sonnet-4-5 " +
        "--batch-input-usd-per-mtok 1.5 --batch-output-usd-per-mtok 7.5",
    );

    expect(model).toMatchObject({
      context_tokens: 200_000,
      price: {
        ...{ source: GENAI_PRICES, input_usd_per_mtok: "3.00", usd_per_audio_second: null },
        context_tiers: [{ above_input_tokens: 200_000, output_usd_per_mtok: "22.50" }],
        service_tiers: { batch: { input_usd_per_mtok: "1.50", context_tiers: [] } },
      },
    });
    const { out } = await run("price show sonnet");
    expect(out).toMatch(/^sonnet, what callers pay: version \d+, from .*Z, genai-prices /);
    expect(out).toMatch(/PRICE +STANDARD +STANDARD ABOVE 200,000 +BATCH\n/);
    expect(out).toMatch(/\noutput usd per mtok +\$15\.00 +\$22\.50 +\$7\.50\n/);
  });

  test("is announced what the list announces", async () => {
    await run("model add gemini-3.6-flash --provider google");

    const { data } = (await json("price show gemini-3.6-flash")) as { data: { source: string }[] };
    expect(data.map(({ source }) => source)).toEqual([GENAI_PRICES, GENAI_PRICES]);
  });

  test("costs what the operator says, where the operator says it", async () => {
    const model = await json(
      "model add gpt-5-nano --provider openai --input-usd-per-mtok 9 --output-usd-per-mtok 10",
    );

    expect(model["price"]).toMatchObject({
      ...{ source: "operator", input_usd_per_mtok: "9.00", cached_input_usd_per_mtok: "9.00" },
    });
  });

  test("is not free where the list knows no price", async () => {
    const { code, notes } = await run("model add our-own --provider own --upstream llama");

    expect(code).toBe(1);
    expect(notes).toContain("No price of 'llama' at provider 'own' is known");
    expect(notes).toContain("baseload model add our-own --provider own --input-usd-per-mtok …");
    expect((await run("model list")).out).not.toContain("our-own");
  });
});

test("model add, deploy, list and remove", async () => {
  const model = await json(
    "model add meta/qwen --provider own --upstream qwen --input-usd-per-mtok 0.15 --output-usd-per-mtok 0.6 " +
      "--cached-input-usd-per-mtok 0.075 --max-output-tokens 4096",
  );
  expect(model).toEqual({
    id,
    name: "meta/qwen",
    context_tokens: null,
    max_output_tokens: 4096,
    capabilities: null,
    modalities: null,
    license: null,
    price: expect.objectContaining({
      input_usd_per_mtok: "0.15",
      cached_input_usd_per_mtok: "0.075",
      output_usd_per_mtok: "0.60",
    }),
    deployments: [{ id, provider: "own", upstream_model: "qwen" }],
    created_at: time,
    removed_at: null,
    notes: [],
  });

  expect((await run("model deploy meta/qwen --provider openai")).out).toBe(
    "meta/qwen is now served by: own, openai.\n",
  );
  const { out } = await run("model list");
  expect(out).toMatch(/meta\/qwen +own, openai +\$0\.15 +\$0\.075 +\$0\.60 +– +4,096 +–/);
  expect(await json("model remove meta/qwen")).toMatchObject({ removed_at: time });
});

test("a model without a price says how to set one", async () => {
  const unknown = await run("model add unpriced --provider own");
  expect(unknown.code).toBe(1);
  expect(unknown.notes).toContain(
    "Say it: baseload model add unpriced --provider own --input-usd-per-mtok …",
  );
  expect((await run("model add unpriced --provider own --without-price")).out).toContain(
    "Set one with: baseload price set unpriced",
  );

  const price = await json(
    "price set unpriced --input-usd-per-mtok 1 --output-usd-per-mtok 2 --request-usd 0.000000000001",
  );
  expect(price).toEqual({
    id,
    model: "unpriced",
    provider: null,
    upstream_model: null,
    source: "operator",
    valid_from: time,
    valid_to: null,
    input_usd_per_mtok: "1.00",
    output_usd_per_mtok: "2.00",
    cached_input_usd_per_mtok: "1.00",
    cache_write_usd_per_mtok: "1.00",
    cache_write_1h_usd_per_mtok: "1.00",
    reasoning_usd_per_mtok: "2.00",
    audio_input_usd_per_mtok: "1.00",
    audio_output_usd_per_mtok: "2.00",
    image_input_usd_per_mtok: "1.00",
    image_output_usd_per_mtok: "2.00",
    image_usd: null,
    usd_per_audio_second: null,
    usd_per_mcharacter: null,
    usd_per_search: null,
    request_usd: "0.000000000001",
    cache_hit_usd: "0.00",
    context_tiers: [],
    service_tiers: {},
  });
  expect((await json("price list unpriced"))["data"]).toEqual([price]);
  expect((await run("price list unprised")).notes).toContain("Did you mean 'unpriced'?");
});

describe("price set", () => {
  test("with service tiers alone sets them beside the price in force", async () => {
    const set = await json(
      "price set gpt-5-mini --batch-input-usd-per-mtok 0.125 --batch-output-usd-per-mtok 1",
    );
    const again = await json("price set gpt-5-mini --flex-input-usd-per-mtok 0.2");

    expect(set).toMatchObject({ source: GENAI_PRICES, input_usd_per_mtok: "0.25" });
    expect(again).toMatchObject({
      service_tiers: {
        batch: { output_usd_per_mtok: "1.00" },
        flex: { input_usd_per_mtok: "0.20", output_usd_per_mtok: null },
      },
    });
  });

  test("reads every tier from a file, in YAML or JSON, to the digit", async () => {
    const yaml = file(
      "price.yaml",
      [
        "input_usd_per_mtok: 0.000001 # quotes are not needed: nothing here becomes a number",
        "output_usd_per_mtok: 1.10",
        "image_usd: 0.04",
        "context_tiers:",
        "  - above_input_tokens: 128000",
        "    input_usd_per_mtok: 2",
        "service_tiers:",
        "  priority: {input_usd_per_mtok: 3, output_usd_per_mtok: 4}",
      ].join("\n"),
    );
    const set = await json(`price set gpt-5-nano --file ${yaml} --output-usd-per-mtok 1.2`);
    const asJson = file("price.json", '{"usd_per_audio_second": 0.0001, "request_usd": "0.5"}');

    expect(set).toMatchObject({
      ...{ input_usd_per_mtok: "0.000001", output_usd_per_mtok: "1.20", image_usd: "0.04" },
      context_tiers: [
        { above_input_tokens: 128_000, input_usd_per_mtok: "2.00", image_usd: "0.04" },
      ],
      service_tiers: { priority: { input_usd_per_mtok: "3.00", image_usd: null } },
    });
    expect(await json(`price set gpt-5-nano --file ${asJson}`)).toMatchObject({
      ...{ usd_per_audio_second: "0.0001", request_usd: "0.50", input_usd_per_mtok: null },
    });
  });

  test.each([
    ["input_usd_per_mtok: [", "neither valid YAML nor JSON"],
    ["- 1", "must hold fields such as"],
    ["input_usd_per_mtokk: 1", "There is no field 'input_usd_per_mtokk'"],
    ["input_usd_per_mtok: -1", "must be a decimal string of US dollars"],
    ["input_usd_per_mtok: 0.0000001", "more than 6 decimal places"],
    ["context_tiers: [{above_input_tokens: many}]", "'context_tiers.0.above_input_tokens'"],
    ["cached_input_usd_per_mtok: 1", "names input, too"],
    ["service_tiers: {express: {input_usd_per_mtok: 1}}", "There is no field 'express'"],
  ])("refuses a file with %p", async (text, says) => {
    const { code, notes } = await run(`price set gpt-5-nano --file ${file("wrong.yaml", text)}`);

    expect(code).toBeGreaterThan(0);
    expect(notes).toContain(says);
  });

  test("of what a provider charges is listed, and is no price of callers", async () => {
    const { out } = await run(
      "price set gpt-5-mini --provider openai --input-usd-per-mtok 0.2 --output-usd-per-mtok 1.6",
    );

    expect(out).toContain("charged by openai");
    expect((await run("price list gpt-5-mini")).out).toMatch(/gpt-5-mini +openai +.*\$0\.20/);
    expect((await run("model list")).out).toMatch(/gpt-5-mini +openai +\$0\.25/);
    expect(
      (await run("price set gpt-5-mini --provider own --input-usd-per-mtok 1")).notes,
    ).toContain("Provider 'own' does not serve 'gpt-5-mini' so");
  });

  test("from the list gives a model back to it", async () => {
    const set = await json("price set gpt-5-nano --from-list");

    expect(set).toMatchObject({ source: GENAI_PRICES, image_usd: null, service_tiers: {} });
    const both = await run("price set gpt-5-nano --from-list --input-usd-per-mtok 1");
    expect(both.notes).toContain("not both");
  });
});

describe("price import", () => {
  type Row = { model: string; of: string; state: string; valid_from: string[] };
  const rowsOf = async (flags: string): Promise<Row[]> =>
    (await json(`price import ${flags}`))["data"] as Row[];

  test("finds nothing to do while the list is the one that prices came from", async () => {
    const states = new Map((await rowsOf("")).map((row) => [row.model, row.state]));

    expect(Object.fromEntries(states)).toEqual({
      ...{ "gemini-3.6-flash": "unchanged", "gpt-5-mini": "unchanged", "gpt-5-nano": "unchanged" },
      ...{ sonnet: "unchanged", unpriced: "unknown" },
    });
  });

  test("adds versions where an older list said otherwise, keeps tiers, and leaves operators' alone", async () => {
    await run("price set gpt-5-nano --input-usd-per-mtok 1 --output-usd-per-mtok 1");
    await control.database.pool.query(
      `with version as (
         insert into price_version (model_id, source)
         select model_id, 'genai-prices 0.0.1' from model where name = 'gpt-5-mini' returning price_version_id
       )
       insert into price_component (price_version_id, service_tier, quantity, picos_per_unit)
       select price_version_id, tier, quantity, 7 from version,
         (values ('standard', 'uncached_input'), ('standard', 'output_text'), ('batch', 'uncached_input')) as c (tier, quantity)`,
    );

    const dry = await run("price import --provider openai --dry-run");
    expect(dry.out).toMatch(/gpt-5-mini +openai +us +gpt-5-mini +changed +\d{4}-/);
    expect(dry.out).toMatch(/gpt-5-nano +openai +us +gpt-5-nano +set by an operator +–/);
    expect(dry.out).toContain("1 version would be added; nothing was changed");
    const { out } = await run("price import --provider openai");
    expect(out).toContain(`1 version added (${GENAI_PRICES}).`);

    const { data } = await json("price show gpt-5-mini");
    expect((data as unknown[])[0]).toMatchObject({
      ...{ source: GENAI_PRICES, input_usd_per_mtok: "0.25" },
      service_tiers: { batch: { input_usd_per_mtok: "0.000007" } },
    });
    expect((await rowsOf("--provider openai")).map(({ state }) => state)).toEqual([
      ...["unchanged", "own"],
    ]);
  });

  test("records what providers charge, once it is asked to", async () => {
    const first = await rowsOf("--costs");
    const again = await rowsOf("--costs");

    const costs = (rows: Row[]) =>
      rows.filter(({ of }) => of === "provider").map(({ model, state }) => `${model} ${state}`);
    expect(costs(first)).toContain("sonnet changed");
    // An operator has said before what this provider charges.
    expect(costs(first)).toContain("gpt-5-mini own");
    expect(costs(again)).toContain("sonnet unchanged");
  });
});
