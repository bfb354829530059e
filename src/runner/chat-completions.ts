/** `POST /v1/chat/completions`: one answer, in one piece or as a stream. */
import type { Clock } from "../lib/clock.ts";
import { Failure, toErrorBody } from "../lib/errors.ts";
import { isUuid } from "../lib/ids.ts";
import type { Attempts } from "./attempts.ts";
import { type AnswerHead, ChunkWriter, toAnswer } from "./chat/answer.ts";
import { type ChatModel, type Generation, startChat } from "./chat/chat.ts";
import { type ChatRequest, readChatRequest } from "./chat/read-chat-request.ts";
import type { ReplyPart } from "./chat/reply.ts";
import type { Finish, Outcome, TokenCount } from "./engine/stream.ts";

export type ChatEndpoint = { model: ChatModel; attempts: Attempts; clock: Clock };

/** More text than any context holds; bounds the memory of one request. */
export const BODY_BYTES_MAX = 8 << 20;
const TENANT_CHARS_MAX = 128;
/** nginx's word for a client that closed the connection: nobody reads it. */
const CLIENT_CLOSED_REQUEST = 499;

export async function answerChat(request: Request, endpoint: ChatEndpoint): Promise<Response> {
  const chat = readChatRequest(await readBody(request));
  const run = beginRun(request, endpoint);
  const generation = await run.start(chat);
  const head = {
    id: `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`,
    created: Math.floor(endpoint.clock.nowMs() / 1_000),
    model: endpoint.model.name,
  };
  return chat.stream
    ? streamAnswer(generation, { chat, head, run })
    : wholeAnswer(generation, { chat, head, run });
}

async function readBody(request: Request): Promise<string> {
  const text = await request.text();
  if (text.length <= BODY_BYTES_MAX) return text;
  throw new Failure("too_large", `The body can have at most ${BODY_BYTES_MAX >> 20} MiB.`);
}

/** One dispatched attempt: its counts, and how it is stopped. */
type Run = {
  count: TokenCount;
  start: (chat: ChatRequest) => Promise<Generation>;
  cancel: () => void;
};

function beginRun(request: Request, endpoint: ChatEndpoint): Run {
  const { model, attempts } = endpoint;
  const attemptId = readAttemptId(request);
  const count: TokenCount = { prompt: 0, cached: 0, completion: 0 };
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const tenant = (request.headers.get("x-baseload-tenant") ?? "").slice(0, TENANT_CHARS_MAX);
  return {
    count,
    cancel: () => stop.abort(),
    async start(chat) {
      const attempt = attemptId === null ? undefined : attempts.begin(attemptId, count);
      let generation: Generation;
      try {
        generation = await startChat(chat, model, { tenant, count, signal });
      } catch (cause) {
        // Refused before any work: nothing is known of it, and nothing is owed.
        if (attemptId !== null) attempts.forget(attemptId);
        throw cause;
      }
      const { parts, outcome } = generation;
      const settled = outcome.finally(() => {
        // Before the connection closes: whoever asks after the close must get the final counts.
        if (attempt !== undefined) attempt.state = "finished";
      });
      settled.then(
        () => parts.end(),
        (cause: unknown) => parts.end(cause),
      );
      return { parts, outcome: settled };
    },
  };
}

function readAttemptId(request: Request): string | null {
  const id = request.headers.get("x-baseload-attempt");
  if (id === null || isUuid(id)) return id;
  throw new Failure("invalid", "The header 'x-baseload-attempt' must be a UUID.");
}

type Answering = { chat: ChatRequest; head: AnswerHead; run: Run };

async function wholeAnswer(generation: Generation, answering: Answering): Promise<Response> {
  const { chat, head, run } = answering;
  const finish = await generation.outcome;
  if (finish === "cancelled") return clientClosedRequest();
  const parts = await readAll(generation);
  const logprobs = chat.logprobs ?? false;
  return Response.json(toAnswer(head, parts, { finish, count: run.count, logprobs }));
}

async function readAll(generation: Generation): Promise<ReplyPart[]> {
  const all: ReplyPart[] = [];
  for (let parts = await generation.parts.take(); parts.length > 0; ) {
    all.push(...parts);
    parts = await generation.parts.take();
  }
  return all;
}

const clientClosedRequest = (): Response => new Response(null, { status: CLIENT_CLOSED_REQUEST });

/** The head is sent with the first token, so that a failure before it still has a status of its own. */
async function streamAnswer(generation: Generation, answering: Answering): Promise<Response> {
  const { chat, head, run } = answering;
  const writer = new ChunkWriter(head, chat.stream_options?.include_usage ?? false);
  const first = await generation.parts.take();
  let pending = writer.begin() + first.map((part) => writer.part(part)).join("");
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const text = pending === "" ? await nextText(generation, { writer, run }) : pending;
      pending = "";
      if (text !== undefined) controller.enqueue(encoder.encode(text));
      if (text === undefined || isLast(text)) controller.close();
    },
    cancel: () => run.cancel(),
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

const isLast = (text: string): boolean => text.endsWith(LAST_FRAME) || text.startsWith(ERROR_FRAME);
const LAST_FRAME = "data: [DONE]\n\n";
const ERROR_FRAME = 'data: {"error":';

/** Undefined when the client has gone and nobody reads on. */
async function nextText(
  generation: Generation,
  writing: { writer: ChunkWriter; run: Run },
): Promise<string | undefined> {
  const { writer, run } = writing;
  try {
    const parts = await generation.parts.take();
    if (parts.length > 0) return parts.map((part) => writer.part(part)).join("");
    const finish: Outcome = await generation.outcome;
    return isFinish(finish) ? writer.end(finish, run.count) : undefined;
  } catch (cause) {
    const failure =
      cause instanceof Failure
        ? cause
        : new Failure("upstream", "The model failed while it answered.", { cause });
    return `data: ${JSON.stringify(toErrorBody(failure))}\n\n`;
  }
}

const isFinish = (outcome: Outcome): outcome is Finish => outcome !== "cancelled";
