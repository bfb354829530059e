/** A chat request of a client → the neutral prompt. */
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import {
  type Prompt,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  untranslatable,
} from "../../neutral/prompt.ts";
import { readShape } from "../read-shape.ts";
import { decodeMessages, toCacheMark } from "./decode-messages.ts";
import { refuseUntranslatable, undocumentedIn } from "./request-fields.ts";
import { Request, type WireRequest, type WireResponseFormat } from "./request-shape.ts";

export function decodeRequest(body: JsonObject): Prompt {
  refuseUntranslatable(body);
  const wire = readShape(Request, body);
  refuseObfuscation(wire);
  return {
    messages: decodeMessages(wire.messages),
    tools: (wire.tools ?? []).map(toTool),
    ...present({
      toolChoice: toToolChoice(wire.tool_choice),
      parallelToolCalls: wire.parallel_tool_calls,
      responseFormat: toResponseFormat(wire.response_format),
      maxOutputTokens: wire.max_completion_tokens ?? wire.max_tokens,
      temperature: wire.temperature,
      topP: wire.top_p,
      topK: wire.top_k,
      presencePenalty: wire.presence_penalty,
      frequencyPenalty: wire.frequency_penalty,
      seed: wire.seed,
      stop: wire.stop,
      choices: wire.n,
      topLogprobs: toTopLogprobs(wire),
      reasoning: wire.reasoning_effort == null ? undefined : { effort: wire.reasoning_effort },
      verbosity: wire.verbosity,
      serviceTier: wire.service_tier,
      user: toUser(wire),
      metadata: wire.metadata,
      cacheKey: wire.prompt_cache_key,
    }),
    stream: wire.stream ?? false,
    extra: undocumentedIn(body),
  };
}

/** Chunks of the same length, against who counts bytes on the way. Whether usage is wanted, its encoder asks. */
function refuseObfuscation({ stream_options }: WireRequest): void {
  if (stream_options?.include_obfuscation !== true) return;
  throw untranslatable("stream_options.include_obfuscation", "its stream is not padded");
}

/** Without what is null or left out. */
function present<Fields extends object>(
  fields: Fields,
): {
  [Name in keyof Fields]?: NonNullable<Fields[Name]>;
} {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

function toTool(wire: NonNullable<WireRequest["tools"]>[number]): Tool {
  const { name, ...rest } = wire.function;
  return { name, ...present({ ...rest, cache: toCacheMark(wire) }) };
}

function toToolChoice(wire: WireRequest["tool_choice"]): ToolChoice | undefined {
  if (wire == null) return undefined;
  return wire.type === "mode" ? wire.mode : { name: wire.function.name };
}

function toResponseFormat(wire: WireResponseFormat | null | undefined): ResponseFormat | undefined {
  if (wire == null) return undefined;
  if (wire.type === "text") return { type: "text" };
  if (wire.type === "json_object") return { type: "json" };
  const { name, schema, ...rest } = wire.json_schema;
  return { type: "json_schema", name, schema: schema ?? {}, ...present(rest) };
}

function toTopLogprobs({ logprobs, top_logprobs }: WireRequest): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0;
  if (top_logprobs == null) return undefined;
  throw new Failure("invalid", "'top_logprobs' is only allowed when 'logprobs' is true.", {
    param: "top_logprobs",
    code: "invalid_field",
  });
}

/** OpenAI has split `user` in two: who it is, and what caches share. Both still mean who. */
function toUser({ user, safety_identifier }: WireRequest): string | undefined {
  if (user != null && safety_identifier != null && user !== safety_identifier) {
    throw untranslatable(
      "user",
      "it takes one name of the end user, and 'safety_identifier' is another",
    );
  }
  return safety_identifier ?? user ?? undefined;
}
