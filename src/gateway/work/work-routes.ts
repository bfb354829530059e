/** What jobs may ask for: the paths of the data plane whose calls are answered in one piece. */
import { chatCompletions } from "../endpoints/chat-completions.ts";
import { embeddings } from "../endpoints/embeddings.ts";
import { imageGenerations } from "../endpoints/images.ts";
import { messages } from "../endpoints/messages.ts";
import { moderations } from "../endpoints/moderations.ts";
import { rerank } from "../endpoints/rerank.ts";
import { createResponse } from "../endpoints/responses.ts";
import type { Answering } from "../handle.ts";

export const workRoutes: Readonly<Record<string, Answering>> = {
  "/v1/chat/completions": { endpoint: chatCompletions, dialect: "openai-chat" },
  "/v1/responses": { endpoint: createResponse, dialect: "openai-responses" },
  "/v1/embeddings": { endpoint: embeddings, dialect: "openai-chat" },
  "/v1/moderations": { endpoint: moderations, dialect: "openai-chat" },
  "/v1/rerank": { endpoint: rerank, dialect: "openai-chat" },
  "/v1/images/generations": { endpoint: imageGenerations, dialect: "openai-chat" },
  "/v1/messages": { endpoint: messages, dialect: "anthropic-messages" },
};
