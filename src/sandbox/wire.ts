import type { PlannedAnswer, PlannedChoice } from "./plan-answer.ts";

/**
 * OpenAI's shapes of an answer.
 * https://platform.openai.com/docs/api-reference/chat/object https://platform.openai.com/docs/api-reference/chat-streaming
 */
export type Envelope = { id: string; model: string; topLogprobs: number | undefined };

/** Fixed, so that the same request always gets the same bytes. */
const CREATED = 1_750_000_000;
const FINGERPRINT = "fp_sandbox";

export function toCompletion(
  envelope: Envelope,
  answer: PlannedAnswer,
  usage: Record<string, unknown> | undefined,
): string {
  return JSON.stringify({
    id: envelope.id,
    object: "chat.completion",
    created: CREATED,
    model: envelope.model,
    choices: answer.choices.map((choice, index) => ({
      index,
      message: toMessage(choice),
      logprobs: logprobsOf(
        envelope,
        choice.pieces.map(({ text }) => text),
      ),
      finish_reason: choice.finishReason,
    })),
    usage,
    service_tier: "default",
    system_fingerprint: FINGERPRINT,
  });
}

function toMessage(choice: PlannedChoice): Record<string, unknown> {
  if (choice.toolCalls.length === 0) {
    return { role: "assistant", content: textOf(choice, undefined), refusal: null };
  }
  const calls = choice.toolCalls.map(({ id, name }, call) => ({
    id,
    type: "function",
    function: { name, arguments: textOf(choice, call) },
  }));
  return { role: "assistant", content: null, refusal: null, tool_calls: calls };
}

function textOf(choice: PlannedChoice, call: number | undefined): string {
  return choice.pieces
    .filter((piece) => piece.call === call)
    .map((piece) => piece.text)
    .join("");
}

/** Log probabilities of pieces, made up but well-formed; null when they were not asked for. */
function logprobsOf(envelope: Envelope, texts: string[]): unknown {
  const { topLogprobs } = envelope;
  if (topLogprobs === undefined) return null;
  const content = texts.map((token) => ({
    ...logprobOf(token, -0.125),
    top_logprobs: Array.from({ length: topLogprobs }, (_, rank) =>
      logprobOf(rank === 0 ? token : `${token}${rank}`, -0.125 - rank),
    ),
  }));
  return { content, refusal: null };
}

function logprobOf(token: string, logprob: number): Record<string, unknown> {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}

/** The text of one frame. */
export function toFrame(json: string): string {
  return `data: ${json}\n\n`;
}

export const DONE_FRAME = toFrame("[DONE]");

/** The frames of one stream. What does not change between them is written once: it is most of their bytes. */
export class Frames {
  readonly #envelope: Envelope;
  readonly #head: string;
  readonly #tail: string;

  /** `includeUsage`: every frame then says `"usage":null` but the last. */
  constructor(envelope: Envelope, options: { includeUsage: boolean }) {
    const { id, model } = envelope;
    const head = { id, object: "chat.completion.chunk", created: CREATED, model };
    const fields = { ...head, service_tier: "default", system_fingerprint: FINGERPRINT };
    this.#envelope = envelope;
    this.#head = `${JSON.stringify(fields).slice(0, -1)},"choices":`;
    this.#tail = options.includeUsage ? ',"usage":null}' : "}";
  }

  role(index: number): string {
    return this.#delta(index, '{"role":"assistant","content":"","refusal":null}', "null");
  }

  /** `usage`: reported so far, for providers that repeat it in every frame. */
  piece(choice: PlannedChoice, at: { choice: number; piece: number; usage?: unknown }): string {
    const piece = choice.pieces[at.piece];
    if (piece === undefined) return "";
    const delta = piece.call === undefined ? { content: piece.text } : toolDelta(choice, at.piece);
    const logprobs = JSON.stringify(logprobsOf(this.#envelope, [piece.text]));
    return this.#delta(at.choice, JSON.stringify(delta), "null", { logprobs, usage: at.usage });
  }

  finish(index: number, reason: PlannedChoice["finishReason"]): string {
    return this.#delta(index, "{}", JSON.stringify(reason));
  }

  usage(usage: unknown): string {
    return toFrame(`${this.#head}[],"usage":${JSON.stringify(usage)}}`);
  }

  #delta(
    index: number,
    delta: string,
    finishReason: string,
    more: { logprobs?: string; usage?: unknown } = {},
  ): string {
    const choice = `{"index":${index},"delta":${delta},"logprobs":${more.logprobs ?? "null"},"finish_reason":${finishReason}}`;
    const tail = more.usage === undefined ? this.#tail : `,"usage":${JSON.stringify(more.usage)}}`;
    return toFrame(`${this.#head}[${choice}]${tail}`);
  }
}

/** The first frame of a call names the function; the others only carry arguments. */
function toolDelta(choice: PlannedChoice, at: number): Record<string, unknown> {
  const piece = choice.pieces[at];
  const index = piece?.call ?? 0;
  const call = choice.toolCalls[index];
  const isFirst = choice.pieces[at - 1]?.call !== index;
  const named = isFirst ? { id: call?.id, type: "function" } : {};
  const name = isFirst ? { name: call?.name } : {};
  return { tool_calls: [{ index, ...named, function: { ...name, arguments: piece?.text } }] };
}
