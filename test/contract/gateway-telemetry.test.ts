/** What operators see of calls: the access log, traces and metrics, and that no prompt is in any of them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CreatedKey, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const SECRET_PROMPT = "the-secret-of-the-prompt-5d1e";
const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const DELAY = "OTEL_BSP_SCHEDULE_DELAY";

type Span = {
  traceId: string;
  parentSpanId?: string;
  spanId: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Record<string, unknown> }[];
};

let folder: string;
let stack: Stack;
let key: CreatedKey;
let collected: string[] = [];
let isCollectorAway = false;
let collector: ReturnType<typeof startCollector>;

function startCollector() {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (isCollectorAway) return new Response("away", { status: 503 });
      collected.push(await request.text());
      return Response.json({});
    },
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "baseload-telemetry-"));
  collector = startCollector();
  process.env[ENDPOINT] = `http://127.0.0.1:${collector.port}`;
  process.env[DELAY] = "50";
  stack = await startStack({
    telemetry: { accessLog: join(folder, "access.log"), traces: true },
  });
  await stack.model({ name: "m" });
  key = await stack.key();
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await collector.stop(true);
  delete process.env[ENDPOINT];
  delete process.env[DELAY];
  rmSync(folder, { recursive: true, force: true });
});

const logPath = () => join(folder, "access.log");
const lines = (path = logPath()): Record<string, unknown>[] => {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  } catch {
    return [];
  }
};

async function lineOf(requestId: string): Promise<Record<string, unknown>> {
  const find = () => lines().find((line) => line["request_id"] === requestId);
  await until(`a line of ${requestId}`, () => Promise.resolve(find() !== undefined));
  return find() ?? {};
}

const ask = (more: object = {}) =>
  stack.chat(key.key, {
    model: "m",
    messages: [{ role: "user", content: SECRET_PROMPT }],
    sandbox: { prompt_tokens: 12, completion_tokens: 5, cached_tokens: 4 },
    ...more,
  });
const idOf = ({ headers }: { headers: Headers }) => headers.get("x-request-id") ?? "";

const spans = (): Span[] =>
  collected.flatMap((text) =>
    (
      JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }
    ).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
const attribute = (span: Span | undefined, name: string): unknown =>
  Object.values(span?.attributes.find(({ key: one }) => one === name)?.value ?? {})[0];

describe("the access log", () => {
  test("has a line for each call, whole and streamed, with what it cost and how long it took", async () => {
    for (const stream of [false, true]) {
      const answered = await ask({ stream });

      expect(await lineOf(idOf(answered))).toMatchObject({
        status: 200,
        ...{ organization: key.organization, key: key.keyId, operation: "chat", called: "m" },
        ...{ stream, model: "m", provider: "upstream", region: "eu-test-1", attempts: 1 },
        ...{ input_tokens: 12, cached_input_tokens: 4, output_tokens: 5 },
        cost_usd: expect.stringMatching(/^0\.0000\d+$/),
        duration_ms: expect.any(Number),
        first_piece_ms: expect.any(Number),
      });
    }
  });

  test("tells what was refused, whoever asked", async () => {
    const unknown = await ask({ model: "nothing-like-it" });
    const stranger = await stack.chat("not-a-key", { model: "m", messages: [] });

    expect(await lineOf(idOf(unknown))).toMatchObject({ status: 404, error: "model_not_found" });
    expect(await lineOf(idOf(stranger))).toMatchObject({ status: 401, error: "invalid_api_key" });
  });

  test("tells when a client has left, and what it cost all the same", async () => {
    const leaving = new AbortController();
    const response = await fetch(`${stack.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}` },
      body: JSON.stringify({
        ...{ model: "m", stream: true, messages: [{ role: "user", content: "x" }] },
        sandbox: { completion_tokens: 200, token_delay_ms: 20 },
      }),
      signal: leaving.signal,
    });
    await response.body?.getReader().read();
    leaving.abort();

    const line = await lineOf(idOf(response));
    expect(line).toMatchObject({ status: 499 });
    expect(line["output_tokens"]).toBeGreaterThan(0);
  });

  test("goes on in a new file when it is moved away", async () => {
    await lineOf(idOf(await ask()));
    renameSync(logPath(), `${logPath()}.1`);

    await lineOf(idOf(await ask()));
    expect(lines().length).toBe(1);
  });
});

describe("traces", () => {
  test("have a span for the call and one for each attempt below it, in the client's trace", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const response = await fetch(`${stack.url}/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${key.key}`,
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: SECRET_PROMPT }] }),
    });
    await response.text();
    const ofTrace = () => spans().filter((span) => span.traceId === traceId);
    await until("both spans", () => Promise.resolve(ofTrace().length === 2));
    const call = ofTrace().find(({ kind }) => kind === 2);
    const attempt = ofTrace().find(({ kind }) => kind === 3);

    expect(call).toMatchObject({ name: "chat m", parentSpanId: "00f067aa0ba902b7" });
    expect(attempt?.parentSpanId).toBe(String(call?.spanId));
    expect(attribute(attempt, "gen_ai.operation.name")).toBe("chat");
    expect(attribute(attempt, "gen_ai.provider.name")).toBe("upstream");
    expect(attribute(attempt, "gen_ai.response.model")).toBe("sandbox-echo");
    expect(Number(attribute(attempt, "gen_ai.usage.output_tokens"))).toBeGreaterThan(0);
    expect(attribute(call, "http.response.status_code")).toBe(200);
  });

  test("name the error of a call that was refused", async () => {
    collected = [];
    await ask({ model: "nothing-like-it" });
    await until("a span", () => Promise.resolve(spans().length > 0));

    expect(spans().map((span) => attribute(span, "error.type"))).toContain("model_not_found");
  });

  test("that nobody takes do not keep a call from being answered", async () => {
    isCollectorAway = true;
    const statuses = (await Promise.all(Array.from({ length: 50 }, () => ask()))).map(
      ({ status }) => status,
    );
    isCollectorAway = false;

    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});

describe("metrics", () => {
  test("speak the names of the GenAI conventions", async () => {
    await ask({ stream: true });
    const text = await (await fetch(`http://127.0.0.1:${stack.port}/metrics`)).text();
    const labels =
      'gen_ai_operation_name="chat",gen_ai_provider_name="upstream",gen_ai_request_model="m"';

    for (const name of [
      "gen_ai_server_request_duration_seconds",
      "gen_ai_server_time_to_first_token_seconds",
      "gen_ai_client_token_usage",
    ]) {
      expect(text).toContain(`# TYPE ${name} histogram`);
      expect(text).toMatch(new RegExp(`${name}_count{[^}]*${labels}[^}]*} [1-9]`));
    }
    expect(text).toMatch(
      /baseload_provider_attempts_total{[^}]*provider="upstream",outcome="completed"/,
    );
  });
});

test("no prompt is in any of it", async () => {
  await until("some spans", () => Promise.resolve(collected.length > 0));
  const metrics = await (await fetch(`http://127.0.0.1:${stack.port}/metrics`)).text();
  const written = readFileSync(logPath(), "utf8") + readFileSync(`${logPath()}.1`, "utf8");

  expect(collected.join("") + metrics + written).not.toContain(SECRET_PROMPT);
  expect(written.length).toBeGreaterThan(500);
});
