/**
 * The models of this machine: one folder each under `models/`, with the weights and a record beside them.
 * The record is written last, so a folder without one is not a model.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import type { SamplingDefaults } from "./known-models.ts";

export type HostedModel = {
  name: string;
  /** Absolute path of the GGUF file: in the model's folder, or where its owner keeps it. */
  path: string;
  sizeBytes: number;
  sha256: string;
  architecture: string;
  /** The context the model was trained with, in tokens. */
  contextTokens: number;
  licence: string | undefined;
  licenceUrl: string | undefined;
  /** Where the weights came from, in words. */
  source: string;
  sampling: SamplingDefaults;
  /** ISO 8601, UTC. */
  addedAt: string;
};

const RECORD = "model.json";
/** Enough for any machine; bounds the listing. */
const MODELS_MAX = 1_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$/;

const recordSchema = z.object({
  name: z.string(),
  /** Relative to the model's folder while it lies there, so that a home can be moved. */
  file: z.string(),
  size_bytes: z.int().positive(),
  sha256: z.string(),
  architecture: z.string(),
  context_tokens: z.int().positive(),
  licence: z.string().nullable(),
  licence_url: z.string().nullable(),
  source: z.string(),
  sampling: z.object({
    temperature: z.number().optional(),
    top_p: z.number().optional(),
    top_k: z.number().optional(),
  }),
  added_at: z.string(),
});
type ModelRecord = z.infer<typeof recordSchema>;

export const modelsFolder = (home: string): string => join(home, "models");

/** A name may hold `/` and `:`; a folder's name may not. */
export function modelFolder(home: string, name: string): string {
  if (!NAME.test(name)) {
    throw new Failure(
      "invalid",
      `'${name}' is not a model name: use letters, digits and . _ : / @ -, at most 127, beginning with a letter or a digit.`,
      { param: "name" },
    );
  }
  return join(modelsFolder(home), encodeURIComponent(name));
}

/** Undefined when there is no such model, or its weights are gone or have another size than recorded. */
export async function readHostedModel(
  home: string,
  name: string,
): Promise<HostedModel | undefined> {
  const folder = modelFolder(home, name);
  const record = await readRecord(join(folder, RECORD));
  if (record === undefined) return undefined;
  const model = fromRecord(record, folder);
  const sizeBytes = await stat(model.path).then(
    (file) => file.size,
    () => undefined,
  );
  return sizeBytes === model.sizeBytes ? model : undefined;
}

export async function listHostedModels(home: string): Promise<HostedModel[]> {
  const folders = await readdir(modelsFolder(home)).catch(() => []);
  const names = folders.sort().slice(0, MODELS_MAX).map(toName);
  const models = await Promise.all(
    names.map((name) => (NAME.test(name) ? readHostedModel(home, name) : undefined)),
  );
  return models.filter((model) => model !== undefined);
}

/** True when there was such a model. Weights that lie outside the home stay where they are. */
export async function removeHostedModel(home: string, name: string): Promise<boolean> {
  const folder = modelFolder(home, name);
  const existed = (await readRecord(join(folder, RECORD))) !== undefined;
  await rm(folder, { recursive: true, force: true });
  return existed;
}

export async function writeHostedModel(home: string, model: HostedModel): Promise<void> {
  const folder = modelFolder(home, model.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `${RECORD}.draft`);
  await writeFile(draft, `${JSON.stringify(toRecord(model, folder), null, 2)}\n`, { mode: 0o600 });
  await rename(draft, join(folder, RECORD));
}

async function readRecord(path: string): Promise<ModelRecord | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Failure(
      "conflict",
      `${path} cannot be understood. Delete its folder and pull the model again.`,
      { cause },
    );
  }
}

function fromRecord(record: ModelRecord, folder: string): HostedModel {
  const { temperature, top_p, top_k } = record.sampling;
  return {
    name: record.name,
    path: isAbsolute(record.file) ? record.file : join(folder, record.file),
    sizeBytes: record.size_bytes,
    sha256: record.sha256,
    architecture: record.architecture,
    contextTokens: record.context_tokens,
    licence: record.licence ?? undefined,
    licenceUrl: record.licence_url ?? undefined,
    source: record.source,
    sampling: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(top_p === undefined ? {} : { topP: top_p }),
      ...(top_k === undefined ? {} : { topK: top_k }),
    },
    addedAt: record.added_at,
  };
}

function toRecord(model: HostedModel, folder: string): ModelRecord {
  const { temperature, topP, topK } = model.sampling;
  const inside = model.path.startsWith(`${folder}/`);
  return {
    name: model.name,
    file: inside ? model.path.slice(folder.length + 1) : model.path,
    size_bytes: model.sizeBytes,
    sha256: model.sha256,
    architecture: model.architecture,
    context_tokens: model.contextTokens,
    licence: model.licence ?? null,
    licence_url: model.licenceUrl ?? null,
    source: model.source,
    sampling: { temperature, top_p: topP, top_k: topK },
    added_at: model.addedAt,
  };
}

function toName(folder: string): string {
  try {
    return decodeURIComponent(folder);
  } catch {
    return "";
  }
}
