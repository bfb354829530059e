/** The real `openai` SDK, pointed at a stack, and requests of its own types. */
import OpenAI, { APIError } from "openai";

export const clientOf = (stack: { url: string }, apiKey: string): OpenAI =>
  new OpenAI({ apiKey, baseURL: stack.url, maxRetries: 0 });

export type Params = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

/** `sandbox` says what the simulated model shall do: fields that the gateway does not know are sent on. */
export const asking = <T extends Partial<OpenAI.Chat.ChatCompletionCreateParams>>(
  content: string,
  more?: T & { sandbox?: object },
) =>
  ({ model: "sim", messages: [{ role: "user", content }], ...more }) as T & {
    model: string;
    messages: OpenAI.Chat.ChatCompletionMessageParam[];
  };

export const streaming = (content: string, more?: object) =>
  asking(content, { stream: true, ...more } as { stream: true; sandbox?: object });

export const textOf = (chunks: readonly OpenAI.Chat.ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");

/** The SDK's error of a call that must fail. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(promise).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw new Error(`no error of the SDK: ${Bun.inspect(error)}`);
  return error;
}
