import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { type Sandbox, startSandbox } from "./start.ts";

let sandbox: Sandbox;
let client: OpenAI;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, hostname: "127.0.0.1", token: "sandbox-token" });
  client = new OpenAI({ baseURL: sandbox.url, apiKey: "sandbox-token", maxRetries: 0 });
});
afterAll(() => sandbox.stop());

const messages = [{ role: "user" as const, content: "Hello there" }];
const model = "sandbox-echo";

describe("the openai SDK", () => {
  test("lists the models", async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toContain(model);
  });

  test("gets an answer", async () => {
    const answer = await client.chat.completions.create({ model, messages });
    expect(answer.choices[0]?.message.content).toBe("Hello there");
    expect(answer.usage?.total_tokens).toBe(11);
  });

  test("gets a stream", async () => {
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    let text = "";
    let tokens: number | undefined;
    for await (const chunk of await client.chat.completions.create({
      model,
      messages,
      ...options,
    })) {
      text += chunk.choices[0]?.delta.content ?? "";
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect([text, tokens]).toEqual(["Hello there", 4]);
  });

  test("runs tools in a loop", async () => {
    const asked: string[] = [];
    const runner = client.chat.completions.runTools({
      model,
      messages,
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            description: "The weather of a city",
            parameters: { type: "object", properties: { city: { type: "string" } } },
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: ({ city }: { city: string }) => {
              asked.push(city);
              return "sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("Hello there");
    expect(asked).toEqual(["text"]);
  });

  test("gathers streamed tool calls", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const stream = client.chat.completions.stream({
      model,
      messages,
      tools: [{ type: "function", function: { name: "weather", parameters } }],
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: "weather", arguments: '{"city":"text"}' },
    });
  });

  test("stops a stream", async () => {
    const stream = await client.chat.completions.create({
      model: "sandbox-slow",
      messages,
      stream: true,
    });
    setTimeout(() => stream.controller.abort(), 50);
    for await (const _ of stream) break;
    expect(stream.controller.signal.aborted).toBe(true);
  });

  const errors: [string, new (...args: never[]) => APIError][] = [
    ["sandbox-error-400", BadRequestError],
    ["sandbox-error-429", RateLimitError],
    ["sandbox-error-500", InternalServerError],
    ["gpt-nothing", NotFoundError],
  ];
  for (const [name, kind] of errors) {
    test(`sees ${kind.name} from ${name}`, async () => {
      const error = await client.chat.completions.create({ model: name, messages }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(kind);
    });
  }

  test("sees that its key is wrong", async () => {
    const stranger = new OpenAI({ baseURL: sandbox.url, apiKey: "wrong", maxRetries: 0 });
    const error = await stranger.models.list().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AuthenticationError);
  });

  test("sees a stream that breaks, and one that fails", async () => {
    const read = async (
      sandboxModel: string,
      extra: Record<string, unknown> = {},
    ): Promise<unknown> => {
      try {
        const stream = await client.chat.completions.create({
          model: sandboxModel,
          messages,
          stream: true,
          ...extra,
        });
        for await (const _ of stream);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    expect(await read("sandbox-cut")).toBeInstanceOf(Error);
    const failing = { sandbox: { completion_tokens: 9, error: { status: 500, after_tokens: 3 } } };
    expect(await read("sandbox-lorem", failing)).toBeInstanceOf(APIError);
  });
});
