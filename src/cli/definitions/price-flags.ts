/** The flags of prices, in the contract's order: each is a field of it with dashes. A test compares them. */
import type { Flags } from "../grammar/flags.ts";

const standardFlags = {
  "input-usd-per-mtok": { kind: "usd", help: "dollars per million input tokens" },
  "output-usd-per-mtok": { kind: "usd", help: "dollars per million output tokens" },
  "cached-input-usd-per-mtok": {
    kind: "usd",
    help: "for input read from a cache (default: as input)",
  },
  "cache-write-usd-per-mtok": {
    kind: "usd",
    help: "for input written to a cache (default: as input)",
  },
  "cache-write-1h-usd-per-mtok": {
    kind: "usd",
    help: "the same, kept for an hour (default: as a cache write)",
  },
  "reasoning-usd-per-mtok": { kind: "usd", help: "for reasoning (default: as output)" },
  "audio-input-usd-per-mtok": { kind: "usd", help: "for audio in the input (default: as input)" },
  "audio-output-usd-per-mtok": {
    kind: "usd",
    help: "for audio in the output (default: as output)",
  },
  "image-input-usd-per-mtok": { kind: "usd", help: "for images in the input (default: as input)" },
  "image-output-usd-per-mtok": {
    kind: "usd",
    help: "for images in the output (default: as output)",
  },
  "image-usd": { kind: "usd", help: "dollars for each image that is made" },
  "usd-per-audio-second": { kind: "usd", help: "dollars for a begun second of speech" },
  "usd-per-mcharacter": { kind: "usd", help: "dollars for a million characters that are spoken" },
  "usd-per-search": { kind: "usd", help: "dollars for a search that is billed apart" },
  "request-usd": { kind: "usd", help: "dollars for each request (default: 0)" },
  "cache-hit-usd": { kind: "usd", help: "dollars for an answer from our own cache (default: 0)" },
} as const satisfies Flags;

/** Those that most price lists name. Others, and long prompts, are said in a file. */
const serviceTierFlags = {
  "batch-input-usd-per-mtok": { kind: "usd", help: "input of the service tier batch" },
  "batch-cached-input-usd-per-mtok": { kind: "usd", help: "cached input of it" },
  "batch-output-usd-per-mtok": { kind: "usd", help: "output of it" },
  "flex-input-usd-per-mtok": { kind: "usd", help: "input of the service tier flex" },
  "flex-cached-input-usd-per-mtok": { kind: "usd", help: "cached input of it" },
  "flex-output-usd-per-mtok": { kind: "usd", help: "output of it" },
  "priority-input-usd-per-mtok": { kind: "usd", help: "input of the service tier priority" },
  "priority-cached-input-usd-per-mtok": { kind: "usd", help: "cached input of it" },
  "priority-output-usd-per-mtok": { kind: "usd", help: "output of it" },
} as const satisfies Flags;

export const priceFlags = { ...standardFlags, ...serviceTierFlags } as const satisfies Flags;

export const priceFileFlag = {
  kind: "text",
  value: "FILE",
  help: "a price with all of its tiers, in YAML or JSON; flags come before what it says",
} as const;
