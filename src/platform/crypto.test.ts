import { describe, expect, test } from "bun:test";
import { seal, unseal } from "./crypto.ts";

const key = "0f1e2d3c".repeat(8);

describe("a sealed text", () => {
  test("opens with its key, and looks different each time", () => {
    for (const text of ["", "sk-123", "clé secrète 🗝", "x".repeat(10_000)]) {
      expect(unseal(key, seal(key, text))).toBe(text);
      expect(seal(key, text)).not.toEqual(seal(key, text));
    }
  });

  test("does not contain the text", () => {
    expect(seal(key, "sk-upstream-secret").toString("latin1")).not.toContain("upstream");
  });

  test("opens with no other key, and says what to restore", () => {
    expect(() => unseal("aa".repeat(32), seal(key, "sk-123"))).toThrow("secrets.json");
  });

  test("with any byte changed does not open", () => {
    const sealed = seal(key, "sk-123");
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => unseal(key, changed)).toThrow();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => unseal(key, sealed.subarray(0, length))).toThrow();
    }
  });

  test("needs a key of 32 bytes", () => {
    for (const short of ["", "0f", "g".repeat(64)])
      expect(() => seal(short, "x")).toThrow("32 bytes");
  });
});
