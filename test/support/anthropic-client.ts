/** The real `@anthropic-ai/sdk`, pointed at a stack, and what an upstream of its dialect answers. */
import Anthropic, { APIError } from "@anthropic-ai/sdk";

/** The SDK puts `/v1` before its paths itself. */
export const anthropicOf = (stack: { url: string }, apiKey: string): Anthropic =>
  new Anthropic({ apiKey, baseURL: stack.url.replace(/\/v1$/, ""), maxRetries: 0 });

type Asked = Anthropic.MessageCreateParamsNonStreaming;

/** `sandbox` says what the simulated model shall do: fields that the gateway does not know are sent on. */
export const asking = (
  content: string,
  more: Partial<Asked> & { sandbox?: object } = {},
): Asked => ({
  model: "sim",
  max_tokens: 1_000,
  messages: [{ role: "user", content }],
  ...more,
});

export const textOf = ({ content }: { content: readonly Anthropic.ContentBlock[] }): string =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("");

/** The SDK's error of a call that must fail. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(promise).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw new Error(`no error of the SDK: ${Bun.inspect(error)}`);
  return error;
}

type Wire = Record<string, unknown>;

export const text = (words: string): Wire => ({ type: "text", text: words, citations: null });

export const toolUse = (id: string, name: string, input: Wire): Wire => ({
  type: "tool_use",
  id,
  name,
  input,
});

/** A whole message as Anthropic sends it. */
export const message = (
  content: readonly Wire[],
  usage: Wire = { input_tokens: 20, output_tokens: 5 },
) => ({
  id: "msg_01Scripted",
  type: "message",
  role: "assistant",
  model: "claude-scripted",
  content,
  stop_reason: content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn",
  stop_sequence: null,
  usage,
});

const frame = (type: string, body: Wire): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;

/** The same message as the frames of a stream. */
export function messageFrames(whole: ReturnType<typeof message>): string[] {
  const { content, stop_reason, usage } = whole;
  const start = { ...whole, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
  return [
    frame("message_start", { message: start }),
    frame("ping", {}),
    ...content.flatMap(blockFrames),
    frame("message_delta", { delta: { stop_reason, stop_sequence: null }, usage }),
    frame("message_stop", {}),
  ];
}

function blockFrames(block: Wire, index: number): string[] {
  const { empty, deltas } = piecesOf(block);
  return [
    frame("content_block_start", { index, content_block: { ...block, ...empty } }),
    ...deltas.map((delta) => frame("content_block_delta", { index, delta })),
    frame("content_block_stop", { index }),
  ];
}

function piecesOf(block: Wire): { empty: Wire; deltas: Wire[] } {
  switch (block["type"]) {
    case "text":
      return {
        empty: { text: "" },
        deltas: halves(String(block["text"])).map((text) => ({ type: "text_delta", text })),
      };
    case "thinking":
      return {
        empty: { thinking: "", signature: "" },
        deltas: [
          ...halves(String(block["thinking"])).map((thinking) => ({
            type: "thinking_delta",
            thinking,
          })),
          { type: "signature_delta", signature: block["signature"] },
        ],
      };
    case "tool_use":
      return {
        empty: { input: {} },
        deltas: halves(JSON.stringify(block["input"])).map((partial_json) => ({
          type: "input_json_delta",
          partial_json,
        })),
      };
    default:
      return { empty: {}, deltas: [] };
  }
}

const halves = (whole: string): string[] => {
  const middle = Math.ceil(whole.length / 2);
  return [whole.slice(0, middle), whole.slice(middle)];
};
