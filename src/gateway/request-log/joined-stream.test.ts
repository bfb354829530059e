import { expect, test } from "bun:test";
import { joinStream } from "./joined-stream.ts";

const sse = (...events: object[]): Uint8Array =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));

test("chat: each choice and each tool call by itself", () => {
  const choice = (index: number, delta: object) => ({ id: "c", choices: [{ index, delta }] });
  const call = (text: string) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] });
  const joined = joinStream(
    sse(
      choice(0, { role: "assistant", content: "He" }),
      choice(1, { content: "B" }),
      choice(0, { content: "llo" }),
      choice(1, call('{"a"')),
      choice(1, call(":1}")),
      { id: "c", choices: [], usage: { total_tokens: 3 } },
    ),
  );

  expect(joined).toEqual({
    events: 6,
    texts: {
      "choices[0].delta.content": "Hello",
      "choices[1].delta.content": "B",
      "choices[1].delta.tool_calls[0].function.arguments": '{"a":1}',
    },
    last: { id: "c", choices: [], usage: { total_tokens: 3 } },
  });
});

test("messages and responses: blocks and parts by their numbers", () => {
  const text = (index: number, said: string) => ({
    ...{ type: "content_block_delta", index },
    delta: { type: "text_delta", text: said },
  });
  const begin = { type: "content_block_start", index: 1, content_block: { name: "look" } };
  const part = { type: "response.output_text.delta", output_index: 0, content_index: 0 };
  const joined = joinStream(
    sse(
      text(0, "a"),
      begin,
      text(1, "x"),
      text(0, "b"),
      { ...part, delta: "c" },
      { ...part, delta: "d" },
    ),
  );

  expect(Object.values(joined.texts).sort()).toEqual(["ab", "cd", "look", "x"]);
});

test("what is cut off, or is no JSON, takes nothing away from the rest", () => {
  const whole = sse({ choices: [{ index: 0, delta: { content: "kept" } }] });
  const bytes = Buffer.concat([whole, Buffer.from('data: [DONE]\n\ndata: {"choices":[{"ind')]);

  expect(joinStream(bytes)).toMatchObject({
    events: 1,
    texts: { "choices[0].delta.content": "kept" },
  });
  expect(joinStream(new Uint8Array())).toEqual({ events: 0, texts: {}, last: null });
});
