/** Flags that mean the same in several commands. */
import type { Flags } from "../grammar/flags.ts";

export const pageFlags = {
  limit: { kind: "count", value: "N", help: "rows to show, at most 1000 (default 100)" },
  after: { kind: "text", value: "CURSOR", help: "continue after a page: its next_after" },
} as const satisfies Flags;

export const organizationFlag = {
  kind: "text",
  value: "ORGANIZATION",
  help: "name of the organization",
  required: true,
} as const;

/** Dollars per million tokens, in the contract's order. The two that every price needs come apart. */
export const furtherPriceFlags = {
  "cached-input-usd-per-mtok": {
    kind: "usd",
    help: "for input read from a cache (default: as input)",
  },
  "cache-write-usd-per-mtok": {
    kind: "usd",
    help: "for input written to a cache (default: as input)",
  },
  "reasoning-usd-per-mtok": { kind: "usd", help: "for reasoning (default: as output)" },
  "audio-input-usd-per-mtok": { kind: "usd", help: "for audio in the input (default: as input)" },
  "audio-output-usd-per-mtok": {
    kind: "usd",
    help: "for audio in the output (default: as output)",
  },
  "image-input-usd-per-mtok": { kind: "usd", help: "for images in the input (default: as input)" },
  "request-usd": { kind: "usd", help: "dollars for each request (default: 0)" },
} as const satisfies Flags;
