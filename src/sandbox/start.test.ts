import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFrame, SseSplitter } from "../lib/sse.ts";
import { type Sandbox, startSandbox } from "./start.ts";

const TOKEN = "sandbox-token";
const folder = mkdtempSync(join(tmpdir(), "sandbox-fixtures-"));
const RAW = 'data: {"odd":1}\r\n\r\ndata: [DONE]\r\n\r\n';
let sandbox: Sandbox;
let ids = 0;

beforeAll(async () => {
  writeFileSync(join(folder, "odd.sse"), RAW);
  sandbox = await startSandbox({ port: 0, hostname: "127.0.0.1", token: TOKEN, fixtures: folder });
});
afterAll(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true });
});

type Json = Record<string, unknown>;
type Asked = { response: Response; id: string };
type Served = { id: string; outcome: string; prompt_tokens: number; completion_tokens: number };

async function get(path: string): Promise<Response> {
  return await fetch(`${sandbox.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
}

async function ask(request: Json, signal?: AbortSignal): Promise<Asked> {
  ids += 1;
  const id = `attempt-${ids}`;
  const defaults = { model: "sandbox-echo", messages: [{ role: "user", content: "Hello there" }] };
  const response = await fetch(`${sandbox.url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "x-baseload-attempt": id },
    body: JSON.stringify({ ...defaults, ...request }),
    signal: signal ?? null,
  });
  return { response, id };
}

async function servedOf(id: string): Promise<Served | undefined> {
  const { attempts } = (await (await get("/served")).json()) as { attempts: Served[] };
  return attempts.find((attempt) => attempt.id === id);
}

/** The data of each frame of a stream. */
async function framesOf(response: Response): Promise<string[]> {
  const splitter = new SseSplitter({ frameBytesMax: 1_000_000 });
  return splitter.take(await response.bytes()).map((frame) => readFrame(frame).data ?? "");
}

type Chunk = {
  choices: { index: number; delta: { content?: string }; finish_reason: string | null }[];
  usage?: Json | null;
};

async function chunksOf(response: Response): Promise<Chunk[]> {
  const frames = await framesOf(response);
  expect(frames.pop()).toBe("[DONE]");
  return frames.map((frame) => JSON.parse(frame) as Chunk);
}

const textOf = (chunks: Chunk[], index = 0): string =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? "")
    .join("");

