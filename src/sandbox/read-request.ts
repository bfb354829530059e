import { Failure } from "../lib/errors.ts";
import { readScript, type Script } from "./script.ts";

/** What of a chat request matters to a simulated model; the rest is accepted and ignored. */
export type SandboxRequest = {
  model: string;
  messages: Message[];
  script: Script;
  stream: boolean;
  includeUsage: boolean;
  /** Number of choices. */
  n: number;
  /** Per choice. */
  maxTokens: number;
  tools: Tool[];
  /** The function that must be called, any function, or none in particular. */
  toolChoice: "none" | "auto" | "required" | { name: string };
  /** The schema of the answer; `{}` stands for any object. */
  jsonSchema: unknown;
  /** Alternatives per token; undefined when log probabilities are not asked for. */
  topLogprobs: number | undefined;
};

export type Message = { role: string; text: string };
export type Tool = { name: string; parameters: unknown };

const CHOICES_MAX = 16;
const MESSAGES_MAX = 10_000;
const TOP_LOGPROBS_MAX = 20;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

type Wire = Record<string, unknown>;

export function readSandboxRequest(text: string): SandboxRequest {
  const body = readBody(text);
  const { model } = body;
  if (typeof model !== "string") throw invalid("model", "must be a string.");
  const options = recordIn(body["stream_options"]);
  return {
    model,
    messages: readMessages(body["messages"]),
    script: readScript(model, body["sandbox"] ?? undefined),
    stream: body["stream"] === true,
    includeUsage: options["include_usage"] === true,
    n: readInt(body, "n", { min: 1, max: CHOICES_MAX }) ?? 1,
    maxTokens:
      readInt(body, "max_completion_tokens", { min: 1, max: UNLIMITED }) ??
      readInt(body, "max_tokens", { min: 1, max: UNLIMITED }) ??
      UNLIMITED,
    tools: readTools(body["tools"]),
    toolChoice: readToolChoice(body["tool_choice"]),
    jsonSchema: readJsonSchema(body["response_format"]),
    topLogprobs:
      body["logprobs"] === true
        ? (readInt(body, "top_logprobs", { min: 0, max: TOP_LOGPROBS_MAX }) ?? 0)
        : undefined,
  };
}

function readBody(text: string): Wire {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Failure("invalid", "The body is not JSON.");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Failure("invalid", "The body must be a JSON object.");
  }
  return body as Wire;
}

function readMessages(value: unknown): Message[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid("messages", "must be a list with at least one message.");
  }
  if (value.length > MESSAGES_MAX) throw invalid("messages", `must be ${MESSAGES_MAX} at most.`);
  return value.map((message: unknown, index) => {
    const { role, content } = recordIn(message);
    if (typeof role !== "string") throw invalid(`messages[${index}].role`, "must be a string.");
    return { role, text: textIn(content) };
  });
}

/** The text of a message; parts that are no text are left out. */
function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => recordIn(part)["text"])
    .filter((text) => typeof text === "string")
    .join("\n");
}

function readTools(value: unknown): Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid("tools", "must be a list.");
  return value.map((tool: unknown, index) => {
    const { name, parameters } = recordIn(recordIn(tool)["function"]);
    if (typeof name !== "string")
      throw invalid(`tools[${index}].function.name`, "must be a string.");
    return { name, parameters };
  });
}

function readToolChoice(value: unknown): SandboxRequest["toolChoice"] {
  if (value === "none" || value === "required") return value;
  const { name } = recordIn(recordIn(value)["function"]);
  return typeof name === "string" ? { name } : "auto";
}

function readJsonSchema(value: unknown): unknown {
  const format = recordIn(value);
  if (format["type"] === "json_object") return {};
  if (format["type"] !== "json_schema") return undefined;
  return recordIn(format["json_schema"])["schema"] ?? {};
}

function readInt(
  body: Wire,
  field: string,
  bounds: { min: number; max: number },
): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value)) {
    if (value >= bounds.min && value <= bounds.max) return value;
  }
  throw invalid(field, `must be a whole number from ${bounds.min} to ${bounds.max}.`);
}

function recordIn(value: unknown): Wire {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Wire)
    : {};
}

function invalid(param: string, what: string): Failure {
  return new Failure("invalid", `${param} ${what}`, { param });
}
