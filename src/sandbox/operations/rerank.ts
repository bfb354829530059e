import { Failure } from "../../lib/errors.ts";
import { wordsIn } from "./embeddings.ts";
import {
  isOn,
  JSON_TYPE,
  jsonPart,
  numberIn,
  type OperationRequest,
  type PlanOperation,
  requiredText,
  tokensIn,
} from "./operation.ts";

const DOCUMENTS_PER_SEARCH_UNIT = 100;

/** By the share of the query's words that a document has. */
export const planRerank: PlanOperation = (request) => {
  const { fields, script, model } = request;
  const query = requiredText(request, "query");
  const documents = readDocuments(request);
  const wanted = new Set(wordsIn(query));
  const bounds = { min: 1, max: documents.length, usual: documents.length };
  const results = documents
    .map((text, index) => ({
      index,
      relevance_score: scoreOf(wanted, text),
      ...(isOn(fields["return_documents"]) ? { document: { text } } : {}),
    }))
    .sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, numberIn(request, "top_n", bounds));
  const searchUnits = Math.ceil(documents.length / DOCUMENTS_PER_SEARCH_UNIT);
  const tokens =
    script.prompt_tokens ??
    documents.reduce((sum, text) => sum + tokensIn(query) + tokensIn(text), 0);
  const told = {
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    meta: { billed_units: { search_units: searchUnits } },
  };
  return {
    contentType: JSON_TYPE,
    begun: {
      input: tokens,
      quantities: { uncached_input: tokens, search_units: searchUnits },
    },
    parts: [
      jsonPart({
        id: "rerank-sandbox",
        model,
        results,
        ...(script.omit_usage === true ? {} : told),
      }),
    ],
    isStream: false,
  };
};

function readDocuments({ fields }: OperationRequest): string[] {
  const { documents } = fields;
  if (!Array.isArray(documents) || documents.length === 0) {
    throw new Failure("invalid", "documents must be a list.", { param: "documents" });
  }
  return documents.map((document: unknown, index) => {
    if (typeof document === "string") return document;
    const text = (document as { text?: unknown } | null)?.text;
    if (typeof text === "string") return text;
    const param = `documents[${index}]`;
    throw new Failure("invalid", `${param} must be a text.`, { param });
  });
}

function scoreOf(wanted: ReadonlySet<string>, text: string): number {
  const found = new Set(wordsIn(text).filter((word) => wanted.has(word)));
  return wanted.size === 0 ? 0 : found.size / wanted.size;
}
