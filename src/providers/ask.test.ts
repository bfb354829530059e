import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { type Ask, ask } from "./ask.ts";
import { readRetryAfter } from "./read-error.ts";
import type { Upstream } from "./upstream.ts";
import { isWorthAnotherTry, mayHaveBeenDispatched } from "./upstream-failure.ts";
import { UrlGuard } from "./url-guard.ts";

const SECRET = "sk-provider-secret-1";
const forever = new AbortController().signal;

const upstreamAt = (baseUrl: string, more: Partial<Upstream> = {}): Upstream => ({
  name: "acme",
  dialect: "openai-chat",
  baseUrl,
  credential: SECRET,
  allowPrivate: true,
  quirks: {},
  ...more,
});

const call = (more: Partial<Ask> = {}): Ask => ({
  path: "/chat/completions",
  body: '{"model":"m"}',
  attemptId: "0190d1d2-0000-7000-8000-000000000000",
  signal: forever,
  timeoutMs: 2_000,
  ...more,
});

const servers: (Bun.Server<undefined> | Server)[] = [];
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
afterAll(async () => {
  for (const server of servers) "stop" in server ? await server.stop(true) : server.close();
});

/** An HTTP server on loopback; gives its base URL. */
function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  servers.push(server);
  return `http://127.0.0.1:${server.port}/v1`;
}

/** A server of bytes, for answers that are no HTTP. Counts the requests it was sent. */
async function serveBytes(
  onData: (socket: Socket) => void,
): Promise<{ url: string; seen: number }> {
  const seen = { url: "", seen: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => {
      seen.seen += 1;
      onData(socket);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  seen.url = `http://127.0.0.1:${address.port}/v1`;
  return seen;
}

async function failureOf(asked: Promise<Response>): Promise<Failure> {
  const error = await asked.then(
    (response) => `answered ${response.status}`,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`not a Failure: ${error}`);
  const told = JSON.stringify({ message: error.message, cause: error.cause, stack: error.stack });
  expect(told).not.toContain(SECRET);
  expect(error.message).not.toContain("127.0.0.1");
  return error;
}

describe("a call", () => {
  test("carries the credential, the body and nothing that could hurt", async () => {
    const url = serve(async (request) =>
      Response.json({
        method: request.method,
        path: new URL(request.url).pathname,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      }),
    );
    const response = await ask(upstreamAt(url), call());
    const seen = (await response.json()) as { headers: Record<string, string> };
    expect(seen).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      body: '{"model":"m"}',
    });
    expect(seen.headers).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      "content-type": "application/json",
      "accept-encoding": "identity",
      "user-agent": "baseload",
    });
    expect(seen.headers).not.toHaveProperty("x-baseload-attempt");
  });

  test("names the attempt only to upstreams that can be asked for it", async () => {
    const url = serve((request) => Response.json(request.headers.get("x-baseload-attempt")));
    const asked = await ask(upstreamAt(url, { quirks: { usage_lookup: true } }), call());
    expect(await asked.json()).toBe(call().attemptId);
  });

  test("without a credential sends none", async () => {
    const url = serve((request) => Response.json(request.headers.get("authorization")));
    expect(await (await ask(upstreamAt(url, { credential: null }), call())).json()).toBeNull();
  });

  test("ignores proxies of the environment, which would choose the address anew", async () => {
    const url = serve(() => Response.json("direct"));
    process.env["HTTP_PROXY"] = "http://127.0.0.1:1";
    try {
      expect(await (await ask(upstreamAt(url), call())).json()).toBe("direct");
    } finally {
      delete process.env["HTTP_PROXY"];
    }
  });
});

describe("an answer that is no 2xx", () => {
  test("is a failure with what the provider said", async () => {
    const body = { error: { message: "n is too large", param: "n", code: "bad_n" } };
    const url = serve(() => Response.json(body, { status: 400 }));
    const failure = await failureOf(ask(upstreamAt(url), call()));
    expect(failure).toMatchObject({
      status: 400,
      message: "n is too large",
      param: "n",
      code: "bad_n",
    });
  });

  test("says when to come back", async () => {
    const url = serve(() => new Response("", { status: 429, headers: { "retry-after": "12" } }));
    expect((await failureOf(ask(upstreamAt(url), call()))).retryAfterSeconds).toBe(12);
  });

  test("is not followed when it redirects", async () => {
    let followed = 0;
    const target = serve(() => {
      followed += 1;
      return Response.json({});
    });
    const url = serve(() => Response.redirect(target, 307));
    const failure = await failureOf(ask(upstreamAt(url), call()));
    expect([failure.status, failure.code, followed]).toEqual([502, "provider_redirected", 0]);
  });

  test("is not read without end", async () => {
    let sent = 0;
    const url = serve(() => {
      const body = new ReadableStream({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
      });
      return new Response(body, { status: 500 });
    });
    expect((await failureOf(ask(upstreamAt(url), call()))).status).toBe(502);
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });
});

