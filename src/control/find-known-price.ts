/** What a maintained list knows of a model at one of our providers, for prices that nobody has said. */
import {
  findInGenaiPrices,
  GENAI_PRICES,
  type KnownModel,
  readProvider,
} from "../domains/catalog/index.ts";
import { Failure } from "../lib/errors.ts";
import { knownAt } from "../providers/known-providers/known-providers.ts";
import type { Control } from "./control.ts";

/** The list's id of one of our providers; undefined: the list knows it by its address, or not at all. */
export function listIdOf({ baseUrl }: { name: string; baseUrl: string }): string | undefined {
  const found = knownAt(baseUrl);
  return found?.endpoint.prices ?? found?.known.prices ?? undefined;
}

/** @throws Failure `invalid` that says what to type, when the list has no price of it: unknown is not free. */
export async function findKnownPrice(
  { database, sealKey, clock }: Control,
  asked: { provider: string; upstream: string; command: string },
): Promise<KnownModel> {
  const provider = await readProvider(database, { name: asked.provider, sealKey });
  const { baseUrl } = provider;
  const served = { listId: listIdOf(provider), baseUrl, upstreamModel: asked.upstream };
  const known = await findInGenaiPrices(served, clock.nowMs());
  if (known !== undefined) return known;
  throw new Failure(
    "invalid",
    `No price of '${asked.upstream}' at provider '${asked.provider}' is known (${GENAI_PRICES}), and nothing is free because ` +
      `its price is unknown. Say it: ${asked.command} --input-usd-per-mtok … --output-usd-per-mtok …`,
    { param: "input_usd_per_mtok", code: "price_unknown" },
  );
}
