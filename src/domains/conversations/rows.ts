/** The one translation between rows and records, and the columns that it needs. */
import type { JsonObject } from "../../lib/json.ts";
import type { Item, NewResponse, ResponseStatus, StoredResponse } from "./response.ts";

export type ResponseRow = {
  organization_id: bigint;
  project_id: bigint;
  response_id: string;
  key_id: string;
  status: ResponseStatus;
  job_id: string | null;
  request: string | null;
  previous_response_id: string | null;
  conversation_id: string | null;
  input: string;
  output: string;
  response: string;
  created_at: Date;
  expires_at: Date;
};

export const responseColumns = `organization_id, project_id, response_id, key_id, status, job_id, request,
  previous_response_id, conversation_id, input, output, response, created_at, expires_at`;

export const toStored = (row: ResponseRow): StoredResponse => ({
  organizationId: row.organization_id,
  projectId: row.project_id,
  responseId: row.response_id,
  keyId: row.key_id,
  status: row.status,
  jobId: row.job_id,
  request: row.request,
  previousResponseId: row.previous_response_id,
  conversationId: row.conversation_id,
  input: JSON.parse(row.input) as Item[],
  response: {
    ...(JSON.parse(row.response) as JsonObject),
    status: row.status,
    output: JSON.parse(row.output) as JsonObject[],
  },
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

export type Parts = { output: readonly JsonObject[]; outputText: string; responseText: string };

export function toParts({ response }: Pick<NewResponse, "response">): Parts {
  const { output, ...rest } = response;
  const items = Array.isArray(output) ? (output as JsonObject[]) : [];
  return { output: items, outputText: JSON.stringify(items), responseText: JSON.stringify(rest) };
}
