/** What is connected, offered and routed now: read once, before anything is changed. */

import { PAGE_LIMIT_MAX } from "../../../contract/fields.ts";
import { listModels, type Model } from "../../../contract/models.ts";
import { listProviders, type Provider } from "../../../contract/providers.ts";
import { listRoutes, type Route } from "../../../contract/routes.ts";
import type { ControlClient } from "../../control-client.ts";

export type Current = {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly models: ReadonlyMap<string, Model>;
  readonly routes: ReadonlyMap<string, Route>;
};

export async function readCurrent(control: ControlClient): Promise<Current> {
  const [providers, models, routes] = await Promise.all([
    readAll((query) => control.ask(listProviders, { query })),
    readAll((query) => control.ask(listModels, { query })),
    readAll((query) => control.ask(listRoutes, { query })),
  ]);
  return { providers: byName(providers), models: byName(models), routes: byName(routes) };
}

type Page<Row> = { readonly data: readonly Row[]; readonly next_after: string | null };

async function readAll<Row>(
  ask: (query: { limit: number; after?: string }) => Promise<Page<Row>>,
): Promise<Row[]> {
  const rows: Row[] = [];
  let after: string | null | undefined;
  do {
    const page = await ask({ limit: PAGE_LIMIT_MAX, ...(after == null ? {} : { after }) });
    rows.push(...page.data);
    after = page.next_after;
  } while (after !== null);
  return rows;
}

const byName = <Row extends { readonly name: string }>(rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row.name, row]));
