/** Answers of other dialects, in the words of OpenAI's chat, to its own client. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import OpenAI from "openai";
import { Failure } from "../../src/lib/errors.ts";
import { openAiChat } from "../../src/providers/dialects/openai-chat/openai-chat.ts";
import type { AnswerFacts, NeutralAnswer } from "../../src/providers/neutral/answer.ts";
import { eventsOf } from "../../src/providers/neutral/events-of.ts";
import { someAnswerOf } from "../support/some-answer.ts";

const facts: AnswerFacts = {
  requestId: "req_1",
  model: "ours",
  createdS: 1_790_000_000,
  request: { stream_options: { include_usage: true } },
};

const answer: NeutralAnswer = {
  id: "msg_1",
  choices: [
    {
      parts: [
        { type: "reasoning", text: "Hmm.", signature: "s", sealedBy: "anthropic-messages" },
        {
          type: "text",
          text: "Oslo. ",
          annotations: [{ url: "https://example.org", title: "Oslo", start: 0, end: 4 }],
        },
        { type: "text", text: "I shall look." },
        { type: "tool_call", id: "toolu_1", name: "weather", arguments: '{"city":"Oslo"}' },
        { type: "tool_call", id: "toolu_2", name: "time", arguments: "{}" },
      ],
      reason: "tool_calls",
    },
  ],
  usage: {
    quantities: { uncached_input: 5, cache_read: 90, output_text: 20, reasoning: 3 },
    raw: {},
  },
};

/** A client whose server says what it is told to say. */
function clientOf(body: string, init: ResponseInit): OpenAI {
  return new OpenAI({
    apiKey: "x",
    baseURL: "http://gateway.test/v1",
    maxRetries: 0,
    fetch: async () => new Response(body, init),
  });
}

function streamed(told: NeutralAnswer): OpenAI {
  const encoder = openAiChat.streamEncoder(facts);
  const frames = eventsOf(told).map((event) => encoder.take(event));
  return clientOf([...frames, encoder.closing()].join(""), {
    headers: { "content-type": "text/event-stream" },
  });
}

const whole = (told: NeutralAnswer): OpenAI =>
  clientOf(JSON.stringify(openAiChat.encodeAnswer(told, facts)), {
    headers: { "content-type": "application/json" },
  });

const question = { model: "ours", messages: [{ role: "user" as const, content: "Hi" }] };

describe("the client of OpenAI", () => {
  const calls = [
    {
      id: "toolu_1",
      type: "function",
      function: { name: "weather", arguments: '{"city":"Oslo"}' },
    },
    { id: "toolu_2", type: "function", function: { name: "time", arguments: "{}" } },
  ];
  const usage = {
    prompt_tokens: 95,
    completion_tokens: 23,
    total_tokens: 118,
    prompt_tokens_details: { cached_tokens: 90, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 0 },
  };

  test("takes a whole answer", async () => {
    const completion = await whole(answer).chat.completions.create(question);

    expect(completion).toMatchObject({
      id: "msg_1",
      model: "ours",
      object: "chat.completion",
      usage,
    });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: "Oslo. I shall look.",
        refusal: null,
        tool_calls: calls,
        annotations: [{ type: "url_citation", url_citation: { start_index: 0, end_index: 4 } }],
        reasoning_content: "Hmm.",
      },
    });
  });

  test("puts a stream together to the same", async () => {
    const completion = await streamed(answer)
      .chat.completions.stream({ ...question, stream_options: { include_usage: true } })
      .finalChatCompletion();

    expect(completion).toMatchObject({ id: "msg_1", model: "ours", usage });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { role: "assistant", content: "Oslo. I shall look.", tool_calls: calls },
    });
  });

  test("puts any stream together", async () => {
    await fc.assert(
      fc.asyncProperty(someAnswerOf({ choicesMin: 1, choicesMax: 3 }), async (told) => {
        const stream = streamed(told).chat.completions.stream(question);
        const { choices } = await stream.finalChatCompletion();
        const expected = openAiChat.encodeAnswer(told, facts)["choices"];

        expect(choices.map(({ finish_reason }) => finish_reason)).toEqual(
          (expected as typeof choices).map(({ finish_reason }) => finish_reason),
        );
        expect(choices.map(({ message }) => message.content || null)).toEqual(
          (expected as typeof choices).map(({ message }) => message.content || null),
        );
      }),
      { numRuns: 100 },
    );
  });

  test("is not told of usage that it did not ask for", () => {
    const encoder = openAiChat.streamEncoder({ ...facts, request: {} });
    const frames = [...eventsOf(answer).map((event) => encoder.take(event)), encoder.closing()];

    expect(frames.join("")).not.toContain("usage");
  });

  test("knows an error, as a body and in the middle of a stream", async () => {
    const failure = new Failure("rate_limited", "Later.", { code: "slow_down", param: "model" });
    const body = JSON.stringify(openAiChat.errorBody(failure, "req_1"));
    const refused = clientOf(body, { status: 429 }).chat.completions.create(question);
    expect(await refused.catch((error: unknown) => error)).toMatchObject({
      status: 429,
      code: "slow_down",
      param: "model",
      type: "rate_limit_error",
    });

    const frame = openAiChat.errorFrame(failure, "req_1");
    const broken = clientOf(frame, { headers: { "content-type": "text/event-stream" } });
    await expect(broken.chat.completions.stream(question).finalChatCompletion()).rejects.toThrow(
      "Later.",
    );
  });
});
