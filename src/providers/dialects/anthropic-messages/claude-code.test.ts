/**
 * What Claude Code sends, recorded with version 2.1.330: its headers, and two requests of one session. Long texts are
 * left out.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../../lib/json.ts";
import { chatDialects } from "../../chat-dialects.ts";
import { chatDialectNames } from "../../upstream.ts";
import { clientHeaders } from "./client-headers.ts";
import { decodeRequest } from "./decode-request.ts";
import { passRequest } from "./pass-request.ts";

type Recorded = { headers: Record<string, string>; requests: JsonObject[] };

const fixture = join(import.meta.dir, "fixtures", "claude-code.json");
const { headers, requests } = JSON.parse(readFileSync(fixture, "utf8")) as Recorded;

describe("every request of a session of Claude Code", () => {
  for (const [index, body] of requests.entries()) {
    test(`${index}: reaches Anthropic as it is`, () => {
      const model = String(body["model"]);
      const limit = Number(body["max_tokens"]);

      expect(
        passRequest(body, { upstreamModel: model, maxOutputTokens: limit, quirks: {} }),
      ).toEqual(body);
    });

    for (const name of chatDialectNames) {
      test(`${index}: can be said to a provider that speaks ${name}`, () => {
        const options = { upstreamModel: "theirs", maxOutputTokens: 1_000, quirks: {} };
        const encoded = chatDialects[name].encodeRequest(decodeRequest(body), options);

        expect(encoded["tools"]).toHaveLength((body["tools"] as unknown[]).length);
        expect(encoded["stream"]).toBe(true);
      });
    }
  }

  test("brings its betas along, and nothing of its session", () => {
    expect(clientHeaders(new Headers(headers))).toEqual({
      "anthropic-version": headers["anthropic-version"] ?? "",
      "anthropic-beta": headers["anthropic-beta"] ?? "",
    });
  });

  test("keeps what the tools brought, pictures and loaded tools included", () => {
    const { messages, reasoning } = decodeRequest(requests.at(-1) ?? {});
    const results = messages.flatMap(({ role, parts }) => (role === "tool" ? parts : []));

    expect(results.map(({ parts }) => parts.map(({ type }) => type))).toContainEqual(["image"]);
    expect(JSON.stringify(results[0]?.parts)).toContain("The tool 'WebFetch' can be called now.");
    expect(results.some(({ isError }) => isError === true)).toBe(true);
    expect(reasoning).toEqual({ isOptional: true, effort: "medium" });
  });
});
