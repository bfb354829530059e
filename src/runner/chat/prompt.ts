/**
 * Messages → the tokens that the model was trained to read, by the chat template in its file. Text of users
 * can never become one of the template's control tokens: a message that contains `<|im_end|>` does not end
 * its own turn.
 */
import { Template } from "@huggingface/jinja";
import { Failure } from "../../lib/errors.ts";
import { CALL_BEGIN, CALL_END } from "../text/tool-call-finder.ts";
import type { ChatMessage, ChatRequest, ChatTool } from "./read-chat-request.ts";

/** What a model's file tells about its text. */
export type PromptFacts = {
  /** Jinja source; models without one get the widespread ChatML form. */
  template: string | undefined;
  /** Texts of the tokens that only a template may write. */
  controlTexts: readonly string[];
  bosText: string | undefined;
  eosText: string | undefined;
  /** Written at the front, unless the template has done so; undefined where the model wants none. */
  bosToken: number | undefined;
  tokenize: (text: string) => number[];
  /** A longer text cannot fit into the context, so it is refused before it is counted token by token. */
  charsMax: number;
  contextTokens: number;
};

export type PromptWriter = (request: ChatRequest) => { tokens: number[]; inCall: boolean };

const CHATML = `{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

/** Private-use characters, one of which no text of a request contains. */
const MARKS = Array.from({ length: 64 }, (_, index) => String.fromCharCode(0xe000 + index));

export function createPromptWriter(facts: PromptFacts): PromptWriter {
  const source = facts.template ?? CHATML;
  const template = new Template(source);
  // The same marks around calls that the parser of replies looks for; other forms get our own instructions.
  const knowsTools = /\btools\b/.test(source) && source.includes(CALL_BEGIN);
  const control = controlPattern(facts.controlTexts);

  return (request) => {
    const tools = request.tool_choice === "none" ? [] : (request.tools ?? []);
    const mark = freeMark(request);
    const safe = (text: string): string =>
      control === undefined ? text : text.replace(control, (found) => split(found, mark));
    const messages = withTools(request.messages, knowsTools ? [] : tools, { safe, knowsTools });
    const text = render(template, {
      messages,
      ...(knowsTools && tools.length > 0 ? { tools: mapTexts(tools, safe) } : {}),
      add_generation_prompt: true,
      bos_token: facts.bosText ?? "",
      eos_token: facts.eosText ?? "",
    });
    const choice = request.tool_choice ?? "auto";
    const inCall = tools.length > 0 && choice !== "auto" && choice !== "none";
    return { tokens: toTokens(inCall ? `${text}${CALL_BEGIN}\n` : text, mark, facts), inCall };
  };
}

function toTokens(text: string, mark: string, facts: PromptFacts): number[] {
  if (text.length > facts.charsMax) {
    const least = Math.ceil((text.length / facts.charsMax) * facts.contextTokens);
    throw contextExceeded(facts.contextTokens, `at least ${least}`);
  }
  const tokens = text.split(mark).flatMap((part) => facts.tokenize(part));
  const bos = facts.bosToken;
  return bos === undefined || tokens[0] === bos ? tokens : [bos, ...tokens];
}

/** Never cut a prompt silently: the caller would get, and pay for, an answer to another question. */
export const contextExceeded = (contextTokens: number, counted: number | string): Failure =>
  new Failure(
    "invalid",
    `This model's maximum context length is ${contextTokens} tokens, prompt and answer together, and your messages have ${counted} tokens. Shorten the messages.`,
    { param: "messages", code: "context_length_exceeded" },
  );

function render(template: Template, items: Record<string, unknown>): string {
  try {
    return template.render(items);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Failure("invalid", `The model's chat template refuses these messages: ${why}`, {
      param: "messages",
      cause,
    });
  }
}

type Conversion = { safe: (text: string) => string; knowsTools: boolean };

type TemplateMessage = Record<string, unknown> & { role: string; content: string };

function withTools(
  messages: readonly ChatMessage[],
  tools: readonly ChatTool[],
  conversion: Conversion,
): TemplateMessage[] {
  const converted = messages.map((message) => toTemplateMessage(message, conversion));
  if (tools.length === 0) return converted;
  const instructions = conversion.safe(describeTools(tools));
  const [first, ...rest] = converted;
  if (first?.role === "system") {
    return [{ ...first, content: `${first.content}\n\n${instructions}` }, ...rest];
  }
  return [{ role: "system", content: instructions }, ...converted];
}

/** For templates that say nothing of tools: the widespread Hermes form. */
function describeTools(tools: readonly ChatTool[]): string {
  const signatures = tools.map((tool) => JSON.stringify(tool.function)).join("\n");
  return [
    "You may call functions to help with the request. Their signatures, one per line:",
    `<tools>\n${signatures}\n</tools>`,
    "To call one, answer with its name and its arguments, like this:",
    `${CALL_BEGIN}\n{"name": "<name>", "arguments": {}}\n${CALL_END}`,
  ].join("\n");
}

function toTemplateMessage(message: ChatMessage, conversion: Conversion): TemplateMessage {
  const { safe, knowsTools } = conversion;
  const content = safe(textOf(message.content));
  if (message.role === "tool") {
    if (knowsTools) return { role: "tool", content, tool_call_id: safe(message.tool_call_id) };
    return { role: "user", content: `<tool_response>\n${content}\n</tool_response>` };
  }
  const role = message.role === "developer" ? "system" : message.role;
  const name = message.name ? { name: safe(message.name) } : {};
  const calls = message.role === "assistant" ? (message.tool_calls ?? []) : [];
  if (calls.length === 0) return { role, content, ...name };
  const functions = calls.map((call) => ({
    name: safe(call.function.name),
    arguments: mapTexts(parseArguments(call.function.arguments), safe),
  }));
  if (knowsTools) {
    const toolCalls = functions.map((one) => ({ type: "function", function: one }));
    return { role, content, ...name, tool_calls: toolCalls };
  }
  const written = functions.map((one) => `${CALL_BEGIN}\n${JSON.stringify(one)}\n${CALL_END}`);
  return { role, content: [content, ...written].filter((part) => part !== "").join("\n") };
}

function textOf(content: ChatMessage["content"]): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content
    .map((part) => ("text" in part ? part.text : "refusal" in part ? part.refusal : ""))
    .join("");
}

/** Templates write arguments as JSON; what a client sent may be a text that is none. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Applies `change` to every text inside a value of JSON, keys included. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), mapTexts(item, change)]),
  );
}

function controlPattern(texts: readonly string[]): RegExp | undefined {
  const parts = texts
    .filter((text) => text.length > 1)
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return parts.length === 0 ? undefined : new RegExp(parts.join("|"), "g");
}

/** The text is cut at the mark before it is tokenised, so the control token never forms. */
const split = (text: string, mark: string): string => text.slice(0, 1) + mark + text.slice(1);

function freeMark(request: ChatRequest): string {
  const text = JSON.stringify(request.messages) + JSON.stringify(request.tools ?? []);
  const mark = MARKS.find((candidate) => !text.includes(candidate));
  if (mark !== undefined) return mark;
  throw new Failure("invalid", "The messages use too many private-use characters (U+E000…).", {
    param: "messages",
  });
}
