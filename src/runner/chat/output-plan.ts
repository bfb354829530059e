/** What the answer to a request may look like: free text, one JSON object, or calls of functions. */
import type { GbnfJsonSchema } from "node-llama-cpp";
import { ANY_OBJECT, toObjectGrammar } from "./json-schema.ts";
import type { ChatRequest, ChatTool } from "./read-chat-request.ts";

export type OutputPlan =
  | { kind: "text" }
  | { kind: "json"; schema: GbnfJsonSchema }
  /** `forced`: the answer is one call; otherwise the model decides between text and calls. */
  | { kind: "tools"; schema: GbnfJsonSchema; forced: boolean; parallel: boolean };

export function planOutput(request: ChatRequest): OutputPlan {
  const tools = request.tools ?? [];
  const choice = request.tool_choice ?? "auto";
  if (tools.length > 0 && choice !== "none") {
    const named = typeof choice === "object" ? choice.function.name : undefined;
    const callable = tools
      .map((tool, index) => ({ tool, index }))
      .filter(({ tool }) => named === undefined || tool.function.name === named);
    return {
      kind: "tools",
      schema: { oneOf: callable.map(({ tool, index }) => callSchema(tool, index)) },
      forced: choice !== "auto",
      parallel: request.parallel_tool_calls ?? true,
    };
  }
  const format = request.response_format;
  if (format?.type === "json_object") return { kind: "json", schema: ANY_OBJECT };
  if (format?.type !== "json_schema") return { kind: "text" };
  const { schema, strict } = format.json_schema;
  if (schema === null || schema === undefined) return { kind: "json", schema: ANY_OBJECT };
  const param = "response_format.json_schema.schema";
  return { kind: "json", schema: toObjectGrammar(schema, { param, strict: strict ?? false }) };
}

function callSchema(tool: ChatTool, index: number): GbnfJsonSchema {
  const { name, parameters, strict } = tool.function;
  const param = `tools[${index}].function.parameters`;
  return {
    type: "object",
    properties: {
      name: { const: name },
      arguments:
        parameters === null || parameters === undefined || Object.keys(parameters).length === 0
          ? ANY_OBJECT
          : toObjectGrammar(parameters, { param, strict: strict ?? false }),
    },
  };
}
