/** The fields of a Responses request that are not a matter of words: refused, or read elsewhere. */
import type { JsonObject } from "../../../lib/json.ts";
import { untranslatable } from "../../neutral/prompt.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";
import { translatedFields } from "./request-shape.ts";

/** A documented field without a counterpart, and the values that ask for nothing. */
type Refused = { why: string; asksNothing?(value: unknown): boolean };

const refused: Readonly<Record<string, Refused>> = {
  access_programs: { why: "its provider has no such programs" },
  context_management: {
    why: "its provider does not shorten conversations",
    asksNothing: (value) => Array.isArray(value) && value.length === 0,
  },
  image: { why: "it answers in text only" },
  moderation: { why: "its provider does not moderate beside the answer" },
  prompt: { why: "its provider keeps no prompt templates" },
  truncation: {
    why: "its provider does not shorten prompts that are too long",
    asksNothing: (value) => value === "disabled",
  },
};

/**
 * Read by the gateway, which keeps conversations itself, or by the encoder of the answer; and wishes about a provider's
 * cache or about tools that only OpenAI runs, which change no answer elsewhere.
 */
const READ_ELSEWHERE = [
  "model",
  "store",
  "previous_response_id",
  "conversation",
  "background",
  "stream_options",
  "max_tool_calls",
  "prompt_cache_options",
  "prompt_cache_retention",
] as const;

export const documentedFields: ReadonlySet<string> = new Set([
  ...Object.keys(translatedFields),
  ...Object.keys(refused),
  ...READ_ELSEWHERE,
]);

/** @throws Failure `UNTRANSLATABLE` */
export function refuseUntranslatable(body: JsonObject): void {
  for (const [field, { why, asksNothing }] of Object.entries(refused)) {
    const value = body[field];
    if (value === undefined || value === null || asksNothing?.(value) === true) continue;
    throw untranslatable(field, why);
  }
  for (const [index, tool] of listIn(body["tools"]).entries()) {
    const type = tool["type"];
    if (type === "function" || typeof type !== "string") continue;
    throw untranslatable(`tools[${index}]`, whyNotTool(type));
  }
  const choice = body["tool_choice"];
  if (isRecord(choice) && typeof choice["type"] === "string" && !CHOICES.has(choice["type"])) {
    throw untranslatable("tool_choice", whyNotTool(choice["type"]));
  }
}

const CHOICES: ReadonlySet<string> = new Set(["function", "allowed_tools"]);
/** Run by the client like functions, but described in words of their own. */
const CLIENT_TOOLS: ReadonlySet<string> = new Set([
  "custom",
  "local_shell",
  "shell",
  "apply_patch",
  "computer",
  "computer_use_preview",
]);
const TYPE_CHARS_MAX = 64;

function whyNotTool(type: string): string {
  const name = type.slice(0, TYPE_CHARS_MAX);
  return CLIENT_TOOLS.has(type)
    ? `its provider knows functions only, and '${name}' is another kind of tool`
    : `'${name}' is a tool that the provider itself must run, and this one does not have it`;
}

export function undocumentedIn(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !documentedFields.has(field)));
}
