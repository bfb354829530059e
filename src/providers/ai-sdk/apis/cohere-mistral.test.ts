import { afterAll, describe, expect, test } from "bun:test";
import {
  AiSdkCaller,
  hello,
  sendOptions,
  user,
  wireBytes,
  wireStream,
} from "../../../../test/support/ai-sdk-caller.ts";
import { startScriptedUpstream } from "../../../../test/support/scripted-upstream.ts";
import { chatExchange } from "../../chat-exchange.ts";

const provider = startScriptedUpstream();
afterAll(() => provider[Symbol.asyncDispose]());
const cohere = new AiSdkCaller("cohere", provider);
const mistral = new AiSdkCaller("mistral", provider);

const text64 = (text: string) => Buffer.from(text).toString("base64");

describe("Cohere", () => {
  test("what is said beside calling a tool is a message of its own, so that it is not lost", async () => {
    const body = await cohere.bodyOf({
      messages: [
        hello,
        {
          role: "assistant",
          parts: [
            { type: "text", text: "I look." },
            { type: "tool_call", id: "c1", name: "f", arguments: "{}" },
          ],
        },
        {
          role: "tool",
          parts: [{ type: "tool_result", callId: "c1", parts: [{ type: "text", text: "ok" }] }],
        },
      ],
      tools: [{ name: "f" }],
    });

    expect(body["messages"]).toMatchObject([
      { role: "user", content: "Hello?" },
      { role: "assistant", content: "I look." },
      { role: "assistant", tool_calls: [{ id: "c1" }] },
      { role: "tool", tool_call_id: "c1", content: "ok" },
    ]);
  });

  test("texts are documents; other files and sounds are refused", async () => {
    const file = (mediaType: string) => ({
      messages: [
        user(
          { type: "text", text: "Sum up." },
          { type: "file", source: { data: text64("Dear all"), mediaType }, filename: "a" },
        ),
      ],
    });

    expect(await cohere.bodyOf(file("text/plain"))).toMatchObject({
      documents: [{ data: { text: "Dear all", title: "a" } }],
    });
    expect(await cohere.refusalOf(file("application/pdf"))).toBe("file");
    expect(
      await cohere.refusalOf({
        messages: [user({ type: "audio", data: "aGk=", format: "wav" })],
      }),
    ).toBe("input_audio");
    expect(await cohere.refusalOf({ extra: { priority: 0 } })).toBe("priority");
  });
});

describe("Mistral", () => {
  test("has words of its own for seeds, tools and caches", async () => {
    const body = await mistral.bodyOf({
      seed: 7,
      tools: [{ name: "f" }],
      toolChoice: "required",
      parallelToolCalls: false,
      cacheKey: "tenant-1",
    });

    expect(body).toMatchObject({
      random_seed: 7,
      tool_choice: "any",
      parallel_tool_calls: false,
      prompt_cache_key: "tenant-1",
    });
  });

  test("refuses what it cannot be told", async () => {
    expect(await mistral.refusalOf({ topK: 5 })).toBe("top_k");
    expect(await mistral.refusalOf({ extra: { prompt_mode: "reasoning" } })).toBe("prompt_mode");
  });
});

test("a client of OpenAI's chat is answered in its own words, streamed and whole", async () => {
  const facts = { requestId: "r1", model: "ours", createdS: 1_750_000_000 };
  const body = {
    model: "ours",
    messages: [{ role: "user", content: "Hello?" }],
    stream_options: { include_usage: true },
  };
  const to = cohere.upstream;
  const options = sendOptions("command-a-03-2025");

  provider.answer = () => wireStream("cohere-answer.sse");
  const streamed = chatExchange("openai-chat", { ...body, stream: true }, facts);
  expect(streamed.whyNot(to)).toBeUndefined();
  const reader = streamed.readStream(to);
  const bytes = new Uint8Array(await (await streamed.send(to, options)).arrayBuffer());
  const told = Buffer.concat([...reader.take(bytes), ...reader.end(), reader.closing()]).toString();
  expect(told).toContain('"content":"Bonjour"');
  expect(told).toContain('"prompt_tokens":20');
  expect(told).toEndWith("data: [DONE]\n\n");
  expect(reader.usage?.quantities).toEqual({ uncached_input: 20, output_text: 13 });

  provider.answer = () => new Response(wireBytes("cohere-answer.json"));
  const { stream_options: _, ...plain } = body;
  const whole = chatExchange("openai-chat", plain, facts);
  const answer = await whole.readWhole(to, await whole.send(to, options));
  const said = JSON.parse(new TextDecoder().decode(answer.bytes)) as unknown;
  expect(said).toMatchObject({
    model: "ours",
    choices: [{ message: { content: "Bonjour 🦊!" }, finish_reason: "stop" }],
  });
  expect(whole.whyNot({ ...to, quirks: {} })).toContain("ai_sdk_provider");
});
