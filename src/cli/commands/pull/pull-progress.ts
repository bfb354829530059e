/** Draws a pull: one moving line where a person watches, a few plain lines in a log. */
import type { OnProgress, PullProgress } from "../../../domains/serving/index.ts";
import { formatBytes, withoutControls } from "../../output/format.ts";
import type { Terminal } from "../../output/terminal.ts";

const BAR_COLUMNS = 24;
/** Without a known size a step is this many bytes. */
const STEP_BYTES = 4 * 1024 * 1024;
/** A log gets a line for every tenth of the file. */
const LOG_STEP_PERCENT = 10;
const BACK_AND_CLEAR = "\r\u001b[K";

export function drawPull(terminal: Terminal): OnProgress {
  let lastStep = -1;
  return (progress) => {
    if (progress.kind !== "bytes") {
      lastStep = -1;
      const start = terminal.showsProgress ? BACK_AND_CLEAR : "";
      terminal.note(`${start}${withoutControls(sentence(progress))}\n`);
      return;
    }
    const step = stepOf(progress, terminal.showsProgress);
    if (step === lastStep) return;
    lastStep = step;
    const line = bytesLine(progress);
    terminal.note(terminal.showsProgress ? BACK_AND_CLEAR + line : `${line}\n`);
  };
}

type BytesProgress = Extract<PullProgress, { kind: "bytes" }>;

function stepOf({ bytes, totalBytes }: BytesProgress, isFine: boolean): number {
  if (!totalBytes) return Math.floor(bytes / (isFine ? STEP_BYTES : 10 * STEP_BYTES));
  return Math.floor((100 * bytes) / totalBytes / (isFine ? 1 : LOG_STEP_PERCENT));
}

/** `  [############············]  50 %  49.2 MB of 98.4 MB` */
function bytesLine({ bytes, totalBytes }: BytesProgress): string {
  if (!totalBytes) return `  ${formatBytes(bytes)}`;
  const part = Math.min(1, bytes / totalBytes);
  const full = Math.floor(part * BAR_COLUMNS);
  const bar = "#".repeat(full) + "·".repeat(BAR_COLUMNS - full);
  const percent = String(Math.floor(100 * part)).padStart(3);
  return `  [${bar}] ${percent} %  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
}

function sentence(progress: Exclude<PullProgress, BytesProgress>): string {
  switch (progress.kind) {
    case "model": {
      const size = progress.sizeBytes === undefined ? "" : `, ${formatBytes(progress.sizeBytes)}`;
      const where = progress.licenceUrl === undefined ? "" : ` (${progress.licenceUrl})`;
      return `${progress.name}${size}, licence: ${progress.licence ?? "unknown"}${where}`;
    }
    case "trying":
      return `Trying ${progress.source}`;
    case "checking":
      return "  Checking the SHA-256";
    case "failed":
      return `  It did not work: ${progress.reason}`;
    case "done":
      return `  Done, from ${progress.source}`;
  }
}
