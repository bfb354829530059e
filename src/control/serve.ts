/**
 * From requests to routes. One function decides the order for every operation: token, body, schemas, then the
 * resource; and one catches what goes wrong.
 */
import { Hono } from "hono";
import { API_PREFIX, type Operation } from "../contract/operation.ts";
import { Failure } from "../lib/errors.ts";
import { answerFailure, answerJson, toFailure } from "./answer.ts";
import { authenticate } from "./authenticate.ts";
import type { Control } from "./control.ts";
import { DOCUMENT_PATH, openApiDocument } from "./document.ts";
import type { ControlMetrics } from "./metrics.ts";
import { readJsonBody, readPart } from "./read-input.ts";
import type { Route } from "./route.ts";

/** What the server gives with each request. */
export type Bindings = {
  requestId: string;
  /** The request is read to its end; from here on it may take as long as its work takes. */
  requestIsRead(): void;
};

export type App = Hono<{ Bindings: Bindings }>;

type Arrived = Bindings & {
  request: Request;
  params: Record<string, string>;
  query: Record<string, string>;
};

export function createApp(
  control: Control,
  options: { routes: readonly Route[]; metrics: ControlMetrics },
): App {
  const app: App = new Hono();
  for (const route of options.routes) {
    const { operation } = route;
    // Hono writes the parameter `{id}` as `:id`.
    const path = API_PREFIX + operation.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(operation.method.toUpperCase(), path, async (context) => {
      const startedMs = control.clock.monotonicMs();
      const response = await respond(control, route, {
        ...context.env,
        request: context.req.raw,
        params: context.req.param(),
        query: context.req.query(),
      });
      const durationMs = control.clock.monotonicMs() - startedMs;
      const { status } = response;
      options.metrics.observe({ operation: operation.id, status, durationMs });
      const level = operation.method === "get" ? "debug" : "info";
      const { requestId } = context.env;
      control.log[level]("request", {
        requestId,
        operation: operation.id,
        status,
        durationMs: Math.round(durationMs),
      });
      return response;
    });
  }
  const operations = options.routes.map(({ operation }) => operation);
  const document = openApiDocument(operations, control.version);
  app.get(DOCUMENT_PATH, (context) => context.json(document));
  app.notFound((context) =>
    answerFailure(noSuchPath(context.req.method, context.req.path), context.env.requestId),
  );
  return app;
}

async function respond(control: Control, route: Route, arrived: Arrived): Promise<Response> {
  const { requestId } = arrived;
  try {
    const answer = await answerOperation(control, route, arrived);
    return answerJson(answer, { status: route.operation.status, requestId });
  } catch (error) {
    return answerFailure(toFailure(control, error, requestId), requestId);
  }
}

async function answerOperation(control: Control, route: Route, arrived: Arrived): Promise<unknown> {
  const { operation } = route;
  const { request } = arrived;
  const actor = authenticate(request, control.adminToken);
  const body = await readBody(operation, request);
  arrived.requestIsRead();
  const answer = await route.answer(control, {
    params: operation.params && readPart(operation.params, arrived.params),
    query: operation.query && readPart(operation.query, arrived.query),
    body: body as never,
    actor,
    signal: request.signal,
  } as never);
  // Checked, and stripped of what the contract does not name.
  return operation.answer.parse(answer);
}

async function readBody(operation: Operation, request: Request): Promise<unknown> {
  return operation.body && readPart(operation.body, await readJsonBody(request));
}

const noSuchPath = (method: string, path: string): Failure =>
  new Failure(
    "not_found",
    `There is no ${method} ${path.slice(0, 200)}. GET /api/openapi.json lists what there is.`,
    { code: "unknown_path" },
  );
