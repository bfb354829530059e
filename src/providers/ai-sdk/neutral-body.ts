/** The answer of a package as neutral bytes, so that the gateway times, drains and cuts it like any other answer. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { Failure } from "../../lib/errors.ts";
import type { SendOptions } from "../exchange.ts";
import { clientClosed } from "../network-failure.ts";
import type { NeutralAnswer } from "../neutral/answer.ts";
import { fold } from "../neutral/fold.ts";
import { endFrame, eventFrame } from "../neutral/wire.ts";
import type { Upstream } from "../upstream.ts";
import { failureWithoutAnswer } from "../upstream-failure.ts";
import { AnswerEvents, toErrorObject } from "./answer-events.ts";
import type { Api } from "./apis/api.ts";
import type { OneRequest } from "./one-request.ts";

export type Call = {
  upstream: Upstream;
  api: Api;
  options: SendOptions;
  model: LanguageModelV4;
  callOptions: LanguageModelV4CallOptions;
  request: OneRequest;
};

export async function streamed(call: Call): Promise<Response> {
  const reader = await open(call);
  const events = eventsOf(call);
  /** Pieces, until there is something to send: a pull that brings nothing is not followed by another one. */
  const next = async (): Promise<{ frames: Uint8Array[]; done: boolean }> => {
    for (;;) {
      const { done, value } = await readPart(call, reader);
      const frames = value === undefined ? [] : events.take(value).map(eventFrame);
      if (done && events.isComplete) frames.push(endFrame());
      if (done || frames.length > 0) return { frames, done };
    }
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const { frames, done } = await next();
    for (const frame of frames) controller.enqueue(frame);
    if (done) controller.close();
  };
  const cancel = () => reader.cancel().catch(() => undefined);
  const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

type Reader = {
  read(): Promise<{ done: boolean; value?: LanguageModelV4StreamPart | undefined }>;
  cancel(): Promise<void>;
};

async function open(call: Call): Promise<Reader> {
  try {
    return (await call.model.doStream(call.callOptions)).stream.getReader();
  } catch (error) {
    throw toFailure(call, error);
  }
}

async function readPart(
  call: Call,
  reader: Reader,
): Promise<{ done: boolean; value?: LanguageModelV4StreamPart | undefined }> {
  try {
    return await reader.read();
  } catch (error) {
    throw toFailure(call, error);
  }
}

/** Returns with the head of the answer, as every call does; its body comes when the package has read it all. */
export async function whole(call: Call): Promise<Response> {
  const answer = generate(call);
  await Promise.race([call.request.head, answer]).catch((error: unknown) => {
    throw toFailure(call, error);
  });
  const body = new ReadableStream<Uint8Array>({
    start: async (controller) => {
      // What the package could not read is told as an error of the provider's.
      const told = await answer.catch((error: unknown) => ({ error: toErrorObject(error) }));
      controller.enqueue(new TextEncoder().encode(JSON.stringify(told)));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

async function generate(call: Call): Promise<NeutralAnswer | { error: unknown }> {
  return toAnswer(call, await call.model.doGenerate(call.callOptions));
}

function toAnswer(
  call: Call,
  result: LanguageModelV4GenerateResult,
): NeutralAnswer | { error: unknown } {
  const events = eventsOf(call, { isWhole: true });
  const told = partsOf(result).flatMap((part) => events.take(part));
  const broken = told.find((event) => event.type === "error");
  return broken === undefined ? fold(told) : { error: broken.error };
}

/** A whole answer as the parts that would have told it. */
function partsOf(result: LanguageModelV4GenerateResult): LanguageModelV4StreamPart[] {
  const { content, finishReason, usage, providerMetadata, response } = result;
  const parts = content.flatMap((item, index): LanguageModelV4StreamPart[] => {
    if (item.type !== "text" && item.type !== "reasoning") return [item];
    const id = String(index);
    const metadata =
      item.providerMetadata === undefined ? {} : { providerMetadata: item.providerMetadata };
    return [
      { type: `${item.type}-start`, id, ...metadata },
      { type: `${item.type}-delta`, id, delta: item.text },
      { type: `${item.type}-end`, id },
    ];
  });
  const { id, modelId } = response ?? {};
  return [
    { type: "response-metadata", ...(id && { id }), ...(modelId && { modelId }) },
    ...parts,
    { type: "finish", finishReason, usage, ...(providerMetadata && { providerMetadata }) },
  ];
}

const eventsOf = (
  { api, options, request }: Call,
  more: { isWhole?: boolean } = {},
): AnswerEvents =>
  new AnswerEvents(api, {
    model: options.upstreamModel,
    isContinued: () => request.isContinued,
    ...more,
  });

/** What `ask` has thrown comes through as it is; the packages' own errors hold the client's words, so they end here. */
function toFailure({ upstream, options }: Call, error: unknown): Failure {
  const cause = error instanceof Error ? error.cause : undefined;
  const known = [error, cause].find((candidate) => candidate instanceof Failure);
  if (known instanceof Failure) return known;
  if (options.signal.aborted) return clientClosed(upstream, { dispatched: true });
  return failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' broke the connection in the middle of its answer. Try again.`,
    code: "provider_connection_lost",
    dispatched: true,
    detail: error instanceof Error ? error.name : "unknown",
  });
}
