/** Somebody else's server, as raw as it can be: it answers what a test says, and remembers what it was asked. */

export type SeenRequest = {
  method: string;
  path: string;
  /** With its question mark; empty when there is none. */
  search: string;
  headers: Headers;
  /** As JSON, or as the fields of a form; empty for forms with files. */
  body: Record<string, unknown>;
  bytes: Uint8Array;
  signal: AbortSignal;
};

export type ScriptedUpstream = AsyncDisposable & {
  /** Ends in `/v1`. */
  url: string;
  port: number;
  requests: SeenRequest[];
  /** What the next calls are answered with, until it is set again. */
  answer: (request: SeenRequest) => Response | Promise<Response>;
};

export function startScriptedUpstream(): ScriptedUpstream {
  const requests: SeenRequest[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const bytes = await request.bytes();
      const { pathname, search } = new URL(request.url);
      const seen: SeenRequest = {
        method: request.method,
        path: pathname,
        search,
        headers: request.headers,
        body: readBody(Buffer.from(bytes).toString(), request.headers),
        bytes,
        signal: request.signal,
      };
      requests.push(seen);
      return await upstream.answer(seen);
    },
  });
  const port = server.port ?? 0;
  const upstream: ScriptedUpstream = {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    requests,
    answer: () => Response.json(completion("Hello.")),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  return upstream;
}

function readBody(text: string, headers: Headers): Record<string, unknown> {
  if (headers.get("content-type") === "application/x-www-form-urlencoded") {
    return Object.fromEntries(new URLSearchParams(text));
  }
  if (headers.get("content-type")?.startsWith("multipart/") === true) return {};
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export type WireUsage = { prompt_tokens: number; completion_tokens: number; total_tokens: number };

export const wireUsage = (prompt: number, completion: number): WireUsage => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});

/** A whole answer in OpenAI's shape; without usage when it is not given. */
export const completion = (content: string, usage?: WireUsage): Record<string, unknown> => ({
  id: "chatcmpl-scripted",
  object: "chat.completion",
  created: 1_750_000_000,
  model: "scripted",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  ...(usage === undefined ? {} : { usage }),
});

/** The text of one frame. */
export const frame = (data: unknown): string =>
  `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;

export const chunk = (delta: Record<string, unknown>, more: Record<string, unknown> = {}): string =>
  frame({
    id: "chatcmpl-scripted",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: null }],
    ...more,
  });

export const lastChunk = (reason = "stop"): string =>
  frame({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });

export const usageChunk = (usage: WireUsage): string => frame({ choices: [], usage });

export const DONE = "data: [DONE]\n\n";

type Ending = "close" | "reset" | "late reset" | "stay silent";

const LATE_MS = 100;

const encoder = new TextEncoder();

/** Frames, each in a chunk of its own, and then the end that is asked for. */
export function sseResponse(frames: readonly string[], ending: Ending = "close"): Response {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = frames[next];
        next += 1;
        if (text !== undefined) {
          controller.enqueue(encoder.encode(text));
          // A turn of the event loop, so that every frame is a packet of its own.
          await Bun.sleep(0);
        } else if (ending === "close") controller.close();
        else if (ending === "reset") controller.error(undefined);
        else if (ending === "late reset") {
          await Bun.sleep(LATE_MS);
          controller.error(undefined);
        } else await new Promise(() => undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
