/** Splits the words after a role into fields of the configuration and switches. */
import { Failure } from "../../lib/errors.ts";

export type SplitFlags = { flags: Record<string, string>; switches: Set<string> };

/** `--port 9000`, `--port=9000`, `--no-model`. Whether a flag is known is checked with its value. */
export function splitFlags(words: readonly string[], switchNames: readonly string[]): SplitFlags {
  const flags: Record<string, string> = {};
  const switches = new Set<string>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (!word.startsWith("--")) {
      throw new Failure("invalid", `'${word}' was not expected here: flags look like --port 9000.`);
    }
    if (switchNames.includes(word)) {
      switches.add(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals === -1 ? word : word.slice(0, equals);
    const value = equals === -1 ? words[++index] : word.slice(equals + 1);
    if (value === undefined) throw new Failure("invalid", `${name} needs a value.`);
    flags[name] = value;
  }
  return { flags, switches };
}
