import * as contract from "../../contract/prices.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { formatTable, formatTime, formatUsd } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";
import { type FurtherPriceFlags, toFurtherPrices } from "./price-flags.ts";

type NewPrice = FurtherPriceFlags & {
  readonly model: string;
  readonly "input-usd-per-mtok": string;
  readonly "output-usd-per-mtok": string;
  readonly "valid-from": string | undefined;
};

export async function setPrice(flags: NewPrice, context: CommandContext): Promise<Report> {
  const price = await context.control().ask(contract.setPrice, {
    body: {
      model: flags.model,
      input_usd_per_mtok: flags["input-usd-per-mtok"],
      output_usd_per_mtok: flags["output-usd-per-mtok"],
      ...toFurtherPrices(flags),
      valid_from: flags["valid-from"],
    },
  });
  return {
    json: price,
    text: `Price version ${price.id} of ${price.model} holds from ${formatTime(price.valid_from)}.\n`,
  };
}

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
      { title: "from", cell: (row) => formatTime(row.valid_from) },
      { title: "to", cell: (row) => formatTime(row.valid_to) },
      { title: "input/Mtok", cell: (row) => formatUsd(row.input_usd_per_mtok), align: "right" },
      {
        title: "cached/Mtok",
        cell: (row) => formatUsd(row.cached_input_usd_per_mtok),
        align: "right",
      },
      { title: "output/Mtok", cell: (row) => formatUsd(row.output_usd_per_mtok), align: "right" },
      { title: "request", cell: (row) => formatUsd(row.request_usd), align: "right" },
    ],
    "No prices yet. Set one with: baseload price set MODEL",
  );
  return { json: answer, text: table + morePages(answer) };
}
