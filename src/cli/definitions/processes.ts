/** The processes that `up` starts, each by itself: for containers, and for more machines than one. */
import { type Command, defineCommand } from "../grammar/command.ts";
import { configFields, startedByMain } from "./started-by-main.ts";

const processes: readonly (readonly [name: string, summary: string])[] = [
  ["gateway", "Start one gateway process: the data plane"],
  ["control", "Start the control plane"],
  ["worker", "Start the worker: it posts journals to the ledger"],
  ["sandbox", "Start the sandbox: simulated models for test keys"],
  ["runner", "Start the runner of the hosted model"],
];

export const processCommands: readonly Command[] = processes.map(([name, summary]) =>
  defineCommand({
    name,
    summary,
    detail: "It runs until Ctrl-C or SIGTERM, and then drains and stops.",
    positionals: {},
    flags: {},
    furtherFlags: configFields,
    examples: [`baseload ${name} --log-level debug`],
    run: () => startedByMain(name),
  }),
);
