import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import { readChatAnswer } from "./chat-answer.ts";

const recorded = [
  `data: {"id":"1","model":"smollm2","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`,
  `data: {"model":"smollm2","choices":[{"index":0,"delta":{"content":"Grüß"}}]}`,
  ": a comment of somebody else",
  `data: {"model":"smollm2","choices":[{"index":0,"delta":{"content":" Gott"},"finish_reason":"stop"}]}`,
  `data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}}`,
  "data: [DONE]",
  ": x-baseload-cost: 0.0000123\n: x-baseload-model: smollm2",
].join("\n\n");

async function* chunksOf(text: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

const ignore = () => {};

describe("a streamed answer", () => {
  test.each([1, 7, 10_000])("reads the same in pieces of %d bytes", async (sizeBytes) => {
    const pieces: string[] = [];

    const answer = await readChatAnswer(chunksOf(recorded, sizeBytes), (text) => pieces.push(text));

    expect(pieces).toEqual(["Grüß", " Gott"]);
    expect(answer).toEqual({
      content: "Grüß Gott",
      model: "smollm2",
      finish_reason: "stop",
      usage: { input_tokens: 12, cached_input_tokens: 4, output_tokens: 3 },
      trailers: { "x-baseload-cost": "0.0000123", "x-baseload-model": "smollm2" },
    });
  });

  test("unknown usage is null, never zero", async () => {
    const answer = await readChatAnswer(chunksOf("data: [DONE]\n\n", 5), ignore);

    expect(answer.usage).toBeNull();
  });

  test("an error frame says why the answer broke off", async () => {
    const stream = chunksOf(`data: {"error":{"message":"the upstream closed"}}\n\n`, 9);

    await expect(readChatAnswer(stream, ignore)).rejects.toThrow("broke off: the upstream closed");
  });

  test("a frame that is no chat answer is refused", async () => {
    await expect(readChatAnswer(chunksOf("data: {\n\n", 9), ignore)).rejects.toBeInstanceOf(
      Failure,
    );
  });
});
