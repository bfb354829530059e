/**
 * Separates a reply that may hold calls of functions, `<tool_call>{…}</tool_call>`, into its text and its
 * calls, while it arrives in pieces.
 */
import { JsonEnd } from "./json-end.ts";

export const CALL_BEGIN = "<tool_call>";
export const CALL_END = "</tool_call>";

export type Found = { kind: "text"; text: string } | { kind: "call"; json: string };

export class ToolCallFinder {
  /** Text that may be the beginning of a mark. */
  #held = "";
  #call: { json: string; end: JsonEnd } | undefined;
  /** After a call, whitespace and the closing mark are not text. */
  #afterCall = false;

  /** `inCall`: the prompt itself ended with the opening mark. */
  constructor(options: { inCall: boolean }) {
    if (options.inCall) this.#call = { json: "", end: new JsonEnd() };
  }

  /** What has arrived of a call that goes on. */
  get openCall(): string | undefined {
    return this.#call?.json;
  }

  take(piece: string): Found[] {
    const found: Found[] = [];
    let rest = this.#held + piece;
    this.#held = "";
    while (rest !== "")
      rest = this.#call === undefined ? this.#text(rest, found) : this.#json(rest, found);
    return found;
  }

  /** Nothing follows any more: held text, or a call that was not finished. */
  end(): { text: string; unfinished: string | undefined } {
    const text = this.#afterCall ? this.#held.trim() : this.#held;
    this.#held = "";
    return { text, unfinished: this.#call?.json };
  }

  /** Returns what has not been looked at yet. */
  #text(rest: string, found: Found[]): string {
    const text = this.#afterCall ? this.#withoutEndMark(rest) : rest;
    if (text === "") return "";
    const at = text.indexOf(CALL_BEGIN);
    if (at !== -1) {
      this.#emit(text.slice(0, at), found);
      this.#call = { json: "", end: new JsonEnd() };
      return text.slice(at + CALL_BEGIN.length);
    }
    const keep = longestBeginning(text, CALL_BEGIN);
    this.#held = text.slice(text.length - keep);
    this.#emit(text.slice(0, text.length - keep), found);
    return "";
  }

  #withoutEndMark(text: string): string {
    const trimmed = text.trimStart();
    if (trimmed.startsWith(CALL_END)) return trimmed.slice(CALL_END.length).trimStart();
    if (!CALL_END.startsWith(trimmed)) return trimmed;
    this.#held = trimmed;
    return "";
  }

  #emit(text: string, found: Found[]): void {
    if (text === "") return;
    this.#afterCall = false;
    found.push({ kind: "text", text });
  }

  #json(rest: string, found: Found[]): string {
    const call = this.#call;
    if (call === undefined) return rest;
    const end = call.end.take(rest);
    call.json += end === undefined ? rest : rest.slice(0, end);
    if (end === undefined) return "";
    found.push({ kind: "call", json: call.json.trim() });
    this.#call = undefined;
    this.#afterCall = true;
    return rest.slice(end);
  }
}

function longestBeginning(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}
