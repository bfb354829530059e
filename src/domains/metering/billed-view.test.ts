import { describe, expect, test } from "bun:test";
import { picos } from "../../lib/money.ts";
import type { Operation } from "../../lib/operations.ts";
import { NO_USAGE, type Quantities, type Usage } from "../../lib/quantities.ts";
import { billedView } from "./billed-view.ts";
import type { PriceComponents } from "./rate.ts";

const one = picos(1n);
const told = (quantities: Quantities): Usage => ({ quantities, source: "provider", raw: "told" });

const cases: {
  name: string;
  operation: Operation;
  price: PriceComponents;
  told?: Usage;
  counted?: Quantities[];
  billed: Usage;
}[] = [
  {
    name: "seconds and tokens told, seconds priced",
    operation: "transcription",
    price: { audio_seconds: one },
    told: told({ audio_seconds: 12, audio_input: 120, output_text: 30 }),
    billed: told({ audio_seconds: 12 }),
  },
  {
    name: "seconds and tokens told, tokens priced",
    operation: "transcription",
    price: { uncached_input: one, output_text: one },
    told: told({ audio_seconds: 12, audio_input: 120, output_text: 30 }),
    billed: told({ audio_input: 120, output_text: 30 }),
  },
  {
    name: "seconds told, tokens priced: counted, never free",
    operation: "transcription",
    price: { audio_input: one, output_text: one },
    told: told({ audio_seconds: 12 }),
    counted: [{ audio_seconds: 12 }, { audio_input: 120, output_text: 30 }],
    billed: { quantities: { audio_input: 120, output_text: 30 }, source: "counted", raw: "told" },
  },
  {
    name: "nothing told, images priced",
    operation: "image_generation",
    price: { images: one },
    counted: [{ images: 2 }, { image_output: 2_112 }],
    billed: { quantities: { images: 2 }, source: "counted", raw: null },
  },
  {
    name: "tokens told, pieces priced, and tokens at zero or beside them",
    operation: "image_edit",
    price: { images: one, uncached_input: one, output_text: picos(0n) },
    told: told({ uncached_input: 10, image_input: 200, image_output: 1_056 }),
    counted: [{ images: 1 }, { image_output: 1_056 }],
    billed: {
      quantities: { uncached_input: 10, image_input: 200, image_output: 1_056, images: 1 },
      source: "counted",
      raw: "told",
    },
  },
  {
    name: "zero told is nothing told",
    operation: "embeddings",
    price: { uncached_input: one },
    told: told({}),
    counted: [{ uncached_input: 9 }],
    billed: { quantities: { uncached_input: 9 }, source: "counted", raw: "told" },
  },
  {
    name: "a price of zero is a price",
    operation: "moderation",
    price: { uncached_input: picos(0n) },
    told: told({ uncached_input: 9 }),
    billed: told({ uncached_input: 9 }),
  },
  {
    name: "what is a part of the use stays, also without a price",
    operation: "embeddings",
    price: { uncached_input: one },
    told: told({ uncached_input: 9, output_text: 1 }),
    billed: told({ uncached_input: 9, output_text: 1 }),
  },
  {
    name: "asked afterwards: what was not used is not counted",
    operation: "image_generation",
    price: { images: one, uncached_input: one },
    told: { ...told({ uncached_input: 2 }), source: "lookup" },
    counted: [{ images: 1 }],
    billed: { ...told({ uncached_input: 2 }), source: "lookup" },
  },
  {
    name: "a free request",
    operation: "speech",
    price: { characters: one },
    told: NO_USAGE,
    counted: [{ characters: 5 }],
    billed: NO_USAGE,
  },
];

describe("one view of the use is charged", () => {
  for (const { name, operation, price, told: usage, counted = [], billed } of cases) {
    test(name, () => {
      expect(billedView({ price, operation }, usage, counted)).toEqual(billed);
    });
  }
});
