/** Providers whose reranking speaks otherwise, and what their words mean. */
import type { JsonObject } from "../../lib/json.ts";
import { listIn } from "../dialects/openai-chat/wire.ts";
import { untranslatable } from "../neutral/prompt.ts";
import type { Quirks } from "../upstream.ts";
import { recordIn } from "./counts.ts";

export type RerankShape = {
  /** @throws Failure `UNTRANSLATABLE` */
  encode(request: JsonObject): JsonObject;
  /** In the common shape; undefined when it is no answer. The same object where nothing had to be said otherwise. */
  decode(answer: JsonObject, request: JsonObject): JsonObject | undefined;
};

/** What the common shape documents; everything else is sent on as it is. */
const COMMON = ["model", "query", "documents", "top_n", "return_documents"];

export const rerankShapes: Readonly<Record<NonNullable<Quirks["rerank_shape"]>, RerankShape>> = {
  /** https://docs.cohere.com/v2/reference/rerank: texts only, and they do not come back. */
  cohere: {
    encode: ({ return_documents: _, ...request }) => ({ ...request, documents: textsOf(request) }),
    decode: (answer, request) =>
      request["return_documents"] === true
        ? { ...answer, results: withDocuments(listIn(answer["results"]), request) }
        : answer,
  },
  /** vLLM's `/score`: each document is a pair with the query. https://docs.vllm.ai/en/stable/models/pooling_models.html */
  score: {
    encode: (request) => ({
      ...extraOf(request),
      text_1: request["query"],
      text_2: textsOf(request),
    }),
    decode: (answer, request) => {
      const { data, object: _, ...rest } = answer;
      if (!Array.isArray(data)) return undefined;
      const results = listIn(data)
        .map(({ index, score }) => ({ index, relevance_score: score }))
        .toSorted((a, b) => Number(b.relevance_score) - Number(a.relevance_score))
        .slice(0, Number(request["top_n"] ?? data.length));
      return { ...rest, results: documented(results, request) };
    },
  },
  /** DashScope's own API. https://www.alibabacloud.com/help/en/model-studio/text-rerank-api */
  dashscope: {
    encode: (request) => ({
      input: { query: request["query"], documents: request["documents"] },
      parameters: {
        ...extraOf(request),
        ...(request["top_n"] == null ? {} : { top_n: request["top_n"] }),
        return_documents: request["return_documents"] === true,
      },
    }),
    decode: ({ request_id: id, output, usage }) => {
      const { results } = recordIn(output);
      return Array.isArray(results) ? { id, results, usage } : undefined;
    },
  },
};

const extraOf = (request: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(request).filter(([name]) => !COMMON.includes(name)));

function textsOf(request: JsonObject): string[] {
  const documents = request["documents"] as unknown[];
  return documents.map((document) => {
    if (typeof document === "string") return document;
    const { text, ...others } = recordIn(document);
    if (typeof text === "string" && Object.keys(others).length === 0) return text;
    throw untranslatable("documents", "it ranks texts only");
  });
}

const documented = (results: JsonObject[], request: JsonObject): JsonObject[] =>
  request["return_documents"] === true ? withDocuments(results, request) : results;

function withDocuments(results: JsonObject[], request: JsonObject): JsonObject[] {
  const texts = textsOf(request);
  return results.map((result) => ({
    ...result,
    document: { text: texts[Number(result["index"])] },
  }));
}
