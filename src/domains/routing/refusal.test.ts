import { describe, expect, test } from "bun:test";
import type { LeftOutReason } from "./plan.ts";
import { refusalOf } from "./refusal.ts";

const asked = { model: "chat", organization: "acme", regions: ["eu"] };
const refuse = (...reasons: LeftOutReason[]) =>
  refusalOf(
    {
      leftOut: reasons.map((reason) => ({ tier: "t", target: "m at a", reason, why: "it is so" })),
    },
    asked,
  );

describe("an empty plan is refused for what came closest to an answer", () => {
  test("a price that is missing says how it is set", () => {
    expect(refuse("residency", "price", "condition")).toMatchObject({
      kind: "forbidden",
      code: "no_price",
      message: "'m' cannot be called: it is so. An operator sets one with: baseload price set m …",
    });
  });

  test("regions are told to those who are bound to them", () => {
    expect(refuse("residency", "operation").message).toBe(
      "Calls of 'acme' stay in eu, and nothing there serves 'chat'. Call a model that runs there.",
    );
  });

  const kinds: readonly [reason: LeftOutReason, kind: string, code: string][] = [
    ["unknown_model", "not_found", "model_not_found"],
    ["operation", "invalid", "unsupported_operation"],
    ["residency", "forbidden", "outside_of_regions"],
    ["condition", "invalid", "no_target"],
    ["capability", "invalid", "unsupported_by_model"],
    ["modality", "invalid", "unsupported_by_model"],
  ];
  for (const [reason, kind, code] of kinds) {
    test(`${reason}: ${code}`, () => {
      expect(refuse(reason)).toMatchObject({ kind, code, param: "model" });
    });
  }

  test("nothing at all was found", () => {
    expect(refuse()).toMatchObject({ kind: "not_found", code: "model_not_found" });
  });
});
