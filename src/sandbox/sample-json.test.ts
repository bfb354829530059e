import { describe, expect, test } from "bun:test";
import { sampleJson } from "./sample-json.ts";

describe("a sample of a schema", () => {
  const cases: [string, unknown, unknown][] = [
    [
      "an object",
      { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } },
      { city: "text", days: 1 },
    ],
    ["a list", { type: "array", items: { type: "number" }, minItems: 2 }, [1, 1]],
    ["an enumeration", { type: "string", enum: ["red", "green"] }, "red"],
    ["a constant", { const: 7 }, 7],
    ["a lower bound", { type: "integer", minimum: 18 }, 18],
    ["a boolean or nothing", { type: ["boolean", "null"] }, true],
    ["an alternative", { anyOf: [{ type: "string" }, { type: "null" }] }, "text"],
    ["a reference", { $ref: "#/$defs/a", $defs: { a: { type: "string" } } }, "text"],
    ["nothing in particular", {}, {}],
    ["no schema", undefined, {}],
  ];
  for (const [name, schema, sample] of cases) {
    test(name, () => expect(sampleJson(schema)).toEqual(sample));
  }

  test("ends where a schema refers to itself", () => {
    const tree = { type: "object", properties: { left: { $ref: "#" }, right: { $ref: "#" } } };
    expect(JSON.stringify(sampleJson(tree)).length).toBeLessThan(100_000);
    expect(sampleJson({ $ref: "#" })).toEqual({});
  });
});
