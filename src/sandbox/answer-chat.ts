import { sleep } from "../lib/backoff.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { Generation } from "./generation.ts";
import { hang, nobodyReadsThis, refuse } from "./no-answer.ts";
import { brokenBody, PacedBody } from "./paced-body.ts";
import { type PlannedAnswer, planAnswer } from "./plan-answer.ts";
import type { SandboxRequest } from "./read-request.ts";
import { type Attempt, type Served, toUsage } from "./served.ts";
import { answerStatic } from "./static-answer.ts";
import { type Part, StreamWriter } from "./stream-writer.ts";
import { type Envelope, Frames, toCompletion } from "./wire.ts";

/** One call of a simulated model. `signal` is aborted when the client leaves. */
export type ChatCall = {
  id: string;
  request: SandboxRequest;
  signal: AbortSignal;
  served: Served;
  fixtures: string | undefined;
};

const JSON_HEADERS = { headers: { "content-type": "application/json" } };
const SSE_HEADERS = {
  headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
};

/** About a thousand frames; longer streams are paced by what the client reads. */
const WHOLE_STREAM_CHARS_MAX = 262_144;

const clock: Clock = systemClock;

export async function answerChat(call: ChatCall): Promise<Response> {
  const { request, served } = call;
  const { script } = request;
  if (script.error !== undefined && !(request.stream && script.error.after_tokens !== undefined)) {
    return await refuse(call, script, script.error);
  }
  const plain = answerStatic(request, call);
  if (plain !== undefined) return plain;
  const answer = planAnswer(request);
  const attempt = served.begin(call.id, answer);
  if (script.hang === true) return await hang(call, attempt);
  if (script.fixture !== undefined) return await sendFixture(call, script.fixture, attempt);
  const generation = new Generation(answer, { served, attempt, script, clock });
  return request.stream
    ? streamAnswer(call, generation)
    : await sendWhole(call, answer, generation);
}

/** Raw bytes, as recorded from somewhere; its tokens are those that the script names. */
async function sendFixture(call: ChatCall, name: string, attempt: Attempt): Promise<Response> {
  const file = call.fixtures === undefined ? undefined : Bun.file(`${call.fixtures}/${name}`);
  if (file === undefined || !(await file.exists())) {
    call.served.end(attempt, "refused");
    const message = `The sandbox has no fixture '${name}'.`;
    throw new Failure("invalid", message, { param: "sandbox.fixture" });
  }
  const { completion_tokens: completion, reasoning_tokens: reasoning } = call.request.script;
  call.served.generate(attempt, { completion: completion ?? 0, reasoning: reasoning ?? 0 });
  call.served.end(attempt, "answered");
  return new Response(await file.bytes(), call.request.stream ? SSE_HEADERS : JSON_HEADERS);
}

async function sendWhole(
  call: ChatCall,
  answer: PlannedAnswer,
  generation: Generation,
): Promise<Response> {
  const { script } = call.request;
  let isThere = true;
  // Timers may fire early, and the last token is due only when its time has come.
  while (isThere && generation.remainingMs > 0) {
    isThere = await sleep(Math.ceil(generation.remainingMs), call.signal);
  }
  const stopAt = script.cut_after_tokens ?? Number.POSITIVE_INFINITY;
  generation.take(Number.POSITIVE_INFINITY, stopAt);
  if (!isThere) {
    generation.end("client_left");
    return nobodyReadsThis();
  }
  if (script.cut_after_tokens !== undefined) {
    generation.end("cut");
    return new Response(brokenBody('{"id":"chatcmpl-'), JSON_HEADERS);
  }
  generation.countSilentChoices();
  const usage = script.omit_usage === true ? undefined : toUsage(generation.usage);
  const body = toCompletion(envelopeOf(call), answer, usage);
  generation.end("answered");
  const isMalformed = script.malformed_after_tokens !== undefined;
  return new Response(isMalformed ? body.slice(0, body.length / 2) : body, JSON_HEADERS);
}

function streamAnswer(call: ChatCall, generation: Generation): Response {
  const { request } = call;
  const frames = new Frames(envelopeOf(call), { includeUsage: request.includeUsage });
  const writer = new StreamWriter(request, generation, frames);
  const whole = generation.remainingMs === 0 ? wholeStream(writer) : undefined;
  if (whole?.next === "close") return new Response(whole.text, SSE_HEADERS);
  return new Response(new PacedBody(writer, generation, whole).stream(), SSE_HEADERS);
}

/** A stream without delays is written at once, unless it is too long for that. */
function wholeStream(writer: StreamWriter): Part {
  let text = "";
  while (text.length < WHOLE_STREAM_CHARS_MAX) {
    const part = writer.next();
    text += part.text;
    if (part.next !== "more") return { text, next: part.next };
  }
  return { text, next: "more" };
}

function envelopeOf(call: ChatCall): Envelope {
  const { model, topLogprobs } = call.request;
  return { id: `chatcmpl-${call.id}`, model, topLogprobs };
}
