/** Whether a condition holds for a call, and if not, which part of it does not. Pure. */
import type { RouteCondition } from "./definition.ts";
import type { RouteQuestion } from "./question.ts";
import { isWithin, sayWindow } from "./time-window.ts";

/** What a condition can ask of a call: models and prices are not among it. */
export type CallFacts = Pick<
  RouteQuestion,
  | "model"
  | "operation"
  | "task"
  | "metadata"
  | "keyId"
  | "project"
  | "organization"
  | "nowMs"
  | "inputTokensCounted"
  | "language"
  | "needs"
  | "isStream"
>;

/** The language of a call whose text is too short to tell. */
export const UNKNOWN_LANGUAGE = "unknown";

/** The part that does not hold, for people; undefined: the condition holds. */
export function mismatch(
  condition: RouteCondition | undefined,
  call: CallFacts,
): string | undefined {
  if (condition === undefined) return undefined;
  return (
    mismatchOfWords(condition, call) ??
    mismatchOfFacts(condition, call) ??
    mismatchOfParts(condition, call)
  );
}

function mismatchOfWords(condition: RouteCondition, call: CallFacts): string | undefined {
  return (
    other("the model asked for", condition.model, call.model) ??
    other("the operation", condition.operation, call.operation) ??
    other("the task", condition.task, call.task) ??
    other("the key", condition.key, call.keyId) ??
    other("the project", condition.project, call.project) ??
    other("the organization", condition.organization, call.organization) ??
    otherMetadata(condition.metadata, call.metadata)
  );
}

function mismatchOfFacts(condition: RouteCondition, call: CallFacts): string | undefined {
  const { time, input_tokens, language, modality, capability, stream } = condition;
  if (stream !== undefined && stream !== call.isStream) {
    return call.isStream ? "the call streams" : "the call does not stream";
  }
  if (time !== undefined && !isWithin(time, call.nowMs)) return `it is not ${sayWindow(time)}`;
  const tokens = call.inputTokensCounted;
  if (input_tokens?.min !== undefined && tokens < input_tokens.min) {
    return `${tokens} input tokens are fewer than ${input_tokens.min}`;
  }
  if (input_tokens?.max !== undefined && tokens > input_tokens.max) {
    return `${tokens} input tokens are more than ${input_tokens.max}`;
  }
  return (
    otherLanguage(language, call.language ?? UNKNOWN_LANGUAGE) ??
    notNeeded("modality", modality, call.needs.modalities) ??
    notNeeded("capability", capability, call.needs.capabilities)
  );
}

function mismatchOfParts(condition: RouteCondition, call: CallFacts): string | undefined {
  for (const part of condition.all ?? []) {
    const why = mismatch(part, call);
    if (why !== undefined) return why;
  }
  if (condition.any !== undefined) {
    const whys = condition.any.map((part) => mismatch(part, call));
    if (whys.every((why) => why !== undefined)) return `none of these holds: ${whys.join("; ")}`;
  }
  if (condition.not !== undefined && mismatch(condition.not, call) === undefined) {
    return `what is excluded holds: ${JSON.stringify(condition.not)}`;
  }
  return undefined;
}

const listOf = (wanted: string | readonly string[]): readonly string[] =>
  typeof wanted === "string" ? [wanted] : wanted;

function other(
  what: string,
  wanted: string | readonly string[] | undefined,
  is: string | undefined,
): string | undefined {
  if (wanted === undefined) return undefined;
  if (typeof wanted === "string" ? wanted === is : is !== undefined && wanted.includes(is)) {
    return undefined;
  }
  return `${what} is ${is === undefined ? "not given" : `'${is}'`}, not ${sayList(wanted)}`;
}

const ANY_VALUE = "*";

function otherMetadata(
  wanted: RouteCondition["metadata"],
  metadata: CallFacts["metadata"],
): string | undefined {
  if (wanted === undefined) return undefined;
  for (const [name, values] of Object.entries(wanted)) {
    // Own names only: metadata is the client's, and `constructor` is nobody's value.
    const is = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
    if (is !== undefined && listOf(values).includes(ANY_VALUE)) continue;
    const why = other(`metadata '${name}'`, values, is);
    if (why !== undefined) return why;
  }
  return undefined;
}

function otherLanguage(wanted: RouteCondition["language"], is: string): string | undefined {
  if (wanted === undefined) return undefined;
  const detected = is.toLowerCase();
  const isWanted = listOf(wanted).some((one) => {
    const language = one.toLowerCase();
    return detected === language || detected.startsWith(`${language}-`);
  });
  return isWanted ? undefined : `the language is '${is}', not ${sayList(wanted)}`;
}

function notNeeded(
  what: string,
  wanted: string | readonly string[] | undefined,
  needed: readonly string[],
): string | undefined {
  if (wanted === undefined || listOf(wanted).some((one) => needed.includes(one))) return undefined;
  return `the call does not need the ${what} ${sayList(wanted)}`;
}

function sayList(values: string | readonly string[]): string {
  const quoted = listOf(values).map((value) => `'${value}'`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
