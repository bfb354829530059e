import { describe, expect, test } from "bun:test";
import * as list from "@pydantic/genai-prices";
import fc from "fast-check";
import { picos, usdFromPicos, usdPerMillionFromPicos } from "../../../lib/money.ts";
import { rate } from "../../metering/index.ts";
import { completeTerms } from "../price.ts";
import { findInGenaiPrices, GENAI_PRICES_VERSION } from "./genai-prices.ts";
import { picosFromListPrice } from "./list-price.ts";
import { toTerms, unknownWords } from "./to-terms.ts";

const NOW = Date.parse("2026-11-22T03:30:00Z");
const find = (listId: string, upstreamModel: string, nowMs = NOW) =>
  findInGenaiPrices({ listId, baseUrl: "http://127.0.0.1:1", upstreamModel }, nowMs);

describe("a number of a list", () => {
  test.each([
    [0.15, 1_000_000n, 150_000n],
    [2.5, 1_000_000n, 2_500_000n],
    [0.00875, 1_000_000n, 8_750n],
    [3625e-6, 1_000_000n, 3_625n],
    [7e-7, 1n, 700_000n],
    [600, 1_000_000n, 600_000_000n],
    [0, 1n, 0n],
    [5, 1_000n, 5_000_000_000n],
    // Written by a division in floating point: taken as 0.18, and rounded up to a whole pico-dollar.
    [0.18000000000000002, 1_000_000n, 180_000n],
    [0.08333333333333334, 1_000_000n, 83_334n],
    // An hour does not divide evenly into seconds.
    [0.111, 3_600n, 30_833_334n],
  ] as const)("%p for %p units is %p pico-dollars a unit", (usd, units, expected) => {
    expect(picosFromListPrice(usd, units)).toBe(picos(expected));
  });

  test("is the decimal that somebody wrote, to the last digit", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), (perToken) => {
        const text = usdPerMillionFromPicos(picos(perToken));
        expect(picosFromListPrice(Number.parseFloat(text), 1_000_000n)).toBe(picos(perToken));
        const perRequest = usdFromPicos(picos(perToken));
        expect(picosFromListPrice(Number.parseFloat(perRequest), 1n)).toBe(picos(perToken));
      }),
    );
  });
});

describe("what the list says", () => {
  test("of a model: its price, its context, and what it charges beyond ours", async () => {
    expect(await find("openai", "gpt-5-mini")).toEqual({
      source: `genai-prices ${GENAI_PRICES_VERSION}`,
      ...{ provider: "openai", model: "gpt-5-mini", contextTokens: 400_000 },
      prices: [
        {
          validFrom: undefined,
          terms: {
            ...{ uncached_input: picos(250_000n), cache_read: picos(25_000n) },
            ...{ output_text: picos(2_000_000n), search_units: picos(10_000_000_000n) },
          },
        },
      ],
      notes: ["The provider charges for more than is metered here: storage_searches_kcount."],
    });
  });

  test("of long prompts is a context tier", async () => {
    const known = await find("anthropic", "claude-sonnet-4-5");

    expect(known?.prices[0].terms).toMatchObject({
      ...{ uncached_input: picos(3_000_000n), cache_write_1h: picos(6_000_000n) },
      contextTiers: [
        {
          aboveInputTokens: 200_000,
          picos: { uncached_input: picos(6_000_000n), output_text: picos(22_500_000n) },
        },
      ],
    });
  });

  test("of speech is a price of seconds, and none of text", async () => {
    const known = await find("groq", "whisper-large-v3");

    expect(known?.prices[0].terms).toEqual({ audio_seconds: picos(30_833_334n) });
  });

  test("of a price by the hour is the dearest hour, at whatever hour it is asked", async () => {
    for (const hour of ["T00:10:00Z", "T02:00:00Z", "T12:00:00Z", "T23:59:59Z"]) {
      const known = await find("deepseek", "deepseek-v4-pro", Date.parse(`2026-11-22${hour}`));
      expect(known?.prices[0].terms).toEqual({
        ...{ uncached_input: picos(1_320_000n), cache_read: picos(44_000n) },
        output_text: picos(3_960_000n),
      });
      expect(known?.notes[0]).toContain("time of day");
    }
  });

  test("of the future begins on its day", async () => {
    const known = await find("google", "gemini-3.6-flash");
    const [now, later] = known?.prices ?? [];

    expect(now?.validFrom).toBeUndefined();
    expect(later?.validFrom).toEqual(new Date("2027-01-01T00:00:00Z"));
    expect(later?.terms).not.toEqual(now?.terms as never);
    const then = await find("google", "gemini-3.6-flash", Date.parse("2027-01-01T00:00:00Z"));
    expect(then?.prices).toEqual([{ validFrom: undefined, terms: later?.terms as never }]);
  });

  test("is found by the address of a provider that was added by hand", async () => {
    const served = { listId: undefined, upstreamModel: "gpt-5-mini" };

    const known = await findInGenaiPrices({ ...served, baseUrl: "https://api.openai.com/v1" }, NOW);
    expect(known?.provider).toBe("openai");
    expect(
      await findInGenaiPrices({ ...served, baseUrl: "http://10.0.0.7:8000/v1" }, NOW),
    ).toBeUndefined();
  });

  test.each([
    ["a model that it does not know", "openai", "gpt-of-our-own"],
    ["a provider that it does not know", "our-own", "gpt-5-mini"],
    [
      "a model that it has no price for, which may be free or unknown",
      "openai",
      "omni-moderation-latest",
    ],
    ["a model that is billed by what we do not meter", "mistral", "mistral-ocr-2503"],
  ])("is nothing of %s", async (_, listId, model) => {
    expect(await find(listId, model)).toBeUndefined();
  });

  test("is of the version that is installed", async () => {
    const manifest = await Bun.file(`${import.meta.dir}/../../../../package.json`).json();

    expect(manifest.dependencies["@pydantic/genai-prices"]).toBe(GENAI_PRICES_VERSION);
  });
});

