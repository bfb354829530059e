/** Gives every setting of a section that no code has looked at the fate that the table says. */
import { isOff, type Setting } from "./config-tree.ts";
import type { Findings } from "./findings.ts";
import { rowOf, type SectionName, type SettingRow } from "./setting-table.ts";

export function applyTable(
  section: SectionName,
  given: Setting | undefined,
  findings: Findings,
): void {
  if (given === undefined || findings.isNoted(given)) return;
  if (given.kind !== "map") {
    if (isOff(given)) findings.ignore(given, "says nothing");
    else findings.refuse(given, "must have settings by name");
    return;
  }
  for (const [name, setting] of given.fields) {
    const row = rowOf(section, name);
    if (row !== undefined && !findings.isNotedBelow(setting)) applyRow(row, setting, findings);
  }
}

function applyRow({ fate, becomes }: SettingRow, setting: Setting, findings: Findings): void {
  if (fate === "taken") findings.refuse(setting, "could not be read as LiteLLM writes it");
  else if (fate === "ignored") findings.ignore(setting, becomes);
  // What is off asks for nothing.
  else if (isOff(setting)) findings.ignore(setting, "is off");
  else findings.refuse(setting, becomes);
}
