/** The route table of the data plane. */
import type { ChatDialectName } from "../providers/upstream.ts";
import { isAnthropic } from "./endpoints/anthropic-models.ts";
import { cancelBatch, createBatch, listBatches, showBatch } from "./endpoints/batches.ts";
import { chatCompletions } from "./endpoints/chat-completions.ts";
import {
  addConversationItems,
  createConversation,
  deleteConversation,
  deleteConversationItem,
  listConversationItems,
  showConversation,
  showConversationItem,
  updateConversation,
} from "./endpoints/conversations.ts";
import { embeddings } from "./endpoints/embeddings.ts";
import { deleteFile, listFiles, readFileContent, showFile } from "./endpoints/files.ts";
import { imageEdits, imageGenerations } from "./endpoints/images.ts";
import { messages } from "./endpoints/messages.ts";
import { countMessageTokens } from "./endpoints/messages-count-tokens.ts";
import { listModels, showModel } from "./endpoints/models.ts";
import { moderations } from "./endpoints/moderations.ts";
import { rerank } from "./endpoints/rerank.ts";
import { createResponse } from "./endpoints/responses.ts";
import { countInputTokens } from "./endpoints/responses-input-tokens.ts";
import { speech } from "./endpoints/speech.ts";
import {
  cancelResponse,
  deleteResponse,
  listInputItems,
  showResponse,
} from "./endpoints/stored-responses.ts";
import { transcriptions, translations } from "./endpoints/transcriptions.ts";
import { uploadFile } from "./endpoints/upload-file.ts";
import type { Gateway } from "./gateway.ts";
import { type Endpoint, handle, newCall } from "./handle.ts";
import { answerNotFound, isUnderMessages } from "./not-found.ts";
import { type Health, isReady } from "./state/health.ts";
import { toHealthBook } from "./state/health-book.ts";
import { answerRun, answerWork } from "./work/answer-work.ts";
import { workRoutes } from "./work/work-routes.ts";

export type ListenOptions = { hostname: string; port: number };

export function serve(gateway: Gateway, health: Health, listen: ListenOptions) {
  const answer =
    (endpoint: Endpoint, dialect: ChatDialectName = "openai-chat") =>
    async (request: Request) =>
      leaving(gateway, await handle(gateway, request, { endpoint, dialect }));
  const answerInEither = (endpoint: Endpoint) => async (request: Request) =>
    leaving(gateway, await handle(gateway, request, { endpoint, dialect: dialectOf(request) }));
  const endpoints = {
    "/v1/chat/completions": { POST: answer(chatCompletions) },
    "/v1/messages": { POST: answer(messages, "anthropic-messages") },
    "/v1/messages/count_tokens": { POST: answer(countMessageTokens, "anthropic-messages") },
    "/v1/responses": { POST: answer(createResponse, "openai-responses") },
    "/v1/responses/input_tokens": { POST: answer(countInputTokens, "openai-responses") },
    "/v1/responses/:id": { GET: answer(showResponse), DELETE: answer(deleteResponse) },
    "/v1/responses/:id/cancel": { POST: answer(cancelResponse) },
    "/v1/responses/:id/input_items": { GET: answer(listInputItems) },
    "/v1/conversations": { POST: answer(createConversation) },
    "/v1/conversations/:id": {
      GET: answer(showConversation),
      POST: answer(updateConversation),
      DELETE: answer(deleteConversation),
    },
    "/v1/conversations/:id/items": {
      GET: answer(listConversationItems),
      POST: answer(addConversationItems),
    },
    "/v1/conversations/:id/items/:item": {
      GET: answer(showConversationItem),
      DELETE: answer(deleteConversationItem),
    },
    "/v1/files": { GET: answer(listFiles), POST: answer(uploadFile) },
    "/v1/files/:id": { GET: answer(showFile), DELETE: answer(deleteFile) },
    "/v1/files/:id/content": { GET: answer(readFileContent) },
    "/v1/batches": { GET: answer(listBatches), POST: answer(createBatch) },
    "/v1/batches/:id": { GET: answer(showBatch) },
    "/v1/batches/:id/cancel": { POST: answer(cancelBatch) },
    "/v1/embeddings": { POST: answer(embeddings) },
    "/v1/rerank": { POST: answer(rerank) },
    "/v1/images/generations": { POST: answer(imageGenerations) },
    "/v1/images/edits": { POST: answer(imageEdits) },
    "/v1/audio/speech": { POST: answer(speech) },
    "/v1/audio/transcriptions": { POST: answer(transcriptions) },
    "/v1/audio/translations": { POST: answer(translations) },
    "/v1/moderations": { POST: answer(moderations) },
    "/v1/models": { GET: answerInEither(listModels) },
    "/v1/models/*": { GET: answerInEither(showModel) },
  };
  return Bun.serve({
    hostname: listen.hostname,
    port: listen.port,
    // All gateway processes share the port; the kernel spreads the connections.
    reusePort: true,
    // A slow model is silent for longer than any fixed time; our own timers watch upstreams.
    idleTimeout: 0,
    // Bun would answer a body over its limit without our error shape. Our own limit is applied while a body is
    // read; what nobody reads is held back at the client.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    routes: {
      ...endpoints,
      "/healthz": () => new Response("ok\n"),
      "/readyz": () => leaving(gateway, readiness(health)),
      "/metrics": async () => new Response(await health.allMetrics(), { headers: METRICS_HEADERS }),
    },
    fetch: (request) => {
      const dialect = isUnderMessages(request) ? "anthropic-messages" : dialectOf(request);
      return answerNotFound(newCall(gateway, request, dialect), endpoints);
    },
    error: (error) => {
      gateway.log.error("a request ended outside of its handler", { error });
      return new Response("internal error\n", { status: 500 });
    },
  });
}

