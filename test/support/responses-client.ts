/** Requests of the Responses API for the real `openai` SDK, and what an upstream of that API answers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ResponseInput, Response as WireResponse } from "openai/resources/responses/responses";
import { eventsIn, type StreamEvent } from "../contract/responses-stream-rules.ts";

type Input = string | ResponseInput;

/** `sandbox` says what the simulated model shall do: fields that the gateway does not know are sent on. */
export const asking = <More extends object = object>(input: Input, more?: More) => ({
  model: "sim",
  input,
  ...(more as More),
});

export const weather = {
  type: "function" as const,
  name: "get_weather",
  description: "The weather of a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

const fixtures = join(import.meta.dir, "../../src/providers/dialects/openai-responses/fixtures");

/** What a provider of this API has answered, as recorded: whole or as a stream. */
export const recorded = (file: string): string => readFileSync(join(fixtures, file), "utf8");

/** POST /v1/responses as a stream, byte for byte. */
export async function streamOf(
  { url }: { url: string },
  { key }: { key: string },
  body: object,
): Promise<{ text: string; events: StreamEvent[]; headers: Headers }> {
  const response = await fetch(`${url}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  return { text, events: eventsIn(text), headers: response.headers };
}

export function responseIdIn(events: readonly StreamEvent[]): string {
  const response = events[0]?.["response"] as { id: string } | undefined;
  if (response === undefined) throw new Error("the stream does not begin with a response");
  return response.id;
}

export function responseAtTheEnd(events: readonly StreamEvent[]): WireResponse {
  const response = events.at(-1)?.["response"] as WireResponse | undefined;
  if (response === undefined) throw new Error("the stream does not end with a response");
  return response;
}
