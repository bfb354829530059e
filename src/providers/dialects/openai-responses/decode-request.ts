/** A Responses request of a client → the neutral prompt. */
import { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import {
  type Prompt,
  type PromptMessage,
  type ReasoningWish,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  untranslatable,
} from "../../neutral/prompt.ts";
import { readShape } from "../read-shape.ts";
import { decodeItems } from "./decode-items.ts";
import { refuseUntranslatable, undocumentedIn } from "./request-fields.ts";
import { Request, type WireRequest, type WireTextFormat, type WireTool } from "./request-shape.ts";

export function decodeRequest(body: JsonObject): Prompt {
  refuseUntranslatable(body);
  const wire = readShape(Request, body);
  return {
    messages: [...toInstructions(wire.instructions), ...decodeItems(wire.input)],
    ...toTools(wire),
    ...present({
      parallelToolCalls: wire.parallel_tool_calls,
      responseFormat: toResponseFormat(wire.text?.format),
      maxOutputTokens: wire.max_output_tokens,
      temperature: wire.temperature,
      topP: wire.top_p,
      topLogprobs: toTopLogprobs(wire),
      reasoning: toReasoningWish(wire.reasoning),
      verbosity: wire.text?.verbosity,
      serviceTier: wire.service_tier,
      user: toUser(wire),
      metadata: wire.metadata,
      cacheKey: wire.prompt_cache_key,
    }),
    stream: wire.stream ?? false,
    extra: undocumentedIn(body),
  };
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

function toInstructions(instructions: string | null | undefined): PromptMessage[] {
  if (instructions == null || instructions === "") return [];
  return [{ role: "system", parts: [{ type: "text", text: instructions }] }];
}

/** A choice among allowed tools is a shorter list of tools: the longer one only keeps a provider's cache warm. */
function toTools(wire: WireRequest): { tools: Tool[]; toolChoice?: ToolChoice } {
  const tools = (wire.tools ?? []).map(toTool);
  const choice = wire.tool_choice;
  if (choice == null) return { tools };
  if (choice.type === "mode") return { tools, toolChoice: choice.mode };
  if (choice.type === "function") return { tools, toolChoice: { name: choice.name } };
  const allowed = new Set(choice.tools.map(({ name }) => name));
  return { tools: tools.filter(({ name }) => allowed.has(name)), toolChoice: choice.mode };
}

function toTool({ name, description, parameters, strict }: WireTool): Tool {
  return { name, ...present({ description, parameters, strict }) };
}

function toResponseFormat(wire: WireTextFormat | null | undefined): ResponseFormat | undefined {
  if (wire == null) return undefined;
  if (wire.type === "text") return { type: "text" };
  if (wire.type === "json_object") return { type: "json" };
  const { type, name, schema, ...rest } = wire;
  return { type, name, schema, ...present(rest) };
}

export const WANTS_LOGPROBS = "message.output_text.logprobs";

/** Of what can be included, the rest is about tools that the provider runs, or comes anyway. */
function toTopLogprobs({ include, top_logprobs }: WireRequest): number | undefined {
  if (include?.includes(WANTS_LOGPROBS) === true) return top_logprobs ?? 0;
  if (top_logprobs == null || top_logprobs === 0) return undefined;
  throw new Failure(
    "invalid",
    `'top_logprobs' is only allowed when 'include' has '${WANTS_LOGPROBS}'.`,
    { param: "top_logprobs", code: "invalid_field" },
  );
}

function toReasoningWish(wire: WireRequest["reasoning"]): ReasoningWish | undefined {
  const wish = present({
    effort: wire?.effort,
    summary: wire?.summary ?? wire?.generate_summary,
  });
  return Object.keys(wish).length === 0 ? undefined : wish;
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
