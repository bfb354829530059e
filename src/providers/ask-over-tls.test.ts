import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

/**
 * A real TLS server on loopback, and callers that trust its certificate and resolve names to it. A process reads
 * its trusted certificates when it starts, so each caller is one of its own.
 */
const certificate = join(import.meta.dir, "fixtures/upstream.example.crt");
const seen: { host: string | null; port: number | undefined }[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: {
    cert: Bun.file(certificate),
    key: Bun.file(join(import.meta.dir, "fixtures/upstream.example.key")),
  },
  fetch(request, self) {
    seen.push({ host: request.headers.get("host"), port: self.requestIP(request)?.port });
    return new Response("answered");
  },
});
afterAll(() => server.stop(true));

/** Asks twice in a new process; gives what it printed for each: the answer, or the failure's cause. */
async function askTwice(host: string): Promise<unknown[]> {
  const caller = `
    import { ask } from "./ask.ts";
    import { UrlGuard } from "./url-guard.ts";
    const clock = { nowMs: () => 0, monotonicMs: () => 0 };
    const guard = new UrlGuard({ lookUp: async () => ["127.0.0.1"], clock });
    const baseUrl = "https://${host}:${server.port}/v1";
    const upstream = { name: "acme", dialect: "openai-chat", baseUrl, credential: null, allowPrivate: true, quirks: {} };
    const call = { path: "/x", body: "{}", attemptId: "a", signal: new AbortController().signal, timeoutMs: 5000 };
    const once = () => ask(upstream, call, guard).then((response) => response.text(), (failure) => failure.cause);
    process.stdout.write(JSON.stringify([await once(), await once()]));
    process.exit();
  `;
  const child = Bun.spawn([process.execPath, "-e", caller], {
    cwd: import.meta.dir,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
    stdout: "pipe",
  });
  return (await new Response(child.stdout).json()) as unknown[];
}

describe("over TLS", () => {
  test("the connection goes to the checked address and is proven and kept under the name", async () => {
    seen.length = 0;
    expect(await askTwice("upstream.example")).toEqual(["answered", "answered"]);
    expect(seen.map(({ host }) => host)).toEqual(Array(2).fill(`upstream.example:${server.port}`));
    expect(seen[0]?.port).toBe(seen[1]?.port ?? 0);
  });

  test("a server that cannot prove the name never sees the request", async () => {
    seen.length = 0;
    const refused = { upstream: "acme", dispatched: false, detail: "ERR_TLS_CERT_ALTNAME_INVALID" };
    expect(await askTwice("other.example")).toEqual([refused, refused]);
    expect(await askTwice("127.0.0.1")).toEqual([refused, refused]);
    expect(seen).toEqual([]);
  });
});
