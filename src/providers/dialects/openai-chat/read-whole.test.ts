import { describe, expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import { readAnswer } from "../../read-answer.ts";
import type { Upstream } from "../../upstream.ts";
import { readWhole } from "./read-whole.ts";

const upstream: Upstream = {
  name: "acme",
  dialect: "openai-chat",
  baseUrl: "https://api.acme.example/v1",
  credential: "sk-secret-123456",
  allowPrivate: false,
  quirks: {},
};

const answerOf = (message: Record<string, unknown>, more: Record<string, unknown> = {}): string =>
  `{"id":"x",  "choices":[${JSON.stringify({ index: 0, message })}]${JSON.stringify(more)
    .replace(/^\{(.+)\}$/, ",$1")
    .replace("{}", "")}}`;

async function failureOf(response: Response, bytesMax?: number): Promise<Failure> {
  const options = bytesMax === undefined ? {} : { bytesMax };
  const error = await readAnswer(upstream, response, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`not a Failure: ${error}`);
  expect(error.cause).toMatchObject({ upstream: "acme", dispatched: true });
  return error;
}

/** A body without an announced length. */
function streamed(...chunks: string[]): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    }),
  );
}

describe("a whole answer", () => {
  test("keeps its bytes and gives its usage", async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    const text = answerOf({ role: "assistant", content: "Hi" }, { usage });
    for (const response of [new Response(text), streamed(text.slice(0, 9), text.slice(9))]) {
      const answer = await readWhole(upstream, response);
      expect(Buffer.from(answer.bytes).toString()).toBe(text);
      expect(answer.usage).toEqual({
        quantities: { uncached_input: 3, output_text: 2 },
        raw: usage,
      });
    }
  });

  const counted: [string, Record<string, unknown>, number][] = [
    ["text", { content: "twelve bytes" }, 3],
    ["characters of several bytes", { content: "🦊🦊" }, 2],
    [
      "reasoning, once where it has two names",
      { content: "a", reasoning: "thinking", reasoning_content: "thinking" },
      3,
    ],
    ["a refusal", { content: null, refusal: "I will not." }, 3],
    [
      "tool calls",
      { content: null, tool_calls: [{ function: { name: "f", arguments: '{"a":1}' } }] },
      2,
    ],
    ["nothing", { content: null }, 0],
  ];
  for (const [name, message, tokens] of counted) {
    test(`without usage is estimated from its ${name}`, async () => {
      const answer = await readWhole(upstream, new Response(answerOf(message)));
      expect(answer.usage).toBeUndefined();
      expect(answer.countedOutputTokens).toBe(tokens);
    });
  }

  test("passes with an error that is null", async () => {
    const response = new Response(answerOf({ content: "Hi" }, { error: null }));
    expect((await readWhole(upstream, response)).countedOutputTokens).toBe(1);
  });
});

describe("is no answer", () => {
  for (const body of ["", "<html>hello</html>", '{"choices":[', "[1]", "null"]) {
    test(`when it is ${JSON.stringify(body)}`, async () => {
      const failure = await failureOf(new Response(body));
      expect([failure.status, failure.code]).toEqual([502, "provider_malformed_answer"]);
    });
  }

  test("when it is an error under status 200", async () => {
    const response = Response.json({ error: { message: "busy on 10.0.0.1", code: 429 } });
    const failure = await failureOf(response);
    expect([failure.status, failure.message.includes("10.0.0.1")]).toEqual([429, false]);
  });

  test("when it is too large, announced or not", async () => {
    const text = answerOf({ content: "x".repeat(1_000) });
    expect((await failureOf(new Response(text), 500)).code).toBe("provider_malformed_answer");
    expect((await failureOf(streamed(text), 500)).code).toBe("provider_malformed_answer");
  });

  test("when it breaks off", async () => {
    const body = new ReadableStream({
      start: (controller) => controller.error(new Error("reset")),
    });
    expect((await failureOf(new Response(body))).code).toBe("provider_connection_lost");
  });
});
