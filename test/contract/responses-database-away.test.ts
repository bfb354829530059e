/** The database is away: what does not need it goes on, and what was answered meanwhile is stored when it is back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type OpenAI from "openai";
import { clientOf, failureOf } from "../support/openai-client.ts";
import { asking } from "../support/responses-client.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack({ isDatabaseCuttable: true, expectedErrors: /.*/ });
  await stack.model({ name: "sim", price: { input: "1", output: "2" } });
  const { key } = await stack.key();
  client = clientOf(stack, key);
});
afterAll(() => stack[Symbol.asyncDispose]());

test("responses are answered, and stored when the database is back", async () => {
  const before = await client.responses.create(asking("Before."));
  expect((await client.responses.retrieve(before.id)).output_text).toBe("Before.");
  await stack.proxy.refuse();

  const began = performance.now();
  const meanwhile = await client.responses.create(asking("Meanwhile."));
  expect(meanwhile.output_text).toBe("Meanwhile.");
  expect(performance.now() - began).toBeLessThan(1_000);

  await stack.proxy.resume();
  await until("that it is stored", async () => {
    const found = await client.responses.retrieve(meanwhile.id).catch(() => undefined);
    return found?.output_text === "Meanwhile.";
  });
  await stack.untilPosted();
});

test("what needs it says so, and nothing is charged", async () => {
  const first = await client.responses.create(asking("First."));
  await client.responses.retrieve(first.id);
  await stack.proxy.refuse();
  const going = client.responses.create(asking("And?", { previous_response_id: first.id }));
  expect(await failureOf(going)).toMatchObject({ status: 503, code: "database_unavailable" });
  await stack.proxy.resume();
  await stack.untilPosted();
});

test("a call without a conversation asks the database nothing before it is answered", async () => {
  // Until what was answered before is stored.
  const { id } = await client.responses.create(asking("Warm."));
  await client.responses.retrieve(id);
  const before = stack.proxy.statements.length;
  const { body } = await client.responses.create(asking("Now.", { stream: true })).asResponse();
  const reader = body?.getReader();
  await reader?.read();
  // The worker lets expired ones go from time to time.
  const asked = stack.proxy.statements
    .slice(before)
    .filter((sql) => /stored_|conversation/.test(sql) && !sql.startsWith("delete"));
  expect(asked).toEqual([]);
  while (!(await reader?.read())?.done);
  await until("that it is stored", () =>
    stack.proxy.statements.slice(before).some((sql) => /insert into stored_response/.test(sql)),
  );
});
