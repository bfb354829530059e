/** What the command answers: each setting by its line, then each step. */
import type { Report } from "../grammar/command.ts";
import { formatTable } from "../output/format.ts";
import type { Outcome } from "./carry-out/carry-out.ts";
import type { Fate, Finding } from "./config/findings.ts";
import { sayStep } from "./plan/steps.ts";
import type { Translation } from "./translate.ts";

/** @param outcomes undefined: a dry run, nothing was done */
export function toReport(
  file: string,
  { findings, steps }: Translation,
  outcomes: readonly Outcome[] | undefined,
): Report {
  const count = (fate: Fate) => findings.filter((finding) => finding.fate === fate).length;
  const counts = { taken: count("taken"), ignored: count("ignored"), refused: count("refused") };
  const done = outcomes ?? steps.map(toPlanned);
  const open = (outcomes ?? []).filter(({ state }) => state !== "done" && state !== "unchanged");
  const isComplete = counts.refused === 0 && open.length === 0;
  const json = {
    file,
    dry_run: outcomes === undefined,
    complete: isComplete,
    ...counts,
    settings: findings,
    steps: done,
  };
  const text = [
    `${file}, setting by setting:\n\n`,
    settingsTable(findings),
    `\n${outcomes === undefined ? "What would be done" : "What was done"}:\n\n`,
    stepsTable(done),
    `\n${summary(counts, open.length, outcomes)}\n`,
  ].join("");
  return { json, text, refused: !isComplete };
}

type Line = Omit<Outcome, "state"> & { readonly state: Outcome["state"] | "planned" };

const toPlanned = (step: Translation["steps"][number]): Line => ({
  ...{ line: step.line, kind: step.kind, step: sayStep(step) },
  ...{ state: "planned", why: "" },
});

const settingsTable = (findings: readonly Finding[]): string =>
  formatTable(
    findings,
    [
      { title: "line", cell: ({ line }) => line, align: "right" },
      { title: "setting", cell: ({ setting }) => setting },
      { title: "", cell: ({ fate }) => fate },
      { title: "what becomes of it", cell: ({ why }) => why },
    ],
    "It has no settings.",
  );

const stepsTable = (lines: readonly Line[]): string =>
  formatTable(
    lines,
    [
      { title: "line", cell: ({ line }) => line, align: "right" },
      { title: "step", cell: ({ step }) => step },
      { title: "", cell: ({ state }) => state },
      { title: "", cell: ({ why }) => why },
    ],
    "Nothing.",
  );

function summary(
  counts: Readonly<Record<Fate, number>>,
  open: number,
  outcomes: readonly Outcome[] | undefined,
): string {
  const settings = `${counts.taken} settings taken, ${counts.ignored} need nothing, ${counts.refused} not taken.`;
  if (outcomes === undefined) return `${settings} Nothing was changed: this was a dry run.`;
  const steps =
    open === 0
      ? "Every step is done."
      : `${open} steps are not done; set right what they say and run this again.`;
  return `${settings} ${steps}`;
}
