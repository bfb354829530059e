/** `chat` against recorded bytes of a gateway. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { runCommandLine as run } from "../../../../test/support/run-command-line.ts";

const REQUEST_ID = "0193f0a4-6c1e-7d2a-9b1f-3c5d7e9f1a20";

const stream = [
  `data: {"model":"upstream-name","choices":[{"index":0,"delta":{"content":"Hel\\u001blo"}}]}`,
  `data: {"choices":[{"index":0,"delta":{"content":" there"},"finish_reason":"length"}]}`,
  `data: {"choices":[],"usage":{"prompt_tokens":1200,"completion_tokens":3,"total_tokens":1203,"prompt_tokens_details":{"cached_tokens":1024}}}`,
  `: x-baseload-cost: 0.0000123\n: x-baseload-transfer: ${REQUEST_ID}`,
  "data: [DONE]\n\n",
].join("\n\n");

const headers = {
  "x-request-id": REQUEST_ID,
  "x-baseload-model": "smollm2",
  "x-baseload-provider": "local",
};

type Asked = { path: string; key: string | null; body: unknown };
let asked: Asked[] = [];
let answers: Response[] = [];

const gateway = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const text = await request.text();
    asked.push({
      path: new URL(request.url).pathname,
      key: request.headers.get("authorization"),
      body: text === "" ? undefined : JSON.parse(text),
    });
    if (request.url.endsWith("/v1/models")) {
      return Response.json({ data: [{ id: "smollm2" }, { id: "other" }] });
    }
    return answers.shift() ?? new Response(stream, { headers });
  },
});
afterAll(() => gateway.stop(true));

beforeEach(() => {
  asked = [];
  answers = [];
});

const chat = (words: readonly string[], options: Parameters<typeof run>[1] = {}) =>
  run(["chat", ...words, "--gateway-url", `http://127.0.0.1:${gateway.port}/v1`], {
    variables: { BASELOAD_API_KEY: "bl_key" },
    ...options,
  });

const refusal = (status: number, message: string) =>
  Response.json({ error: { message, type: "", param: null, code: null } }, { status });

describe("one message", () => {
  test("the answer is the output; usage, cost and receipt stand beside it", async () => {
    const { code, out, notes } = await chat(["Say", "hello"]);

    expect({ code, out }).toEqual({ code: 0, out: "Hello there\n" });
    expect(notes).toBe(
      `[smollm2 · 1,200 in (1,024 cached) · 3 out · stopped at the token limit · $0.0000123 · baseload call ${REQUEST_ID}]\n`,
    );
    expect(asked).toEqual([
      { path: "/v1/models", key: "Bearer bl_key", body: undefined },
      {
        path: "/v1/chat/completions",
        key: "Bearer bl_key",
        body: {
          model: "smollm2",
          messages: [{ role: "user", content: "Say hello" }],
          stream: true,
          stream_options: { include_usage: true },
        },
      },
    ]);
  });

  test("as JSON", async () => {
    const { code, notes, json } = await chat(["hello", "--json", "--model", "m"]);

    expect({ code, notes }).toEqual({ code: 0, notes: "" });
    expect(json()).toEqual({
      request_id: REQUEST_ID,
      model: "smollm2",
      provider: "local",
      region: null,
      content: "Hel\u001blo there",
      finish_reason: "length",
      input_tokens: 1200,
      cached_input_tokens: 1024,
      output_tokens: 3,
      cost_usd: "0.0000123",
      transfer_id: REQUEST_ID,
    });
  });

  test("says when the wallet affords fewer tokens than the limit", async () => {
    answers = [new Response(stream, { headers: { "x-baseload-lowered-max-tokens": "7" } })];

    expect((await chat(["hello", "--model", "m"])).notes).toContain("limit lowered to 7 tokens");
  });

  test("from the standard input, with instructions, a key and a limit", async () => {
    const words = [
      "--system",
      "Be brief.",
      "--key",
      "bl_other",
      "--max-tokens",
      "5",
      "--model",
      "m",
    ];

    expect((await chat(words, { input: "a diff\n" })).code).toBe(0);
    expect(asked).toEqual([
      {
        path: "/v1/chat/completions",
        key: "Bearer bl_other",
        body: {
          model: "m",
          messages: [
            { role: "system", content: "Be brief." },
            { role: "user", content: "a diff" },
          ],
          max_tokens: 5,
          stream: true,
          stream_options: { include_usage: true },
        },
      },
    ]);
  });

  test("nothing to say is a wrong command line", async () => {
    expect(await chat([], { input: "\n" })).toMatchObject({ code: 2, out: "" });
    expect(asked).toEqual([]);
  });

  test("a refusal is one sentence and exit code 1", async () => {
    answers = [refusal(402, "The wallet of acme is empty. Add credit.")];
    const empty = await chat(["hello", "--model", "m"]);
    expect(empty).toMatchObject({ code: 1, out: "" });
    expect(empty.notes).toBe("baseload: The wallet of acme is empty. Add credit.\n");

    answers = [refusal(401, "Unknown key.")];
    expect((await chat(["hello", "--model", "m"])).notes).toBe(
      "baseload: Unknown key. Give a key with --key or BASELOAD_API_KEY.\n",
    );
  });
});

describe("a conversation", () => {
  test("keeps what was said, and forgets what was refused", async () => {
    answers = [new Response(stream), refusal(429, "Too fast."), new Response(stream)];

    const { code, out, notes } = await chat(["--model", "m"], {
      typed: ["one", "", "two", "three"],
    });

    expect(code).toBe(0);
    expect(out).toBe("Hello there\nHello there\n");
    expect(notes).toContain("Too fast.\n");
    expect(asked.at(-1)?.body).toMatchObject({
      messages: [
        { role: "user", content: "one" },
        { role: "assistant", content: "Hel\u001blo there" },
        { role: "user", content: "three" },
      ],
    });
  });

  test("has no JSON", async () => {
    expect((await chat(["--json"], { typed: ["hello"] })).code).toBe(2);
  });
});
