/** Asks the gateway with a key, as any application would. */
import { z } from "zod";
import { ErrorBody } from "../../../contract/errors.ts";
import { Failure } from "../../../lib/errors.ts";

/** A long answer of a slow model; then something is wrong. */
const ANSWER_TIMEOUT_MS = 30 * 60_000;

export type DataPlane = { readonly url: string; readonly key: string };

export type ChatMessage = {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
};

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });

export async function firstModelOf(plane: DataPlane): Promise<string> {
  const response = await ask(plane, "/v1/models");
  const list = ModelList.safeParse(await response.json());
  const model = list.data?.data[0]?.id;
  if (model !== undefined) return model;
  throw new Failure(
    "not_found",
    "The gateway lists no model for this key. Name one with --model, or offer one with: baseload model add",
  );
}

/** The streamed answer, still unread. */
export function askChat(
  plane: DataPlane,
  request: {
    readonly model: string;
    readonly messages: readonly ChatMessage[];
    readonly maxTokens: number | undefined;
  },
): Promise<Response> {
  return ask(plane, "/v1/chat/completions", {
    model: request.model,
    messages: request.messages,
    max_tokens: request.maxTokens,
    stream: true,
    stream_options: { include_usage: true },
  });
}

async function ask(plane: DataPlane, path: string, body?: unknown): Promise<Response> {
  const response = await send(plane, path, body);
  if (response.ok) return response;
  const answer = ErrorBody.safeParse(await response.json().catch(() => undefined));
  const message = answer.data?.error.message ?? `The gateway answered ${response.status}.`;
  const hint = response.status === 401 ? " Give a key with --key or BASELOAD_API_KEY." : "";
  throw new Failure("upstream", message + hint, { status: response.status });
}

async function send(plane: DataPlane, path: string, body: unknown): Promise<Response> {
  try {
    return await fetch(plane.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${plane.key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new Failure(
      "overloaded",
      `No gateway answers at ${plane.url}. Start it with: baseload up`,
      { cause },
    );
  }
}