/**
 * The process's own socket: that it answers tells that the process lives, and siblings read its metrics there.
 * It listens before there is anything to say.
 */
export function servePrivately(
  started: { health?: Health; gateway?: Gateway },
  socketPath: string,
) {
  return Bun.serve({
    unix: socketPath,
    routes: {
      ...privateRoutes(started),
      "/healthz": () => new Response("ok\n"),
      "/metrics": () =>
        new Response(started.health?.ownMetrics() ?? "", { headers: METRICS_HEADERS }),
    },
    fetch: () => new Response("not found\n", { status: 404 }),
  });
}

/** What the worker asks on behalf of jobs, and the control plane for its dry runs. */
function privateRoutes(started: { gateway?: Gateway }) {
  const whenStarted =
    <R extends Request>(answer: (gateway: Gateway, request: R) => Promise<Response> | Response) =>
    (request: R) =>
      started.gateway === undefined
        ? new Response("starting\n", { status: 503, headers: { "retry-after": "1" } })
        : answer(started.gateway, request);
  const run = (gateway: Gateway, request: Bun.BunRequest<"/runs/:requestId">) =>
    answerRun(gateway, request, request.params.requestId);
  return {
    ...Object.fromEntries(
      Object.entries(workRoutes).map(([path, answering]) => [
        path,
        { POST: whenStarted((gateway, request) => answerWork(gateway, request, answering)) },
      ]),
    ),
    "/health-book": {
      GET: whenStarted((gateway) => Response.json(toHealthBook(gateway.health))),
    },
    "/runs/:requestId": { GET: whenStarted(run), DELETE: whenStarted(run) },
  };
}

/** The next request on a kept connection would find it closed: the client is told to open another one. */
function leaving(gateway: Gateway, response: Response): Response {
  if (gateway.isLeaving()) response.headers.set("connection", "close");
  return response;
}

const METRICS_HEADERS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

function readiness(health: Health): Response {
  const reason = health.whyNotReady();
  return new Response(isReady(reason) ? "ready\n" : `${reason}\n`, {
    status: isReady(reason) ? 200 : 503,
  });
}

/** Where a path alone does not tell. */
const dialectOf = (request: Request): ChatDialectName =>
  isAnthropic({ request }) ? "anthropic-messages" : "openai-chat";
