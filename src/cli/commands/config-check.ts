/** What `up` would say about its configuration, without starting anything. */
import { checkConfig } from "../../platform/config/env.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import type { FurtherFlags } from "../grammar/flags.ts";

export function checkConfiguration(further: FurtherFlags, context: CommandContext): Report {
  const { environment, global } = context;
  const home = global.home === undefined ? {} : { "--home": global.home };
  const checked = checkConfig({ variables: environment.variables, flags: { ...further, ...home } });
  const problems = trimmed(checked.problems);
  const warnings = trimmed(checked.warnings);
  const isValid = problems.length === 0;
  const lines = [
    ...problems.map((problem) => `✗ ${problem}`),
    ...warnings.map((warning) => `! ${warning}`),
    isValid
      ? "The configuration is valid."
      : "The configuration is not valid: nothing would start.",
  ];
  return {
    json: { ok: isValid, problems, warnings },
    text: lines.map((line) => `${line}\n`).join(""),
    refused: !isValid,
  };
}

const trimmed = (lines: readonly string[]): string[] => lines.map((line) => line.trim());
