import type { JsonObject } from "../../../lib/json.ts";

export type WireEvent = JsonObject & { type: string };

export const toFrame = (event: WireEvent): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