describe("an answer", () => {
  test("is what the script says, and always the same", async () => {
    const request = {
      sandbox: {
        answer: "Pinned.",
        prompt_tokens: 1_000,
        cached_tokens: 600,
        completion_tokens: 70,
        reasoning_tokens: 50,
      },
    };
    const body = (await (await ask(request)).response.json()) as Json;
    expect(body).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: "Pinned." }, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 1_000,
        completion_tokens: 70,
        total_tokens: 1_070,
        prompt_tokens_details: { cached_tokens: 600 },
        completion_tokens_details: { reasoning_tokens: 50 },
      },
    });
    const again = (await (await ask(request)).response.json()) as Json;
    expect({ ...again, id: "" }).toEqual({ ...body, id: "" });
  });

  test("as a stream says the same in frames", async () => {
    const { response } = await ask({ stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const chunks = await chunksOf(response);
    expect(textOf(chunks)).toBe("Hello there");
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("has no usage in its stream unless it is asked for", async () => {
    const chunks = await chunksOf((await ask({ stream: true })).response);
    expect(chunks.some((chunk) => "usage" in chunk)).toBe(false);
  });

  test("never has more tokens than the client allows, in every choice", async () => {
    const request = { max_tokens: 3, n: 2, sandbox: { completion_tokens: 10 } };
    const body = (await (await ask(request)).response.json()) as { choices: Json[] };
    expect(body).toMatchObject({ usage: { completion_tokens: 6 } });
    expect(body.choices.map((choice) => choice["finish_reason"])).toEqual(["length", "length"]);
    const chunks = await chunksOf((await ask({ ...request, stream: true })).response);
    expect(textOf(chunks, 0)).toBe("sun sky sea ");
    expect(textOf(chunks, 1)).toBe("sky sea ice ");
  });

  test("calls a tool, and answers once it has the result", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const first = await (await ask({ tools })).response.json();
    expect(first).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            tool_calls: [
              { type: "function", function: { name: "weather", arguments: '{"city":"text"}' } },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
    });
    const messages = [
      { role: "user", content: "How is the weather?" },
      { role: "tool", tool_call_id: "call_0_0", content: "sunny" },
    ];
    const second = await (await ask({ tools, messages })).response.json();
    expect(second).toMatchObject({ choices: [{ finish_reason: "stop" }] });
    const none = await (await ask({ tools, tool_choice: "none" })).response.json();
    expect(none).toMatchObject({ choices: [{ finish_reason: "stop" }] });
  });

  test("follows a schema", async () => {
    const schema = { type: "object", properties: { ok: { type: "boolean" } } };
    const response_format = { type: "json_schema", json_schema: { name: "x", schema } };
    const body = await (await ask({ response_format })).response.json();
    expect(body).toMatchObject({ choices: [{ message: { content: '{"ok":true}' } }] });
  });

  test("has log probabilities when they are asked for", async () => {
    const body = await (
      await ask({ logprobs: true, top_logprobs: 2, max_tokens: 1 })
    ).response.json();
    const alternatives = [{ token: "Hell" }, { token: "Hell1" }];
    const content = [{ token: "Hell", bytes: [72, 101, 108, 108], top_logprobs: alternatives }];
    expect(body).toMatchObject({ choices: [{ logprobs: { content } }] });
  });

  test("comes as raw bytes from a fixture", async () => {
    const { response, id } = await ask({
      stream: true,
      sandbox: { fixture: "odd.sse", completion_tokens: 4 },
    });
    expect(await response.text()).toBe(RAW);
    expect(await servedOf(id)).toMatchObject({ outcome: "answered", completion_tokens: 4 });
  });

  test("takes its time", async () => {
    const sandboxScript = { answer: "abcdefgh", first_token_delay_ms: 60, token_delay_ms: 40 };
    for (const stream of [true, false]) {
      const start = performance.now();
      await (await ask({ stream, sandbox: sandboxScript })).response.text();
      expect(performance.now() - start).toBeGreaterThan(95);
    }
  });
});

describe("a fault", () => {
  test("an error has status, code and how long to wait", async () => {
    const error = { status: 429, code: "slow_down", message: "Slow down.", retry_after: 7 };
    const { response, id } = await ask({ sandbox: { error } });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await response.json()).toMatchObject({
      error: { message: "Slow down.", code: "slow_down" },
    });
    expect(await servedOf(id)).toMatchObject({ outcome: "refused", prompt_tokens: 0 });
  });

  test("an error in the middle of a stream is a frame, and then the end", async () => {
    const sandboxScript = { completion_tokens: 10, error: { status: 500, after_tokens: 4 } };
    const { response, id } = await ask({ stream: true, sandbox: sandboxScript });
    const frames = await framesOf(response);
    expect(JSON.parse(frames.at(-1) ?? "")).toMatchObject({ error: { type: "upstream_error" } });
    expect(await servedOf(id)).toMatchObject({ outcome: "failed", completion_tokens: 4 });
  });

  test("a cut breaks the connection where it was told to", async () => {
    for (const token_delay_ms of [0, 5]) {
      const sandboxScript = { completion_tokens: 10, cut_after_tokens: 4, token_delay_ms };
      const { response, id } = await ask({ stream: true, sandbox: sandboxScript });
      const reader = response.body?.getReader();
      let text = "";
      const readAll = async (): Promise<void> => {
        for (;;) {
          const part = await reader?.read();
          if (part === undefined || part.done) return;
          text += new TextDecoder().decode(part.value);
        }
      };
      await expect(readAll()).rejects.toThrow();
      expect(text).toContain("ice ");
      expect(text).not.toContain("oak ");
      expect(await servedOf(id)).toMatchObject({ outcome: "cut", completion_tokens: 4 });
    }
    const { response, id } = await ask({ sandbox: { completion_tokens: 10, cut_after_tokens: 4 } });
    await expect(response.text()).rejects.toThrow();
    expect(await servedOf(id)).toMatchObject({ outcome: "cut", completion_tokens: 4 });
  });

  test("a malformed frame does not end the stream", async () => {
    const script = { answer: "abcdefgh", malformed_after_tokens: 1 };
    const frames = await framesOf((await ask({ stream: true, sandbox: script })).response);
    expect(frames.at(-1)).toBe("[DONE]");
    const malformed = frames.slice(0, -1).filter((frame) => !frame.endsWith("}"));
    expect(malformed).toHaveLength(1);
    const whole = await (await ask({ sandbox: script })).response.text();
    expect(() => JSON.parse(whole)).toThrow();
  });

  test("usage can be missing, or repeated", async () => {
    const options = { stream: true, stream_options: { include_usage: true } };
    const without = await chunksOf(
      (await ask({ ...options, sandbox: { omit_usage: true } })).response,
    );
    expect(without.some(({ usage }) => usage !== null)).toBe(false);
    const repeated = await chunksOf(
      (await ask({ ...options, sandbox: { repeat_usage: true } })).response,
    );
    expect(repeated.filter(({ usage }) => usage !== null).length).toBeGreaterThan(3);
    expect(await (await ask({ sandbox: { omit_usage: true } })).response.json()).not.toHaveProperty(
      "usage",
    );
  });
});

