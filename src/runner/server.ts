/** The HTTP side of a runner: the route table, who may call, and the shape of errors. */
import { timingSafeEqual } from "node:crypto";
import { Failure, toErrorBody } from "../lib/errors.ts";
import { newRequestId } from "../lib/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { toUsage } from "./chat/answer.ts";
import { answerChat, BODY_BYTES_MAX, type ChatEndpoint } from "./chat-completions.ts";

export type ServerOptions = {
  hostname: string;
  port: number;
  /** Callers send it as `authorization: Bearer`. */
  token: string;
  endpoint: ChatEndpoint;
  metrics: Metrics;
  log: Log;
};

/** A step takes far less; a runner that stands still for this long is not healthy. */
const STALLED_MS = 30_000;

type Route = (
  request: Request,
  options: ServerOptions,
  tail: string,
) => Response | Promise<Response>;

const routes: readonly { method: string; path: RegExp; open?: true; route: Route }[] = [
  { method: "GET", path: /^\/healthz$/, open: true, route: health },
  { method: "GET", path: /^\/metrics$/, route: showMetrics },
  { method: "GET", path: /^\/v1\/models$/, route: listModels },
  { method: "GET", path: /^\/v1\/models\/(.+)$/, route: showModel },
  { method: "GET", path: /^\/v1\/attempts\/([^/]+)$/, route: showAttempt },
  { method: "POST", path: /^\/v1\/chat\/completions$/, route: chatCompletions },
];

export function serve(options: ServerOptions): Bun.Server<undefined> {
  return Bun.serve({
    hostname: options.hostname,
    port: options.port,
    // A stream may be silent while a long prompt is read, or while it waits in the queue.
    idleTimeout: 0,
    maxRequestBodySize: BODY_BYTES_MAX,
    fetch: (request) => handle(request, options),
  });
}

async function handle(request: Request, options: ServerOptions): Promise<Response> {
  const requestId = request.headers.get("x-request-id") ?? newRequestId();
  try {
    const { pathname } = new URL(request.url);
    const found = routes.find(
      ({ method, path }) => method === request.method && path.test(pathname),
    );
    if (!found?.open) authorize(request, options.token);
    if (found === undefined) throw notFound(request.method, pathname);
    const tail = decodeURIComponent(found.path.exec(pathname)?.[1] ?? "");
    const response = await found.route(request, options, tail);
    response.headers.set("x-request-id", requestId);
    return response;
  } catch (cause) {
    return refuse(cause, requestId, options.log);
  }
}

function refuse(cause: unknown, requestId: string, log: Log): Response {
  const failure =
    cause instanceof Failure
      ? cause
      : new Failure("upstream", "The runner failed.", { status: 500, cause });
  if (failure.status >= 500) log.error("a request failed", { requestId, cause });
  const headers = new Headers({ "x-request-id": requestId });
  if (failure.retryAfterSeconds !== undefined) {
    headers.set("retry-after", String(failure.retryAfterSeconds));
  }
  return Response.json(toErrorBody(failure), { status: failure.status, headers });
}

function authorize(request: Request, token: string): void {
  const sent = Buffer.from(request.headers.get("authorization") ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  if (sent.length === wanted.length && timingSafeEqual(sent, wanted)) return;
  throw new Failure("unauthenticated", "This runner serves its own gateway only.", {
    code: "invalid_api_key",
  });
}

const notFound = (method: string, pathname: string): Failure =>
  new Failure("not_found", `There is no ${method} ${pathname} here.`);

function health(_: Request, options: ServerOptions): Response {
  const { model } = options.endpoint;
  const { stalledMs } = model.engine.facts;
  const ok = !model.engine.isBroken && stalledMs < STALLED_MS;
  return Response.json({ ok, model: model.name }, { status: ok ? 200 : 503 });
}

function showMetrics(_: Request, options: ServerOptions): Response {
  return new Response(options.metrics.render(), {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

function listModels(_: Request, options: ServerOptions): Response {
  return Response.json({ object: "list", data: [describeModel(options.endpoint)] });
}

function showModel(_: Request, options: ServerOptions, name: string): Response {
  const model = describeModel(options.endpoint);
  if (name === model.id) return Response.json(model);
  throw new Failure("not_found", `This runner serves '${model.id}', not '${name}'.`, {
    code: "model_not_found",
  });
}

function describeModel({ model, attempts }: ChatEndpoint) {
  return {
    id: model.name,
    object: "model",
    created: Math.floor(attempts.startedMs / 1_000),
    owned_by: "baseload",
    context_tokens: model.loaded.contextTokens,
    sequences: model.loaded.sequences,
  };
}

function showAttempt(_: Request, options: ServerOptions, id: string): Response {
  const { state, count } = options.endpoint.attempts.find(id);
  return Response.json({ state, usage: toUsage(count) });
}

function chatCompletions(request: Request, options: ServerOptions): Promise<Response> {
  return answerChat(request, options.endpoint);
}
