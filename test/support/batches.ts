/** Batches by the real SDK: an input made of lines, created, polled to its end, its results read. */
import type OpenAI from "openai";
import { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import type { Stack } from "./stack.ts";
import { until } from "./until.ts";

export type Line = { custom_id?: unknown; method?: unknown; url?: unknown; body?: unknown };

export const line = (id: string, body: object, more: Line = {}): Line => ({
  custom_id: id,
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "sim", messages: [{ role: "user", content: `Hello ${id}` }], ...body },
  ...more,
});

export const toJsonl = (lines: readonly (Line | string)[]): string =>
  lines.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");

export async function submit(
  client: OpenAI,
  lines: readonly (Line | string)[],
  more: Partial<OpenAI.BatchCreateParams> = {},
): Promise<Batch> {
  const file = await toFile(Buffer.from(toJsonl(lines)), "input.jsonl");
  const { id } = await client.files.create({ file, purpose: "batch" });
  return await client.batches.create({
    input_file_id: id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    ...more,
  });
}

const endings = ["completed", "failed", "expired", "cancelled"];

export const untilEnded = (
  stack: Stack,
  client: OpenAI,
  batch: Pick<Batch, "id">,
): Promise<Batch> =>
  until(
    "that the batch has ended",
    async () => {
      const found = await client.batches.retrieve(batch.id);
      return endings.includes(found.status) ? found : undefined;
    },
    { describe: () => stack.logged.slice(-20) },
  );

export type Result = {
  id: string;
  custom_id: string;
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null;
  error: { code: string; message: string } | null;
};

export async function readResults(client: OpenAI, fileId: string | undefined): Promise<Result[]> {
  if (fileId == null) return [];
  const text = await (await client.files.content(fileId)).text();
  return text
    .split("\n")
    .filter((one) => one !== "")
    .map((one) => JSON.parse(one) as Result);
}

export const textOf = (result: Result | undefined): unknown =>
  (result?.response?.body as OpenAI.ChatCompletion | undefined)?.choices[0]?.message.content;

/** As the database has it. */
export const uuidOf = (batchId: string): string =>
  batchId.slice("batch_".length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