/** Those that companies buy from most, and those whose prices are the oddest. */
const PROVIDERS = [
  ...["anthropic", "aws", "azure", "cohere", "deepseek", "google", "groq", "mistral"],
  ...["moonshotai", "minimax", "openai", "openrouter", "perplexity", "together", "x-ai", "zhipuai"],
];

describe("rated as the list rates it", () => {
  const usage = fc.record({
    uncached: fc.nat({ max: 400_000 }),
    read: fc.nat({ max: 200_000 }),
    written: fc.nat({ max: 100_000 }),
    text: fc.nat({ max: 100_000 }),
  });

  for (const providerId of PROVIDERS) {
    test(providerId, () => {
      const models = list.findProvider({ providerId })?.models ?? [];
      const samples = fc.sample(usage, { numRuns: models.length, seed: models.length });
      const compared = models.filter((model, i) =>
        compareOne(providerId, model.id, samples[i] as (typeof samples)[number]),
      );
      expect(compared.length).toBeGreaterThan(3);
    });
  }
});

function compareOne(
  providerId: string,
  modelId: string,
  sample: { uncached: number; read: number; written: number; text: number },
): boolean {
  const { uncached, read, written, text } = sample;
  const used = {
    ...{ input_tokens: uncached + read + written, output_tokens: text },
    ...{ cache_read_tokens: read, cache_write_tokens: written },
  };
  const theirs = list.calcPrice(used, modelId, { providerId, timestamp: new Date(NOW) });
  // Some of its ids are names of a family, which no model of the provider has.
  if (theirs === null) return false;
  const terms = toTerms([theirs.model_price]);
  const isMeteredByUs = !unknownWords(theirs.model_price).some((word) => word.endsWith("_mtok"));
  if (terms === undefined || !isMeteredByUs) return false;
  const ours = rate(completeTerms(terms), {
    ...{ uncached_input: uncached, cache_read: read, cache_write: written, output_text: text },
    requests: 1,
  });
  // Theirs is a sum of floating-point numbers, and ours may be a part of a pico-dollar more for each token.
  const most = theirs.total_price * 1e-9 + (uncached + read + written + text) * 1e-12;
  const difference = Math.abs(Number.parseFloat(usdFromPicos(ours)) - theirs.total_price);
  expect({ modelId, isSame: difference <= most }).toEqual({ modelId, isSame: true });
  return true;
}
