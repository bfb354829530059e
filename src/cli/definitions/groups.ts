/** Every command, in the order of the help: what one needs first comes first. */
import type { Command } from "../grammar/command.ts";
import { accountCommands } from "./accounts.ts";
import { batchCommands } from "./batches.ts";
import { cacheCommands } from "./caches.ts";
import { callCommands } from "./calls.ts";
import { catalogCommands } from "./catalog.ts";
import { importCommands } from "./imports.ts";
import { limitCommands } from "./limits.ts";
import { moneyCommands } from "./money.ts";
import { platformCommands } from "./platform.ts";
import { processCommands } from "./processes.ts";
import { requestLogCommands } from "./request-log.ts";
import { routingCommands } from "./routing.ts";

export type CommandGroup = { readonly title: string; readonly commands: readonly Command[] };

export const commandGroups: readonly CommandGroup[] = [
  { title: "The platform", commands: platformCommands },
  { title: "Who may call", commands: [...accountCommands, ...limitCommands, ...cacheCommands] },
  { title: "What may be called", commands: catalogCommands },
  { title: "Where calls go", commands: routingCommands },
  { title: "Coming from elsewhere", commands: importCommands },
  { title: "Calls", commands: [...callCommands, ...batchCommands, ...requestLogCommands] },
  { title: "Money", commands: moneyCommands },
  { title: "Processes that `up` starts, one by one", commands: processCommands },
];

export const allCommands: readonly Command[] = commandGroups.flatMap((group) => group.commands);