describe("an upstream that does not answer", () => {
  test("nobody listens: nothing was dispatched", async () => {
    const failure = await failureOf(ask(upstreamAt("http://127.0.0.1:1/v1"), call()));
    expect([failure.status, failure.code]).toEqual([502, "provider_unreachable"]);
    expect(mayHaveBeenDispatched(failure)).toBe(false);
    expect(isWorthAnotherTry(failure)).toBe(true);
  });

  test("no such name, or a forbidden one: nothing was dispatched", async () => {
    for (const url of ["https://does-not-exist.invalid/v1", "https://169.254.169.254/v1"]) {
      const failure = await failureOf(ask(upstreamAt(url), call()));
      expect(failure.code).toBe("provider_unreachable");
      expect(mayHaveBeenDispatched(failure)).toBe(false);
    }
  });

  test("no TLS on the other side: nothing was dispatched", async () => {
    const plain = await serveBytes((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const failure = await failureOf(ask(upstreamAt(plain.url.replace("http", "https")), call()));
    expect(mayHaveBeenDispatched(failure)).toBe(false);
  });

  test("a connection that breaks may have carried the request", async () => {
    const server = await serveBytes((socket) => socket.destroy());
    const failure = await failureOf(ask(upstreamAt(server.url), call()));
    expect([failure.status, failure.code]).toEqual([502, "provider_connection_lost"]);
    expect(mayHaveBeenDispatched(failure)).toBe(true);
    expect(isWorthAnotherTry(failure)).toBe(true);
  });

  test("a kept connection that breaks is not used to send the request a second time", async () => {
    const server = await serveBytes((socket) => {
      if (server.seen === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      else socket.destroy();
    });
    await (await ask(upstreamAt(server.url), call())).text();
    await failureOf(ask(upstreamAt(server.url), call()));
    expect(server.seen).toBe(2);
  });

  test("something that is no HTTP", async () => {
    const server = await serveBytes((socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"));
    expect((await failureOf(ask(upstreamAt(server.url), call()))).status).toBe(502);
  });

  test("silence ends with a timeout", async () => {
    const server = await serveBytes(() => undefined);
    const failure = await failureOf(ask(upstreamAt(server.url), call({ timeoutMs: 50 })));
    expect([failure.status, failure.code]).toEqual([504, "provider_timeout"]);
    expect(mayHaveBeenDispatched(failure)).toBe(true);
  });

  test("the timeout is over once the head has arrived", async () => {
    const url = serve(async () => {
      const body = new ReadableStream({
        async pull(controller) {
          controller.enqueue(new TextEncoder().encode("{"));
          await Bun.sleep(150);
          controller.enqueue(new TextEncoder().encode("}"));
          controller.close();
        },
      });
      return new Response(body);
    });
    const response = await ask(upstreamAt(url), call({ timeoutMs: 100 }));
    expect(await response.json()).toEqual({});
  });
});

describe("a client that leaves", () => {
  test("before the call: nothing was dispatched", async () => {
    const server = await serveBytes(() => undefined);
    const failure = await failureOf(
      ask(upstreamAt(server.url), call({ signal: AbortSignal.abort() })),
    );
    expect([failure.status, failure.code]).toEqual([499, "client_closed_request"]);
    expect(mayHaveBeenDispatched(failure)).toBe(false);
    expect(server.seen).toBe(0);
  });

  test("during the call: it ends at once, and is not tried again", async () => {
    const server = await serveBytes(() => client.abort());
    const client = new AbortController();
    const failure = await failureOf(ask(upstreamAt(server.url), call({ signal: client.signal })));
    expect(failure.code).toBe("client_closed_request");
    expect(mayHaveBeenDispatched(failure)).toBe(true);
    expect(isWorthAnotherTry(failure)).toBe(false);
  });

  test("during the body: the upstream's connection is closed", async () => {
    const left = Promise.withResolvers<void>();
    const url = serve((request) => {
      request.signal.addEventListener("abort", () => left.resolve());
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
      });
      return new Response(body);
    });
    const client = new AbortController();
    const response = await ask(upstreamAt(url), call({ signal: client.signal }));
    const reader = response.body?.getReader();
    await reader?.read();
    client.abort();
    await left.promise;
    await expect(reader?.read()).rejects.toThrow();
  });
});

describe("several addresses", () => {
  const guardFor = (...addresses: string[]): UrlGuard =>
    new UrlGuard({ lookUp: async () => addresses, clock: systemClock });

  test("the next is tried when nobody listens at the first", async () => {
    const url = serve((request) => Response.json(request.headers.get("host")));
    const port = new URL(url).port;
    const guard = guardFor("127.0.0.99", "127.0.0.1");
    const named = upstreamAt(`http://upstream.example:${port}/v1`);
    expect(await (await ask(named, call(), guard)).json()).toBe(`upstream.example:${port}`);
  });

  test("but not when the first may have got the request", async () => {
    const server = await serveBytes((socket) => socket.destroy());
    const named = upstreamAt(server.url.replace("127.0.0.1", "upstream.example"));
    await failureOf(ask(named, call(), guardFor("127.0.0.1", "127.0.0.1")));
    expect(server.seen).toBe(1);
  });
});

describe("when to try again", () => {
  const cases: [Record<string, string>, number | undefined][] = [
    [{ "retry-after": "5" }, 5],
    [{ "retry-after": "1.5" }, 2],
    [{ "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" }, 60],
    [{ "retry-after": "Wed, 31 Dec 1969 00:00:00 GMT" }, 0],
    [{ "retry-after-ms": "1200", "retry-after": "9" }, 2],
    [{ "retry-after": "999999" }, 3_600],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{}, undefined],
  ];
  for (const [headers, seconds] of cases) {
    test(`${JSON.stringify(headers)} → ${seconds}`, () => {
      expect(readRetryAfter(new Headers(headers), 0)).toBe(seconds);
    });
  }
});