describe("a client that leaves", () => {
  test("stops a stream at once; what was generated is counted to the token", async () => {
    const client = new AbortController();
    const script = { prompt_tokens: 10, completion_tokens: 10_000, token_delay_ms: 5 };
    const { response, id } = await ask({ stream: true, sandbox: script }, client.signal);
    const reader = response.body?.getReader();
    let received = 0;
    for (let reads = 0; reads < 10; reads++) {
      const text = new TextDecoder().decode((await reader?.read())?.value);
      received += text.split('"content":"').length - 1 - (text.includes('"role"') ? 1 : 0);
    }
    client.abort();
    const stopped = await settled(id);
    expect(stopped.outcome).toBe("client_left");
    // What was on its way when the client left is generated, too.
    expect(stopped.completion_tokens).toBeGreaterThanOrEqual(received);
    expect(stopped.completion_tokens).toBeLessThanOrEqual(received + 20);
    await Bun.sleep(50);
    expect(await servedOf(id)).toEqual(stopped);
    expect(await (await get(`/attempts/${id}`)).json()).toMatchObject({
      state: "finished",
      usage: { prompt_tokens: 10, completion_tokens: stopped.completion_tokens },
    });
  });

  test("stops an answer without a stream after the tokens that were due", async () => {
    const client = new AbortController();
    const script = { completion_tokens: 10_000, token_delay_ms: 10 };
    const asked = ask({ sandbox: script }, client.signal);
    await Bun.sleep(100);
    client.abort();
    await expect(asked).rejects.toThrow();
    const stopped = await settled(`attempt-${ids}`);
    expect(stopped.outcome).toBe("client_left");
    expect(stopped.completion_tokens).toBeGreaterThan(2);
    expect(stopped.completion_tokens).toBeLessThan(60);
  });

  test("before the first token: the prompt has been read", async () => {
    for (const script of [{ hang: true }, { first_token_delay_ms: 60_000 }]) {
      for (const stream of [true, false]) {
        const client = new AbortController();
        const asked = ask({ stream, sandbox: { ...script, prompt_tokens: 9 } }, client.signal);
        await Bun.sleep(30);
        client.abort();
        await expect(asked).rejects.toThrow();
        expect(await settled(`attempt-${ids}`)).toMatchObject({
          outcome: "client_left",
          prompt_tokens: 9,
          completion_tokens: 0,
        });
      }
    }
  });

  test("does not read: the generation waits with it", async () => {
    const body = JSON.stringify({
      model: "sandbox-echo",
      messages: [{ role: "user", content: "x" }],
      stream: true,
      // 60 MB of frames, far more than all buffers on the way hold.
      sandbox: { answer: "x".repeat(1_000_000) },
    });
    const socket = connect(sandbox.port, "127.0.0.1");
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\nx-baseload-attempt: unread\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let generated = -1;
    for (let now = 0; now !== generated || now === 0; await Bun.sleep(100)) {
      generated = now;
      now = (await servedOf("unread"))?.completion_tokens ?? 0;
    }
    expect(generated).toBeLessThan(200_000);
    expect((await servedOf("unread"))?.outcome).toBeUndefined();
    socket.destroy();
    expect((await settled("unread")).outcome).toBe("client_left");
  });
});

