/** What a call costs by its length and by the service tier that it asks for, from the request to the ledger. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { picos, usdFromPicos } from "../../src/lib/money.ts";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let key: CreatedKey;

const text = (input: bigint, output: bigint) => ({
  ...{ uncached_input: picos(input), output_text: picos(output) },
});
const terms = {
  ...text(1_000n, 3_000n),
  contextTiers: [{ aboveInputTokens: 50, picos: text(2_000n, 5_000n) }],
  serviceTiers: { flex: text(500n, 1_500n), priority: { uncached_input: picos(1n) } },
};

beforeAll(async () => {
  stack = await startStack();
  await stack.model({ name: "tiered", terms });
  await stack.model({ name: "plain" });
  await stack.model({ name: "painter", terms: { images: picos(40_000_000_000n) } });
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

const call = (more: object, script: object = {}) =>
  stack.chat(key.key, {
    ...{ model: "tiered", messages: [{ role: "user", content: "word ".repeat(100) }] },
    ...more,
    sandbox: { completion_tokens: 7, ...script },
  });

async function receiptOf(answered: Awaited<ReturnType<typeof call>>) {
  expect(answered.status).toBe(200);
  await stack.untilPosted();
  const [attempt] =
    (await stack.receipt(answered.headers.get("x-request-id") ?? ""))?.attempts ?? [];
  expect(answered.headers.get("x-baseload-cost")).toBe(usdFromPicos(attempt?.cost ?? picos(-1n)));
  return { cost: attempt?.cost as bigint | undefined, serviceTier: attempt?.serviceTier };
}

describe("a call", () => {
  test.each([
    [50, 50n * 1_000n + 7n * 3_000n],
    [51, 51n * 2_000n + 7n * 5_000n],
  ])("of %p input tokens costs all of it by the tier that it reaches", async (tokens, cost) => {
    const receipt = await receiptOf(await call({}, { prompt_tokens: tokens }));

    expect(receipt).toEqual({ cost, serviceTier: "standard" });
  });

  test("counts cached tokens to its length", async () => {
    const script = { prompt_tokens: 60, cached_tokens: 40 };

    expect((await receiptOf(await call({}, script))).cost).toBe(60n * 2_000n + 7n * 5_000n);
  });

  test("is charged by the service tier that it asks for", async () => {
    const receipt = await receiptOf(await call({ service_tier: "flex" }, { prompt_tokens: 60 }));

    expect(receipt).toEqual({ cost: 60n * 500n + 7n * 1_500n, serviceTier: "flex" });
  });

  test.each([
    ["a service tier without prices", { model: "plain", service_tier: "flex" }],
    ["a service tier that has half a price", { service_tier: "priority" }],
    ["a model that is priced by the image", { model: "painter" }],
  ])("of %s is refused: unknown is not free", async (_, more) => {
    const before = (await stack.served()).calls;
    const answered = await call(more);

    expect(answered).toMatchObject({ status: 403, body: { error: { code: "no_price" } } });
    expect((await stack.served()).calls).toBe(before);
  });
});
