/** Models that this machine serves itself: weights in the home, a runner for each, an entry in the catalog. */
import {
  assertModelKnown,
  createModel,
  createProvider,
  listProviders,
  type PriceTerms,
} from "../domains/catalog/index.ts";
import { type HostedModel, listHostedModels, pullModel } from "../domains/serving/index.ts";
import { Failure } from "../lib/errors.ts";
import { picosFromUsdPerMillion } from "../lib/money.ts";
import type { Database } from "../platform/db/database.ts";
import { megabytes, type Step } from "./screen.ts";

const ACTOR = "baseload up";
/** Hosted models are among the first providers of an installation. */
const PROVIDERS_MAX = 1_000;
const BAR_COLUMNS = 20;

/** What a hosted model costs until an operator sets another price: small, but enough to see the meter turn. */
const firstPrice = {
  input: "0.10",
  cachedInput: "0.025",
  output: "0.40",
} as const;

/** Half of it for lines of batches, as at most providers, so that a batch runs on the first day. */
const firstBatchPrice = { input: "0.05", cachedInput: "0.0125", output: "0.20" } as const;

const unitsOf = (price: typeof firstPrice | typeof firstBatchPrice) => ({
  uncached_input: picosFromUsdPerMillion(price.input, "input"),
  cache_read: picosFromUsdPerMillion(price.cachedInput, "cached input"),
  output_text: picosFromUsdPerMillion(price.output, "output"),
});

const firstTerms = (): PriceTerms => ({
  ...unitsOf(firstPrice),
  serviceTiers: { batch: unitsOf(firstBatchPrice) },
});

export type { HostedModel };
export { listHostedModels };

/** Fetches the weights; a model that is there already is returned at once. */
export async function fetchModel(options: {
  name: string;
  home: string;
  huggingFace: string | undefined;
  step: Step;
  signal: AbortSignal;
}): Promise<HostedModel> {
  const { name, home, step, signal, huggingFace } = options;
  return await pullModel({
    name,
    home,
    signal,
    ...(huggingFace === undefined ? {} : { endpoints: { huggingFace } }),
    onProgress(progress) {
      if (progress.kind === "trying") step.progress(`${name}: trying ${progress.source}`);
      if (progress.kind === "checking") step.progress(`${name}: checking the SHA-256`);
      if (progress.kind === "bytes") step.progress(`${name}: ${progressText(progress)}`);
    },
  });
}

/** `[#########···········]  47 %, 46.2 MB of 98.4 MB` */
function progressText({
  bytes,
  totalBytes,
}: {
  bytes: number;
  totalBytes: number | undefined;
}): string {
  if (!totalBytes) return megabytes(bytes);
  const part = Math.min(1, bytes / totalBytes);
  const full = Math.floor(part * BAR_COLUMNS);
  const bar = "#".repeat(full) + "·".repeat(BAR_COLUMNS - full);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${bar}] ${percent} %, ${megabytes(bytes)} of ${megabytes(totalBytes)}`;
}

/**
 * Puts the model into the catalog, or moves its provider to the runner's port of this start. A model that an
 * operator has removed from the offer, or gets elsewhere, is left as it is.
 *
 * @returns whether this machine is to serve it.
 */
export async function offerModel(
  database: Database,
  options: { model: HostedModel; port: number; sealKey: string; token: string },
): Promise<boolean> {
  const { model, port, sealKey, token } = options;
  const name = providerNameOf(model.name);
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const provider = await findProvider(database, name);
  const isKnown = await isModelKnown(database, model.name);
  if (isKnown && provider === undefined) return false;
  if (provider?.baseUrl !== baseUrl) {
    await createProvider(database, {
      name,
      dialect: "openai-chat",
      baseUrl,
      credential: token,
      allowPrivate: true,
      quirks: { usage_lookup: true },
      sealKey,
      actor: ACTOR,
      replace: true,
    });
  }
  if (isKnown) return true;
  await createModel(database, {
    name: model.name,
    provider: name,
    contextTokens: model.contextTokens,
    maxOutputTokens: model.contextTokens,
    ...(model.licence === undefined ? {} : { license: model.licence }),
    terms: firstTerms(),
    actor: ACTOR,
  });
  return true;
}

async function isModelKnown(database: Database, name: string): Promise<boolean> {
  try {
    await assertModelKnown(database, name);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.kind === "not_found") return false;
    throw error;
  }
}

async function findProvider(database: Database, name: string) {
  const { rows } = await listProviders(database, { limit: PROVIDERS_MAX });
  return rows.find((provider) => provider.name === name);
}

/** Providers have plainer names than models: `local-qwen-qwen3-0.6b`. */
const providerNameOf = (model: string): string =>
  `local-${model.toLowerCase().replace(/[^a-z0-9._-]/g, "-")}`.slice(0, 63);
