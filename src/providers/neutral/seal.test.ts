import { expect, test } from "bun:test";
import { isWrappedSeal, type Seal, unwrapSeal, wrapSeal } from "./seal.ts";

test("a seal comes out of its envelope as it went in", () => {
  const seal: Seal = { sealedBy: "anthropic-messages", signature: "EqQB…=", text: "Hmm, 🦊" };

  expect(isWrappedSeal(wrapSeal(seal))).toBe(true);
  expect(unwrapSeal(wrapSeal(seal))).toEqual(seal);
  expect(wrapSeal(seal)).toMatch(/^[\w.-]+$/);
});

test("a provider's own seal is none of ours", () => {
  expect(isWrappedSeal("gAAAAABmZ…")).toBe(false);
  expect(unwrapSeal("gAAAAABmZ…")).toBeUndefined();
});

test("what a client has broken or made up opens to nothing that is not a text", () => {
  const forged = (value: unknown) =>
    `baseload-seal-1.${Buffer.from(JSON.stringify(value)).toString("base64url")}`;

  expect(unwrapSeal("baseload-seal-1.!!!")).toBeUndefined();
  expect(unwrapSeal(forged(null))).toBeUndefined();
  expect(unwrapSeal(forged({ sealedBy: "somebody", signature: "s" }))).toBeUndefined();
  expect(unwrapSeal(forged({ sealedBy: "openai-responses", encrypted: 7, id: "rs_1" }))).toEqual({
    sealedBy: "openai-responses",
    id: "rs_1",
  });
});
