/**
 * A stream as a reader wants it: the texts that came in pieces, joined. A secret that was cut into pieces is found in
 * them, and would not be in the pieces.
 */
import { readFrame, SseSplitter } from "../../lib/sse.ts";

export type JoinedStream = {
  events: number;
  /** By where in an event they stood, such as `choices.0.delta.content`. */
  texts: Record<string, string>;
  /** With the usage, or what broke it off; in some dialects the whole answer. */
  last: unknown;
};

/** What tells one text of a stream from another one at the same place. */
const POSITIONS = ["type", "index", "output_index", "content_index", "summary_index"];
/** Said anew with every piece. */
const NO_TEXT = new Set(["type", "role", "id", "object", "item_id", "obfuscation"]);
/** Deeper than any event of any dialect. */
const DEPTH_MAX = 20;

export function joinStream(bytes: Uint8Array): JoinedStream {
  const splitter = new SseSplitter({ frameBytesMax: Number.POSITIVE_INFINITY });
  const frames = splitter.take(bytes);
  const rest = splitter.end();
  const texts = new Map<string, string>();
  let events = 0;
  let last: unknown = null;
  for (const frame of rest === undefined ? frames : [...frames, rest]) {
    const { data } = readFrame(frame);
    const event = data === undefined ? undefined : parse(data);
    if (event === undefined) continue;
    events += 1;
    last = event;
    collect(event, { place: "", isPiece: false, depth: 0, texts });
  }
  return { events, texts: Object.fromEntries(texts), last };
}

/** Undefined for the mark at the end of a stream, and for an event that was cut. */
function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

type Where = { place: string; isPiece: boolean; depth: number; texts: Map<string, string> };

/** What lies below these is a piece of something; the name of a tool comes with the block that it begins. */
const PIECES = new Set(["delta", "content_block"]);

function collect(value: unknown, where: Where): void {
  const { place, isPiece, depth, texts } = where;
  if (typeof value === "string") {
    if (isPiece) texts.set(place, (texts.get(place) ?? "") + value);
    return;
  }
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return;
  const at = `${place}${positionOf(value)}`;
  for (const [name, one] of Object.entries(value)) {
    if (NO_TEXT.has(name)) continue;
    const isList = Array.isArray(value);
    const next = isList ? at : at === "" ? name : `${at}.${name}`;
    collect(one, { place: next, isPiece: isPiece || PIECES.has(name), depth: depth + 1, texts });
  }
}

function positionOf(value: object): string {
  const record = value as Record<string, unknown>;
  return POSITIONS.flatMap((name) =>
    typeof record[name] === "string" || typeof record[name] === "number"
      ? [`[${record[name]}]`]
      : [],
  ).join("");
}
