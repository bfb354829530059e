import { expect, test } from "bun:test";
import type { PullProgress } from "../../../domains/serving/index.ts";
import type { Terminal } from "../../output/terminal.ts";
import { drawPull } from "./pull-progress.ts";

const source = "Hugging Face owner/model";
const pulled: readonly PullProgress[] = [
  {
    kind: "model",
    name: "smollm2",
    sizeBytes: 98_362_432,
    licence: "Apache-2.0",
    licenceUrl: undefined,
  },
  { kind: "trying", source },
  { kind: "bytes", source, bytes: 1_000_000, totalBytes: 98_362_432 },
  { kind: "bytes", source, bytes: 1_000_001, totalBytes: 98_362_432 },
  { kind: "bytes", source, bytes: 49_181_216, totalBytes: 98_362_432 },
  { kind: "failed", source, reason: "cut\u001b[2J off" },
];

function draw(showsProgress: boolean): string {
  let notes = "";
  const terminal = {
    showsProgress,
    note: (text: string) => (notes += text),
  } as unknown as Terminal;
  const onProgress = drawPull(terminal);
  for (const progress of pulled) onProgress(progress);
  return notes;
}

test("a log gets plain lines, one for every tenth", () => {
  expect(draw(false).split("\n")).toEqual([
    "smollm2, 98.4 MB, licence: Apache-2.0",
    "Trying Hugging Face owner/model",
    "  [························]   1 %  1.0 MB of 98.4 MB",
    "  [############············]  50 %  49.2 MB of 98.4 MB",
    "  It did not work: cut[2J off",
    "",
  ]);
});

test("a person sees one line that moves", () => {
  const lines = draw(true).split("\r\u001b[K");

  expect(lines).toContain("  [############············]  50 %  49.2 MB of 98.4 MB");
  expect(lines.filter((line) => line.includes("["))).toHaveLength(3);
});
