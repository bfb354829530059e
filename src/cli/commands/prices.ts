import * as contract from "../../contract/prices.ts";
import { systemClock } from "../../lib/clock.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatCount, formatTable, formatTime, formatUsd } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";
import { type PriceFlags, readPrice } from "./read-price.ts";

type NewPrice = PriceFlags & {
  readonly model: string;
  readonly file: string | undefined;
  readonly "from-list": boolean;
  readonly provider: string | undefined;
  readonly upstream: string | undefined;
  readonly "valid-from": string | undefined;
};

export async function setPrice(flags: NewPrice, context: CommandContext): Promise<Report> {
  const { valid_from, ...given } = await readPrice(flags, { flag: "file", path: flags.file });
  const price = await context.control().ask(contract.setPrice, {
    body: {
      ...given,
      model: flags.model,
      provider: flags.provider,
      upstream: flags.upstream,
      from_list: flags["from-list"] || undefined,
      valid_from: flags["valid-from"] ?? valid_from,
    },
  });
  return {
    json: price,
    text: `Price version ${price.id} of ${price.model} holds from ${formatTime(price.valid_from)}: ${sayPrice(price)}.\n`,
  };
}

/** `$0.25 in, $2.00 out per Mtok (genai-prices 0.1.8); also: batch`. */
export function sayPrice(price: contract.Price): string {
  const parts = [
    ...(price.input_usd_per_mtok === null ? [] : [`${usd(price.input_usd_per_mtok)} in`]),
    ...(price.output_usd_per_mtok === null ? [] : [`${usd(price.output_usd_per_mtok)} out`]),
  ];
  const tokens = parts.length === 0 ? [] : [`${parts.join(", ")} per Mtok`];
  const pieces = pieceNames
    .filter(({ field }) => price[field] !== null)
    .map(({ field, title }) => `${usd(price[field])} ${title}`);
  const whose = price.provider === null ? "" : `, charged by ${price.provider}`;
  const tiers = sayTiers(price);
  const also = tiers === "" ? "" : `; also: ${tiers}`;
  return `${[...tokens, ...pieces].join(", ")} (${price.source})${whose}${also}`;
}

const pieceNames = [
  { field: "image_usd", title: "per image" },
  { field: "usd_per_audio_second", title: "per second of speech" },
  { field: "usd_per_mcharacter", title: "per million characters" },
  { field: "usd_per_search", title: "per search" },
] as const;

const usd = (text: string | null): string => (text === null ? "" : formatUsd(text));

const above = (tier: { above_input_tokens: number }): string =>
  `above ${formatCount(tier.above_input_tokens)}`;

const sayTiers = (price: contract.Price): string =>
  [...price.context_tiers.map(above), ...Object.keys(price.service_tiers)].join(", ");

export async function listPrices(
  flags: PageFlags & { readonly model: string | undefined },
  context: CommandContext,
): Promise<Report> {
  const answer = await context.control().ask(contract.listPrices, { query: flags });
  const table = formatTable(
    answer.data,
    [
      { title: "id", cell: (row) => row.id, align: "right" },
      { title: "model", cell: (row) => row.model },
      { title: "paid to", cell: (row) => row.provider ?? "us" },
      { title: "from", cell: (row) => formatTime(row.valid_from) },
      { title: "to", cell: (row) => formatTime(row.valid_to) },
      { title: "input/Mtok", cell: (row) => usd(row.input_usd_per_mtok), align: "right" },
      { title: "cached/Mtok", cell: (row) => usd(row.cached_input_usd_per_mtok), align: "right" },
      { title: "output/Mtok", cell: (row) => usd(row.output_usd_per_mtok), align: "right" },
      { title: "tiers", cell: sayTiers },
      { title: "source", cell: (row) => row.source },
    ],
    "No prices yet. Set one with: baseload price set MODEL",
  );
  return { json: answer, text: table + morePages(answer) };
}

/** What holds and what is announced lies among the newest versions. */
const SHOWN_VERSIONS_MAX = 1_000;

/** Everything that a model costs now or will, tier beside tier. */
export async function showPrice(model: string, context: CommandContext): Promise<Report> {
  const answer = await context
    .control()
    .ask(contract.listPrices, { query: { model, limit: SHOWN_VERSIONS_MAX } });
  const now = new Date(systemClock.nowMs()).toISOString();
  const prices = answer.data.filter(({ valid_to }) => valid_to === null || valid_to > now);
  const text = prices.map(showVersion).join("\n");
  const none = `${model} has no price, so calls are refused. Set one with: baseload price set ${model}\n`;
  return { json: { data: prices }, text: text === "" ? none : text };
}

function showVersion(price: contract.Price): string {
  const whose = price.provider === null ? "what callers pay" : `what ${price.provider} charges us`;
  const until = price.valid_to === null ? "" : ` to ${formatTime(price.valid_to)}`;
  const head = `${price.model}, ${whose}: version ${price.id}, from ${formatTime(price.valid_from)}${until}, ${price.source}\n`;
  const tiers = [
    ...columnsOf("standard", price),
    ...Object.entries(price.service_tiers).flatMap(([name, tier]) =>
      tier === undefined ? [] : columnsOf(name, tier),
    ),
  ];
  const rows = contract.priceFieldNames.filter((field) =>
    tiers.some(({ units }) => units[field] !== null),
  );
  return (
    head +
    formatTable(
      rows,
      [
        { title: "price", cell: (field) => field.replaceAll("_", " ") },
        ...tiers.map(({ title, units }) => ({
          title,
          cell: (field: contract.PriceField) => usd(units[field]),
          align: "right" as const,
        })),
      ],
      "",
    )
  );
}

type Units = Record<contract.PriceField, string | null>;

const columnsOf = (name: string, tier: contract.TierPrice): { title: string; units: Units }[] => [
  { title: name, units: tier },
  ...tier.context_tiers.map((context) => ({ title: `${name} ${above(context)}`, units: context })),
];

type ImportFlags = {
  readonly provider: string | undefined;
  readonly costs: boolean;
  readonly "dry-run": boolean;
};

export async function importPrices(flags: ImportFlags, context: CommandContext): Promise<Report> {
  const isDryRun = flags["dry-run"];
  const answer = await context.control().ask(contract.importPrices, {
    body: { provider: flags.provider, costs: flags.costs, dry_run: isDryRun },
  });
  const table = formatTable(
    answer.data,
    [
      { title: "model", cell: (row) => row.model },
      { title: "provider", cell: (row) => row.provider },
      { title: "paid to", cell: (row) => (row.of === "callers" ? "us" : row.provider) },
      { title: "in the list", cell: (row) => row.list_model },
      { title: "state", cell: (row) => states[row.state] },
      { title: "begins", cell: (row) => row.valid_from.map(formatTime).join(", ") },
    ],
    "No models to compare. Offer one with: baseload model add",
  );
  const versions = answer.data.reduce((sum, row) => sum + row.valid_from.length, 0);
  const done = isDryRun ? "would be added; nothing was changed" : "added";
  return {
    json: answer,
    text: `${table}${formatCount(versions)} ${versions === 1 ? "version" : "versions"} ${done} (${answer.source}).\n`,
  };
}

const states: Record<contract.ImportedPrice["state"], string> = {
  changed: "changed",
  unchanged: "as in the list",
  own: "set by an operator",
  unpriced: "without a price",
  unknown: "not in the list",
};
