import * as contract from "../../contract/models.ts";
import { capabilityNames, modalityNames } from "../../lib/abilities.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatFacts, formatTable, formatUsd } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";
import { sayPrice } from "./prices.ts";
import { type PriceFlags, readPrice } from "./read-price.ts";

type DeploymentFlags = {
  readonly name: string;
  readonly provider: string;
  readonly upstream: string | undefined;
};

type NewModel = DeploymentFlags &
  PriceFlags &
  ModelFacts & {
    readonly "price-file": string | undefined;
    readonly "listed-as": string | undefined;
    readonly "without-price": boolean;
  };

type ModelFacts = {
  readonly "context-tokens": number | undefined;
  readonly "max-output-tokens": number | undefined;
  readonly capability: readonly string[];
  readonly modality: readonly string[];
  readonly license: string | undefined;
};

export async function addModel(flags: NewModel, context: CommandContext): Promise<Report> {
  const { valid_from: _, ...given } = await readPrice(flags, {
    ...{ flag: "price-file", path: flags["price-file"] },
  });
  const model = await context.control().ask(contract.createModel, {
    body: {
      ...given,
      name: flags.name,
      provider: flags.provider,
      upstream: flags.upstream,
      listed_as: flags["listed-as"],
      without_price: flags["without-price"] || undefined,
      context_tokens: flags["context-tokens"],
      max_output_tokens: flags["max-output-tokens"],
      capabilities: readAbilities("capability", flags.capability, capabilityNames) ?? undefined,
      modalities: readAbilities("modality", flags.modality, modalityNames) ?? undefined,
      license: flags.license,
    },
  });
  return { json: model, text: sayOffered(model, model.notes) };
}

function sayOffered({ name, price }: contract.Model, notes: readonly string[]): string {
  if (price === null) {
    return `Model ${name} is offered. It has no price yet, so calls are refused. Set one with: baseload price set ${name}\n`;
  }
  const lines = [
    `Model ${name} is offered at ${sayPrice(price)}.`,
    ...notes,
    // What writes no tokens does not chat.
    ...(price.output_usd_per_mtok === null ? [] : [`Try it with: baseload chat --model ${name}`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

export async function setModel(
  flags: ModelFacts & { readonly name: string },
  context: CommandContext,
): Promise<Report> {
  const model = await context.control().ask(contract.setModel, {
    params: { name: flags.name },
    body: {
      context_tokens: flags["context-tokens"],
      max_output_tokens: flags["max-output-tokens"],
      capabilities: readAbilities("capability", flags.capability, capabilityNames),
      modalities: readAbilities("modality", flags.modality, modalityNames),
      license: flags.license,
    },
  });
  const say = (abilities: readonly string[] | null) =>
    abilities === null ? "unknown" : abilities.join(", ") || "none";
  const facts = formatFacts({
    context: model.context_tokens,
    "max output": model.max_output_tokens,
    capabilities: say(model.capabilities),
    modalities: say(model.modalities),
    license: model.license,
  });
  return { json: model, text: facts };
}

/** Undefined: not given. Null: `unknown`. */
function readAbilities<Name extends string>(
  flag: string,
  given: readonly string[],
  known: readonly Name[],
): Name[] | null | undefined {
  const alone = given.find((word) => word === "none" || word === "unknown");
  if (alone !== undefined && given.length > 1) {
    throw new UsageError(`--${flag} ${alone} stands alone; leave the others out.`);
  }
  if (alone === "unknown") return null;
  return given.length === 0 ? undefined : known.filter((name) => given.includes(name));
}

export async function deployModel(
  flags: DeploymentFlags,
  context: CommandContext,
): Promise<Report> {
  const model = await context.control().ask(contract.addDeployment, {
    params: { name: flags.name },
    body: { provider: flags.provider, upstream: flags.upstream },
  });
  return { json: model, text: `${model.name} is now served by: ${servedBy(model)}.\n` };
}

export async function listModels(page: PageFlags, context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listModels, { query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "name", cell: (row) => row.name },
      { title: "served by", cell: servedBy },
      { title: "input/Mtok", cell: (row) => priceOf(row, "input_usd_per_mtok"), align: "right" },
      {
        title: "cached/Mtok",
        cell: (row) => priceOf(row, "cached_input_usd_per_mtok"),
        align: "right",
      },
      { title: "output/Mtok", cell: (row) => priceOf(row, "output_usd_per_mtok"), align: "right" },
      { title: "context", cell: (row) => row.context_tokens, align: "right" },
      { title: "max output", cell: (row) => row.max_output_tokens, align: "right" },
      { title: "license", cell: (row) => row.license },
    ],
    "No models yet. Offer one with: baseload model add",
  );
  return { json: answer, text: table + morePages(answer) };
}

const servedBy = (model: contract.Model): string =>
  model.deployments.map(({ provider }) => provider).join(", ");

type PriceField = "input_usd_per_mtok" | "cached_input_usd_per_mtok" | "output_usd_per_mtok";

const priceOf = (model: contract.Model, field: PriceField): string =>
  model.price === null ? "no price" : usdOrNone(model.price[field]);

const usdOrNone = (usd: string | null): string => (usd === null ? "" : formatUsd(usd));

export async function removeModel(name: string, context: CommandContext): Promise<Report> {
  const model = await context.control().ask(contract.removeModel, { params: { name } });
  return { json: model, text: `Model ${model.name} is no longer offered.\n` };
}
