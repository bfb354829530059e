import { expect, test } from "bun:test";
import { mergeUsage, readUsage, writeUsage } from "./usage.ts";

test("the cache is beside the input, and thinking inside the output", () => {
  expect(
    readUsage({
      input_tokens: 10,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 30,
      output_tokens: 50,
      output_tokens_details: { thinking_tokens: 20 },
      server_tool_use: { web_search_requests: 3 },
    }),
  ).toEqual({
    uncached_input: 10,
    cache_read: 200,
    cache_write: 30,
    output_text: 30,
    reasoning: 20,
    search_units: 3,
  });
});

test("what was written to the cache has the lifetimes that were told", () => {
  const written = (total: number | null, minutes: number, hour: number) =>
    readUsage({
      input_tokens: 0,
      output_tokens: 0,
      cache_creation_input_tokens: total,
      cache_creation: { ephemeral_5m_input_tokens: minutes, ephemeral_1h_input_tokens: hour },
    });

  expect(written(30, 10, 20)).toEqual({ cache_write: 10, cache_write_1h: 20 });
  expect(written(null, 0, 20)).toEqual({ cache_write_1h: 20 });
  // A stream's end repeats the total only.
  expect(written(50, 10, 20)).toEqual({ cache_write: 30, cache_write_1h: 20 });
  expect(written(50, 0, 20)).toEqual({ cache_write_1h: 50 });
  expect(written(50, 0, 0)).toEqual({ cache_write: 50 });
});

test("what nobody told is not zero, and what cannot be is not believed", () => {
  expect(readUsage(undefined)).toBeUndefined();
  expect(readUsage({})).toBeUndefined();
  expect(readUsage({ input_tokens: -1, output_tokens: "7" })).toBeUndefined();
  expect(readUsage({ input_tokens: 3, cache_read_input_tokens: -5 })).toEqual({
    uncached_input: 3,
  });
  expect(readUsage({ output_tokens: 3, output_tokens_details: { thinking_tokens: 9 } })).toEqual({
    reasoning: 3,
  });
});

test("later counts replace earlier ones, and null says nothing", () => {
  const start = { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 5 };

  expect(mergeUsage(start, { output_tokens: 9, input_tokens: null })).toEqual({
    ...start,
    output_tokens: 9,
  });
  expect(mergeUsage(undefined, undefined)).toBeUndefined();
  expect(mergeUsage(start, "usage")).toBe(start);
});

test("what is written is read again", () => {
  const quantities = {
    uncached_input: 1,
    cache_read: 2,
    cache_write: 3,
    cache_write_1h: 4,
    output_text: 5,
    reasoning: 6,
  };

  expect(readUsage(writeUsage(quantities))).toEqual(quantities);
  // Other kinds of tokens count as plain ones: there is no word for them.
  expect(readUsage(writeUsage({ image_input: 7, audio_output: 8 }))).toEqual({
    uncached_input: 7,
    output_text: 8,
  });
});
