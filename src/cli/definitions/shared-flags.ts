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
