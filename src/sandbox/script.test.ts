import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readScript, scriptSchema, scriptsOfModels } from "./script.ts";

describe("the script", () => {
  test("of the request goes over that of the model", () => {
    expect(readScript("sandbox-slow", { token_delay_ms: 1 })).toEqual({
      completion_tokens: 200,
      first_token_delay_ms: 1_000,
      token_delay_ms: 1,
    });
    expect(readScript("sandbox-echo", undefined)).toEqual({});
  });

  test("is explained field by field, and model by model", () => {
    const readme = readFileSync(join(import.meta.dir, "README.md"), "utf8");
    const fields = Object.keys(scriptSchema.shape);
    expect(fields.length).toBeGreaterThan(10);
    for (const field of fields) expect(readme).toContain(`\`${field}\``);
    for (const model of scriptsOfModels.keys()) {
      expect(readme).toContain(`\`${model.replace(/\d{3}$/, "<status>")}\``);
    }
  });
});
