/** What can be known of a prompt without the package: whether this API has words for it. */
import {
  type Prompt,
  type PromptMessage,
  type ToolResultPart,
  type UserPart,
  untranslatable,
} from "../neutral/prompt.ts";
import type { AiSdkProvider } from "../upstream.ts";
import { type Abilities, abilitiesOf } from "./abilities.ts";

/** Tiers that mean: as usual. */
const USUAL_TIERS = ["auto", "default", "standard"];

/** @throws Failure `UNTRANSLATABLE` */
export function assertSayable(prompt: Prompt, api: AiSdkProvider): void {
  const abilities = abilitiesOf[api];
  refuseSettings(prompt, abilities);
  let hasSpoken = false;
  for (const message of prompt.messages) {
    if (message.role === "system" && hasSpoken && !abilities.lateSystem) {
      throw untranslatable("messages", "it takes system messages at the beginning only");
    }
    hasSpoken ||= message.role !== "system";
    refuseParts(message, abilities);
  }
}

function refuseSettings(prompt: Prompt, abilities: Abilities): void {
  if ((prompt.choices ?? 1) > 1) throw untranslatable("n", "it gives one answer per call");
  if (prompt.topLogprobs !== undefined) {
    throw untranslatable("logprobs", "it does not tell probabilities");
  }
  if (prompt.verbosity !== undefined && prompt.verbosity !== "medium") {
    throw untranslatable("verbosity", "it is asked for in words");
  }
  const { serviceTier: tier } = prompt;
  if (tier !== undefined && ![...USUAL_TIERS, ...abilities.serviceTiers].includes(tier)) {
    throw untranslatable("service_tier", `it has no tier '${tier}'`);
  }
  if (prompt.responseFormat?.type === "json" && !abilities.plainJson) {
    throw untranslatable("response_format", "it keeps to a JSON schema, not to JSON as such");
  }
  const hasTools = prompt.tools.length > 0;
  if (hasTools && prompt.parallelToolCalls === false && !abilities.oneCallAtATime) {
    throw untranslatable("parallel_tool_calls", "it may call several tools at once");
  }
}

function refuseParts(message: PromptMessage, abilities: Abilities): void {
  if (message.role === "user") {
    if (message.name !== undefined) throw untranslatable("name", "its speakers have no names");
    for (const part of message.parts) refusePart(part, abilities);
  }
  if (message.role === "tool") {
    for (const part of message.parts.flatMap((result) => result.parts)) {
      refuseInResult(part, abilities);
    }
  }
}

function refuseInResult(part: ToolResultPart["parts"][number], abilities: Abilities): void {
  if (part.type === "text") return;
  if (!abilities.filesInResults) {
    throw untranslatable("tool_result", "it takes results of tools as text");
  }
  if (!("data" in part.source)) {
    throw untranslatable("tool_result", "it takes pictures in results of tools as data only");
  }
  refusePart(part, abilities);
}

function refusePart(part: UserPart, { audio, files }: Abilities): void {
  if (part.type === "audio" && !audio) throw untranslatable("input_audio", "it does not hear");
  if (part.type !== "image" && part.type !== "file") return;
  if ("fileId" in part.source) {
    throw untranslatable(part.type, "the id of a file means something only where it was uploaded");
  }
  if (part.type === "image" && part.detail === "low") {
    throw untranslatable("detail", "it looks at every image in full");
  }
  if (part.type === "file" && "data" in part.source && !files.test(part.source.mediaType)) {
    throw untranslatable("file", `it does not read '${part.source.mediaType}'`);
  }
}
