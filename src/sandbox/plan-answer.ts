import type { Message, SandboxRequest, Tool } from "./read-request.ts";
import { sampleJson } from "./sample-json.ts";
import type { Script } from "./script.ts";

/** An answer before it is sent: what each choice says, piece by piece, and what it counts. */
export type PlannedAnswer = {
  promptTokens: number;
  cachedTokens: number;
  choices: PlannedChoice[];
};

export type PlannedChoice = {
  /** The called function; undefined when the choice is text. */
  toolCalls: PlannedToolCall[];
  /** Frames of a stream; joined, they are the content or the arguments of the calls. */
  pieces: Piece[];
  reasoningTokens: number;
  /** Of all pieces together, without reasoning. */
  visibleTokens: number;
  finishReason: "stop" | "length" | "tool_calls";
};

/** `call`: the index of the tool call whose arguments the text belongs to. */
export type Piece = { text: string; call: number | undefined };
export type PlannedToolCall = { id: string; name: string };

export function planAnswer(request: SandboxRequest): PlannedAnswer {
  const { script } = request;
  return {
    promptTokens: script.prompt_tokens ?? estimatePromptTokens(request.messages),
    cachedTokens: script.cached_tokens ?? 0,
    choices: Array.from({ length: request.n }, (_, index) => planChoice(request, index)),
  };
}

/** Tokens that a choice has generated once its first `pieces` are out; reasoning comes before the first. */
export function tokensAfter(choice: PlannedChoice, pieces: number): number {
  const { length } = choice.pieces;
  if (pieces >= length) return choice.reasoningTokens + choice.visibleTokens;
  if (pieces === 0) return 0;
  return choice.reasoningTokens + Math.floor((choice.visibleTokens * pieces) / length);
}

function planChoice(request: SandboxRequest, index: number): PlannedChoice {
  const { script } = request;
  const calls = planToolCalls(request);
  const said = calls.length > 0 ? piecesOfCalls(calls, script) : piecesOfText(request, index);
  const wantedReasoning = script.reasoning_tokens ?? 0;
  const wantedVisible =
    script.completion_tokens === undefined
      ? said.tokens
      : script.completion_tokens - wantedReasoning;
  const reasoningTokens = Math.min(wantedReasoning, request.maxTokens);
  const visibleTokens = Math.min(wantedVisible, request.maxTokens - reasoningTokens);
  const isCut = reasoningTokens + visibleTokens < wantedReasoning + wantedVisible;
  const share = isCut ? visibleTokens / wantedVisible : 1;
  return {
    toolCalls: calls.map((call, at) => ({ id: `call_${index}_${at}`, name: call.name })),
    pieces: said.pieces.slice(0, Math.ceil(said.pieces.length * share)),
    reasoningTokens,
    visibleTokens,
    finishReason: isCut ? "length" : calls.length > 0 ? "tool_calls" : "stop",
  };
}

type Said = { pieces: Piece[]; tokens: number };
type Call = { name: string; arguments: unknown };

/** A model with tools calls one, and answers with text once it has the result: agents' loops end. */
function planToolCalls(request: SandboxRequest): Call[] {
  const { script, tools, toolChoice } = request;
  const hasResult = request.messages.at(-1)?.role === "tool";
  const isDone = hasResult && script.answer !== undefined;
  if (script.tool_calls !== undefined) return isDone ? [] : script.tool_calls;
  const tool = chooseTool(tools, toolChoice);
  const mayChoose = toolChoice === "auto";
  if (tool === undefined || (mayChoose && (hasResult || script.answer !== undefined))) return [];
  return [{ name: tool.name, arguments: sampleJson(tool.parameters) }];
}

function chooseTool(tools: Tool[], choice: SandboxRequest["toolChoice"]): Tool | undefined {
  if (choice === "none") return undefined;
  if (typeof choice === "string") return tools[0];
  return tools.find((tool) => tool.name === choice.name);
}

function piecesOfCalls(calls: Call[], script: Script): Said {
  const pieces: Piece[] = [];
  let tokens = 0;
  for (const [index, call] of calls.entries()) {
    const parts = tokensOf(JSON.stringify(call.arguments));
    tokens += parts.length;
    const texts = groupsOf(parts, script.tokens_per_frame ?? 1);
    pieces.push(...texts.map((text) => ({ text, call: index })));
  }
  return { pieces, tokens };
}

function piecesOfText(request: SandboxRequest, index: number): Said {
  const parts = tokensOfAnswer(request, index);
  const texts = groupsOf(parts, request.script.tokens_per_frame ?? 1);
  return { pieces: texts.map((text) => ({ text, call: undefined })), tokens: parts.length };
}

function tokensOfAnswer(request: SandboxRequest, index: number): string[] {
  const { script } = request;
  if (script.answer !== undefined) return tokensOf(script.answer);
  if (request.jsonSchema !== undefined) return tokensOf(sampleOf(request.jsonSchema));
  if (script.completion_tokens !== undefined) {
    const count = script.completion_tokens - (script.reasoning_tokens ?? 0);
    return Array.from({ length: count }, (_, at) => fillerAt(index + at));
  }
  return tokensOf(request.messages.findLast(({ role }) => role === "user")?.text ?? "");
}

function sampleOf(schema: unknown): string {
  const value = sampleJson(schema);
  const isAnyObject = JSON.stringify(value) === "{}";
  return JSON.stringify(isAnyObject ? { answer: "text" } : value);
}

/** A token of the sandbox is up to four characters of one word, with the space before it. */
function tokensOf(text: string): string[] {
  return text.match(/\s*\S{1,4}|\s+$/gu) ?? [];
}

function groupsOf(tokens: string[], size: number): string[] {
  if (size === 1) return tokens;
  const groups: string[] = [];
  for (let at = 0; at < tokens.length; at += size)
    groups.push(tokens.slice(at, at + size).join(""));
  return groups;
}

/** With its space each is four bytes: what is estimated from the text is then what was generated. */
const FILLERS = ["sun", "sky", "sea", "ice", "oak", "elm", "fox", "owl"];

function fillerAt(at: number): string {
  return `${FILLERS[at % FILLERS.length]} `;
}

/** Tokens that a message costs beside its text: role and delimiters. */
const TOKENS_PER_MESSAGE = 4;
const BYTES_PER_TOKEN = 4;

function estimatePromptTokens(messages: Message[]): number {
  let tokens = 0;
  for (const { text } of messages) {
    tokens += TOKENS_PER_MESSAGE + Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
  }
  return tokens;
}
