import { describe, expect, test } from "bun:test";
import { redact, redactJson } from "./redact.ts";

/** Assembled here, so that scanners for leaked secrets do not take this file for one. */
const key = (...parts: string[]) => parts.join("");

describe("what is taken out", () => {
  test.each([
    [key("sk-", "proj-Ab12Cd34Ef56Gh78Ij90Kl"), "[api key]"],
    [key("sk-", "ant-api03-Ab12Cd34Ef56Gh78Ij90Kl"), "[api key]"],
    [key("sk_", "live_51Hq8Z2Ab12Cd34Ef56Gh78"), "[api key]"],
    [key("bl_", "live8f3k2m9xq7wz_", "A".repeat(32), "_1a2b3c4d"), "[api key]"],
    [key("gsk", "_Ab12Cd34Ef56Gh78Ij90KlMn"), "[api key]"],
    [key("gh", "p_Ab12Cd34Ef56Gh78Ij90KlMnOp12Qr34St56"), "[api key]"],
    [key("AK", "IAIOSFODNN7EXAMPLE"), "[api key]"],
    [key("AI", `za${"Sy1_".repeat(8)}abc`), "[api key]"],
    [key("hf", "_AbCdEfGhIjKlMnOpQrStUvWx12"), "[api key]"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "[token]"],
    ["Authorization: Bearer 8f3k2m9xq7wz8f3k2m9xq7wz", "Authorization: Bearer [token]"],
    ["basic dXNlcjpwYXNzd29yZDEyMw==", "basic [token]"],
    ["jo.bloggs+news@mail.example.co.uk", "[e-mail]"],
    ["<müller@exämple.de>", "<[e-mail]>"],
    ["4111 1111 1111 1111", "[card number]"],
    ["5500-0000-0000-0004", "[card number]"],
    ["378282246310005", "[card number]"],
    ["DE89 3704 0044 0532 0130 00", "[iban]"],
    ["GB82WEST12345698765432", "[iban]"],
    ["+49 30 901820", "[phone number]"],
    ["+1 (555) 010-9999", "[phone number]"],
    ["0044 20 7946 0958", "[phone number]"],
    ["(555) 010-9999", "[phone number]"],
    ["555-010-9999", "[phone number]"],
    ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[private key]"],
  ])("%s", (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(`See: ${text}, please.`)).toBe(`See: ${expected}, please.`);
  });

  test("wherever it stands in JSON, and behind whatever escapes", () => {
    const written = '{"a":["x\\njo\\u0040example.com"],"n":4111111111111111,"password":"horse"}';

    expect(redactJson(JSON.parse(written))).toEqual({
      a: ["x\n[e-mail]"],
      n: "[card number]",
      password: "[secret]",
    });
    expect(redactJson({ "jo@example.com": 1 })).toEqual({ "[e-mail]": 1 });
  });
});

describe("what stays", () => {
  test.each([
    "4111 1111 1111 1112 is no card number, and 0000 0000 0000 0000 neither",
    "1700000000000 milliseconds, 1234567890123456 of them",
    "order 20261122-0001, version 10.15.7.2, 192.168.100.200:8080",
    "0193f0a4-6c1e-7d2a-9b1f-3c5d7e9f1a20",
    "2026-11-22T04:45:49.123Z and 2026-11-22",
    "the bearer of responsibilities-and-obligations",
    "a task-list, a risk-averse-person-with-a-long-name, sk-learn",
    "GB82WEST12345698765433 has wrong check digits",
    "user@localhost, @mention, a@b, price@10.50",
    "1+1=2, 3.14159265358979, 0.1234567890123456",
    "black_list_of_words and public_bl_",
    "GET /v1/models?limit=100000000000",
    "+100 points, +12345",
    "max_tokens: 4096, 10-20-30",
  ])("%s", (text) => {
    expect(redact(text)).toBe(text);
  });

  test("the shape of JSON, and what is no text", () => {
    const value = { tokens: 17, flag: true, none: null, list: [1.5, "two"], token_count: "3" };
    expect(redactJson(value)).toEqual(value);
    const schema = { properties: { password: { type: "string" } } };
    expect(redactJson(schema)).toEqual(schema);
  });
});

test("takes its time by the length of a text, whatever the text is", () => {
  const hostile = [
    "a@",
    "eyJ-",
    "sk-a-",
    "1 ",
    "+1(",
    "a.b@",
    "-----BEGIN PRIVATE KEY-----",
    "AA00",
  ];
  for (const piece of hostile) {
    const text = piece.repeat((256 * 1024) / piece.length);
    const began = performance.now();
    redact(text);
    expect([piece, performance.now() - began < 2_000]).toEqual([piece, true]);
  }
});
