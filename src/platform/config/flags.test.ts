import { describe, expect, test } from "bun:test";
import { splitFlags } from "./flags.ts";

describe("splitFlags", () => {
  test("tells fields from switches", () => {
    const { flags, switches } = splitFlags(
      ["--port", "9000", "--no-model", "--home=/tmp/a=b"],
      ["--no-model"],
    );

    expect(flags).toEqual({ "--port": "9000", "--home": "/tmp/a=b" });
    expect([...switches]).toEqual(["--no-model"]);
  });

  test("refuses a flag without its value and a word that is no flag", () => {
    expect(() => splitFlags(["--port"], [])).toThrow("--port needs a value");
    expect(() => splitFlags(["9000"], [])).toThrow("'9000' was not expected here");
  });
});
