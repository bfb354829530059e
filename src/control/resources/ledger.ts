import * as contract from "../../contract/ledger.ts";
import { checkLedger } from "../../domains/ledger/index.ts";
import { type Route, route } from "../route.ts";

export const ledgerRoutes: readonly Route[] = [
  route(contract.checkLedger, async ({ database }) => {
    const report = await checkLedger(database);
    return {
      ok: report.ok,
      transfers: Number(report.transfers),
      entries: Number(report.entries),
      problems: report.problems,
    };
  }),
];
