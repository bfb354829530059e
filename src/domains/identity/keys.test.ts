import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { generateKey, hmacKey, KEY_CHARS, parseKey } from "./keys.ts";

const PEPPER = "5f".repeat(32);

describe("a key", () => {
  test("reads back as its id and mode", () => {
    for (const mode of ["live", "test"] as const) {
      const { keyId, key } = generateKey(mode);

      expect(key).toMatch(/^bl_(live|test)[0-9a-z]{12}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/);
      expect(key).toHaveLength(KEY_CHARS);
      expect(parseKey(key)).toEqual({ keyId, mode });
    }
  });

  test("is never drawn twice", () => {
    const keys = Array.from({ length: 2_000 }, () => generateKey("live"));

    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(keys.length);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
  });

  test("keeps its format: this checksum is printed in users' keys", () => {
    const key = "bl_live0000000000ab_0123456789ABCDEFGHIJKLMNOPQRSTUV_1x6pjE";

    expect(parseKey(key)).toEqual({ keyId: "live0000000000ab", mode: "live" });
  });

  test("with any one character changed is refused without a lookup", () => {
    const { key } = generateKey("live");
    fc.assert(
      fc.property(
        fc.nat(KEY_CHARS - 1),
        fc.constantFrom(..."0123456789ABCxyz_-é\0 "),
        (position, other) => {
          fc.pre(key[position] !== other);
          expect(
            parseKey(key.slice(0, position) + other + key.slice(position + 1)),
          ).toBeUndefined();
        },
      ),
    );
  });

  const junk = [
    "",
    "bl_",
    "sk-proj-123",
    "bl_live0000000000ab_0123456789ABCDEFGHIJKLMNOPQRSTUV_000000",
    "bl_prod0000000000ab_0123456789ABCDEFGHIJKLMNOPQRSTUV_000000",
    "x".repeat(10_000_000),
  ];

  for (const text of junk) {
    test(`is not '${text.slice(0, 70)}'`, () => {
      expect(parseKey(text)).toBeUndefined();
    });
  }
});

describe("the HMAC of a key", () => {
  test("depends on the key and on the pepper", () => {
    const { key } = generateKey("live");

    expect(hmacKey(PEPPER, key)).toHaveLength(32);
    expect(hmacKey(PEPPER, key)).toEqual(hmacKey(PEPPER, key));
    expect(hmacKey(PEPPER, key)).not.toEqual(hmacKey("60".repeat(32), key));
    expect(hmacKey(PEPPER, key)).not.toEqual(hmacKey(PEPPER, generateKey("live").key));
  });

  test("refuses an empty or short pepper", () => {
    for (const pepper of ["", "5f", "not hexadecimal"]) {
      expect(() => hmacKey(pepper, "bl_")).toThrow("pepper");
    }
  });
});
