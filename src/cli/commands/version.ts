import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Report } from "../grammar/command.ts";

const Manifest = z.object({ version: z.string() });

export function showVersion(): Report {
  const path = new URL("../../../package.json", import.meta.url);
  const { version } = Manifest.parse(JSON.parse(readFileSync(path, "utf8")));
  return {
    json: { version, bun: Bun.version },
    text: `baseload ${version} (Bun ${Bun.version})\n`,
  };
}