/** Waits until an attempt has ended. */
async function settled(id: string): Promise<Served> {
  for (let tries = 0; tries < 100; tries++) {
    const attempt = await servedOf(id);
    if (attempt?.outcome !== undefined) return attempt;
    await Bun.sleep(10);
  }
  throw new Error(`the attempt ${id} did not end`);
}

describe("a bad request", () => {
  const cases: [Json, number, string | null][] = [
    [{ model: 7 }, 400, "model"],
    [{ model: "gpt-4o" }, 404, "model"],
    [{ messages: [] }, 400, "messages"],
    [{ messages: [{ content: "x" }] }, 400, "messages[0].role"],
    [{ n: 0 }, 400, "n"],
    [{ n: 1_000 }, 400, "n"],
    [{ max_tokens: -1 }, 400, "max_tokens"],
    [{ logprobs: true, top_logprobs: 99 }, 400, "top_logprobs"],
    [{ tools: {} }, 400, "tools"],
    [{ sandbox: { answr: "x" } }, 400, "sandbox"],
    [{ sandbox: { token_delay_ms: "1" } }, 400, "sandbox.token_delay_ms"],
    [{ sandbox: { error: { status: 200 } } }, 400, "sandbox.error.status"],
    [{ sandbox: { reasoning_tokens: 9, completion_tokens: 5 } }, 400, "sandbox.reasoning_tokens"],
    [{ sandbox: { cached_tokens: 9 } }, 400, "sandbox.cached_tokens"],
    [{ sandbox: { completion_tokens: 5_000_000 } }, 400, "sandbox.completion_tokens"],
    [{ sandbox: { fixture: "../secrets.json" } }, 400, "sandbox.fixture"],
    [{ sandbox: { fixture: "missing.sse" } }, 400, "sandbox.fixture"],
  ];
  for (const [request, status, param] of cases) {
    test(`${JSON.stringify(request)} is refused`, async () => {
      const { response } = await ask(request);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error: { param } });
    });
  }

  test("without the token is refused everywhere", async () => {
    for (const path of ["/models", "/served", "/attempts/x"]) {
      expect((await fetch(`${sandbox.url}${path}`)).status).toBe(401);
    }
    const asked = await fetch(`${sandbox.url}/chat/completions`, { method: "POST", body: "{}" });
    expect(asked.status).toBe(401);
  });

  test("under an id that was asked for before it came", async () => {
    expect((await get("/attempts/overtaken")).status).toBe(404);

    const late = await fetch(`${sandbox.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "x-baseload-attempt": "overtaken" },
      body: JSON.stringify({ model: "sandbox-echo", messages: [{ role: "user", content: "hi" }] }),
    });

    expect(late.status).toBe(409);
    expect((await get("/attempts/overtaken")).status).toBe(404);
  });

  test("to a path that is not there", async () => {
    expect((await get("/embeddings")).status).toBe(404);
    expect((await get("/attempts/never-seen")).status).toBe(404);
  });
});

test("every model answers or fails as its name says", async () => {
  const { data } = (await (await get("/models")).json()) as { data: { id: string }[] };
  const slow = ["sandbox-hang", "sandbox-slow", "sandbox-cut"];
  for (const { id } of data.filter((model) => !slow.includes(model.id))) {
    const { response } = await ask({ model: id });
    const status = /\d{3}$/.exec(id)?.[0];
    expect(response.status).toBe(status === undefined ? 200 : Number(status));
  }
});

test("five hundred streams at once are all served and counted", async () => {
  const before = (await (await get("/served?attempts=false")).json()) as {
    completion_tokens: number;
  };
  const request = { stream: true, sandbox: { completion_tokens: 20, token_delay_ms: 10 } };
  const streams = Array.from({ length: 500 }, async () => {
    const chunks = await chunksOf((await ask(request)).response);
    return textOf(chunks).split(" ").length - 1;
  });
  const words = await Promise.all(streams);
  expect(words.every((count) => count === 20)).toBe(true);
  const after = (await (await get("/served?attempts=false")).json()) as {
    completion_tokens: number;
  };
  expect(after.completion_tokens - before.completion_tokens).toBe(10_000);
}, 20_000);
