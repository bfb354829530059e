import { afterAll, describe, expect, test } from "bun:test";
import { AiSdkCaller, hello, user } from "../../../../test/support/ai-sdk-caller.ts";
import { startScriptedUpstream } from "../../../../test/support/scripted-upstream.ts";
import { fold } from "../../neutral/fold.ts";
import type { Prompt, PromptMessage } from "../../neutral/prompt.ts";
import { failureFromErrorObject } from "../../upstream-failure.ts";

const provider = startScriptedUpstream();
afterAll(() => provider[Symbol.asyncDispose]());
const bedrock = new AiSdkCaller("amazon-bedrock", provider);

/** A result without its call. */
const orphan: PromptMessage = {
  role: "tool",
  parts: [{ type: "tool_result", callId: "nobody", parts: [{ type: "text", text: "?" }] }],
};

describe("Bedrock", () => {
  test("a budget for thinking stays within the limit that the hold was made for", async () => {
    const body = await bedrock.bodyOf({
      reasoning: { budgetTokens: 1_200 },
      maxOutputTokens: 2_000,
    });

    expect(body).toMatchObject({
      inferenceConfig: { maxTokens: 2_000 },
      additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 1_200 } },
    });
  });

  test("thoughts come with Anthropic's seal, and go back with it; another's seal stays here", async () => {
    const answer = fold(await bedrock.eventsOf("bedrock-answer.jsonl"));
    expect(answer.choices[0]?.parts[0]).toEqual({
      type: "reasoning",
      text: "They want French.",
      signature: "c2lnbmVk",
      sealedBy: "anthropic-messages",
    });

    const body = await bedrock.bodyOf({
      messages: [
        hello,
        {
          role: "assistant",
          parts: [
            { type: "reasoning", text: "Own.", signature: "s1", sealedBy: "anthropic-messages" },
            { type: "reasoning", text: "", encrypted: "e1", sealedBy: "anthropic-messages" },
            { type: "reasoning", text: "Foreign.", encrypted: "e2", sealedBy: "openai-responses" },
            { type: "text", text: "Salut." },
          ],
        },
        hello,
      ],
    });
    const [, assistant] = body["messages"] as { content: unknown }[];
    expect(assistant?.content).toEqual([
      { reasoningContent: { reasoningText: { text: "Own.", signature: "s1" } } },
      { reasoningContent: { redactedContent: "e1" } },
      { text: "Salut." },
    ]);
  });

  test("marks of the cache become points of the cache", async () => {
    const body = await bedrock.bodyOf({
      messages: [
        { role: "system", parts: [{ type: "text", text: "Long.", cache: { ttl: "1h" } }] },
        user({ type: "text", text: "Longer.", cache: {} }),
      ],
    });

    expect(body["system"]).toEqual([
      { text: "Long." },
      { cachePoint: { type: "default", ttl: "1h" } },
    ]);
    expect(body["messages"]).toEqual([
      { role: "user", content: [{ text: "Longer." }, { cachePoint: { type: "default" } }] },
    ]);
  });

  test("an exception in the middle of a stream is the failure that its name says", async () => {
    const events = await bedrock.eventsOf("bedrock-error.jsonl");
    const error = events.find((event) => event.type === "error");

    expect(failureFromErrorObject(bedrock.upstream, error?.error).kind).toBe("rate_limited");
  });

  test("what the package would leave out is refused, and nothing is sent", async () => {
    const tool = { name: "f", strict: true, parameters: { type: "object", properties: {} } };
    const refusals: [param: string, more: Partial<Prompt>][] = [
      ["seed", { seed: 7 }],
      ["presence_penalty", { presencePenalty: 1 }],
      ["temperature", { temperature: 1.5 }],
      ["strict", { tools: [tool] }],
      ["response_format", { responseFormat: { type: "json" } }],
      ["tool_result", { messages: [hello, orphan] }],
      ["max_tokens", { extra: { max_tokens: 100_000 } }],
      ["image", { messages: [user({ type: "image", source: { url: "https://x.example/a" } })] }],
    ];
    for (const [param, more] of refusals) {
      const told = await bedrock.refusalOf(more, "anthropic.claude-3-haiku-20240307-v1:0");
      expect(told).toBe(param === "tool_result" ? "tool_call_id" : param);
    }
  });

  test("what the client says beside its own API goes to the model", async () => {
    expect(await bedrock.bodyOf({ extra: { top_a: 0.5 } })).toMatchObject({
      additionalModelRequestFields: { top_a: 0.5 },
    });
  });

  test("a wish to think that the model may decide against is not made where it cannot be", async () => {
    const wish = { effort: "low" } as const;
    const llama = "meta.llama3-1-70b-instruct-v1:0";

    expect(await bedrock.refusalOf({ reasoning: wish }, llama)).toBe("reasoning");
    expect(await bedrock.bodyOf({ reasoning: { ...wish, isOptional: true } }, llama)).toMatchObject(
      { inferenceConfig: { maxTokens: 2_000 } },
    );
  });
});
