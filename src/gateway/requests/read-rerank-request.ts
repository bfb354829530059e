/** Bytes → a validated request for reranking. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import { RerankExchange } from "../../providers/operations/rerank.ts";
import type { CallRequest, ReadCallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { Model, operationRequest } from "./operation-request.ts";
import { readJsonBody } from "./read-json.ts";
import { BYTES_PER_TOKEN, IMAGE_TOKENS_MAX, TEMPLATE_TOKENS_MAX } from "./token-bounds.ts";

/** As Cohere has it; others take a tenth. */
const DOCUMENTS_MAX = 10_000;
/** A search unit is a query with so many pieces of documents. https://cohere.com/pricing */
const PIECES_PER_SEARCH_UNIT = 100;
/** Long documents are ranked in pieces of 500 tokens, of which a long query leaves half. */
const PIECE_TOKENS_MIN = 250;
const PIECE_TOKENS_USUAL = 500;

const Document = z.union([z.string(), z.looseObject({ text: z.string().optional() })], {
  error: "expected a text or an object with a text",
});

const Body = z.looseObject({
  model: Model,
  query: z.union([z.string().min(1), z.looseObject({})], { error: "expected a text" }),
  documents: z.array(Document).min(1).max(DOCUMENTS_MAX),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
});

export const readRerankRequest: ReadCallRequest = async (call, limits): Promise<CallRequest> => {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const { model, query, documents } = parsed.data;
  if (body["stream"] === true) {
    throw new Failure("invalid", "Reranking has no streams.", { param: "stream" });
  }
  const lengths = documents.map(bytesOf);
  const documentBytes = lengths.reduce((sum, length) => sum + length, 0);
  // The query and whatever else is said go with every piece of every document.
  const beside = Math.max(bytes.length - documentBytes, 0);
  const pictures = documents.filter((one) => typeof one === "object" && one.text === undefined);
  const pieces = piecesOf(lengths, PIECE_TOKENS_MIN);
  const usual = piecesOf(lengths.map(tokensOf), PIECE_TOKENS_USUAL);
  return operationRequest(call, {
    operation: "rerank",
    model,
    exchange: new RerankExchange(body),
    body,
    text: typeof query === "string" ? query : "",
    inputTokensMax:
      documentBytes + pieces * (beside + TEMPLATE_TOKENS_MAX) + pictures.length * IMAGE_TOKENS_MAX,
    contexts: Number.POSITIVE_INFINITY,
    fixed: { search_units: Math.ceil(pieces / PIECES_PER_SEARCH_UNIT) },
    counted: [
      { search_units: Math.ceil(usual / PIECES_PER_SEARCH_UNIT) },
      { uncached_input: tokensOf(documentBytes) + usual * tokensOf(JSON.stringify(query).length) },
    ],
  });
};

const bytesOf = (document: z.infer<typeof Document>): number =>
  Buffer.byteLength(typeof document === "string" ? document : JSON.stringify(document));

const tokensOf = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN);

/** A token is at least one byte. */
const piecesOf = (lengths: readonly number[], pieceTokens: number): number =>
  lengths.reduce((sum, length) => sum + Math.max(Math.ceil(length / pieceTokens), 1), 0);
