import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seal, unseal } from "./crypto.ts";

const key = "0123456789abcdef".repeat(4);
const otherKey = "fedcba9876543210".repeat(4);

describe("seal", () => {
  test("what is sealed comes back, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(unseal(key, seal(key, text))).toBe(text);
      }),
    );
  });

  test("the same text is sealed differently each time", () => {
    expect(seal(key, "sk-upstream")).not.toEqual(seal(key, "sk-upstream"));
  });

  test("another key opens nothing, and the message says what to do", () => {
    const sealed = seal(key, "sk-upstream");

    expect(() => unseal(otherKey, sealed)).toThrow("Restore the secrets.json");
  });

  test("a change of any byte is noticed", () => {
    const sealed = seal(key, "sk-upstream");

    for (let index = 0; index < sealed.length; index++) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => unseal(key, changed)).toThrow("cannot be opened");
    }
  });

  test("a value that was cut short is refused", () => {
    expect(() => unseal(key, seal(key, "").subarray(0, 20))).toThrow("cannot be opened");
  });
});
