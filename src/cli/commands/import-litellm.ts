import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { carryOut } from "../import-litellm/carry-out/carry-out.ts";
import { toReport } from "../import-litellm/report.ts";
import { translate } from "../import-litellm/translate.ts";

export async function importLitellm(
  { file, isDryRun }: { readonly file: string; readonly isDryRun: boolean },
  context: CommandContext,
): Promise<Report> {
  const text = file === "-" ? await context.terminal.readInput() : await readText(file);
  const translation = translate(text, file === "-" ? "the input" : file, {
    variable: context.environment.variable,
    file: readSmallFile,
  });
  const outcomes = isDryRun ? undefined : await carryOut(translation.steps, context.control());
  return toReport(file, translation, outcomes);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new UsageError(`${file} ${why}.`);
  }
}

/** Of a service account; the largest have a few kilobytes. */
const SMALL_FILE_BYTES_MAX = 64 * 1024;

/** The file of a service account; what cannot be read is reported with its setting. */
function readSmallFile(path: string): string | undefined {
  try {
    const { size } = statSync(path);
    return size > 0 && size <= SMALL_FILE_BYTES_MAX ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
