/**
 * Reads one answer token by token: turns tokens into text, finds stop strings, the end of a JSON object and
 * calls of functions, and tells the engine when the answer is complete.
 */
import type { LlamaGrammarEvaluationState } from "node-llama-cpp";
import type { Finish, TokenReader } from "../engine/stream.ts";
import { JsonEnd } from "../text/json-end.ts";
import { StopFinder } from "../text/stop-finder.ts";
import { CALL_BEGIN, ToolCallFinder } from "../text/tool-call-finder.ts";
import { type Detokenize, Utf8Reader } from "../text/utf8-reader.ts";
import { type TokenLogprob, toLogprob } from "./logprobs.ts";
import type { OutputPlan } from "./output-plan.ts";

export type ReplyPart =
  | { kind: "text"; text: string; logprobs: readonly TokenLogprob[] }
  | { kind: "call"; index: number; id: string; name: string; arguments: string };

export type ReplyOptions = {
  plan: OutputPlan;
  /** The prompt ended in the middle of a call. */
  inCall: boolean;
  stops: readonly string[];
  detokenize: Detokenize;
  /** The end of the prompt. */
  before: readonly number[];
  /** A grammar in its first state, for the plan's schema. */
  startGrammar: () => LlamaGrammarEvaluationState;
  /** Alternatives to report for each token; undefined for none, 0 for the token alone. */
  topLogprobs: number | undefined;
  onPart: (part: ReplyPart) => void;
};

export class Reply implements TokenReader {
  readonly #options: ReplyOptions;
  readonly #utf8: Utf8Reader;
  readonly #stops: StopFinder;
  readonly #json = new JsonEnd();
  readonly #calls: ToolCallFinder;
  #grammar: LlamaGrammarEvaluationState | undefined;
  #callCount = 0;
  /** Of tokens whose text has not been sent yet. */
  #logprobs: TokenLogprob[] = [];

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#utf8 = new Utf8Reader(options.detokenize, options.before);
    this.#stops = new StopFinder(options.stops);
    this.#calls = new ToolCallFinder({ inCall: options.inCall });
    if (options.plan.kind === "json" || options.inCall) this.#grammar = options.startGrammar();
  }

  grammar(): LlamaGrammarEvaluationState | undefined {
    return this.#grammar;
  }

  take(token: number, probabilities?: ReadonlyMap<number, number>): Finish | undefined {
    const { topLogprobs, detokenize } = this.#options;
    if (topLogprobs !== undefined && probabilities !== undefined) {
      const text = (one: number): string => detokenize([one], []);
      this.#logprobs.push(toLogprob(token, { probabilities, top: topLogprobs, text }));
    }
    const text = this.#utf8.take(token);
    return text === "" ? undefined : this.#read(text);
  }

  /** Sends what was held back. Returns the reason that the caller is told. */
  finish(outcome: Finish): Finish {
    if (outcome !== "tool_calls") {
      const rest = this.#utf8.end();
      if (rest !== "") this.#read(rest);
      this.#flush(outcome);
    }
    return outcome === "stop" && this.#callCount > 0 ? "tool_calls" : outcome;
  }

  #read(text: string): Finish | undefined {
    switch (this.#options.plan.kind) {
      case "text":
        return this.#emit(text);
      case "json":
        return this.#readJson(text);
      case "tools":
        return this.#readCalls(text);
    }
  }

  #readJson(text: string): Finish | undefined {
    const end = this.#json.take(text);
    const stopped = this.#emit(end === undefined ? text : text.slice(0, end));
    return end === undefined ? stopped : "stop";
  }

  #readCalls(text: string): Finish | undefined {
    const { plan } = this.#options;
    for (const found of this.#calls.take(text)) {
      if (found.kind === "text") {
        const stopped = this.#emit(found.text);
        if (stopped !== undefined) return stopped;
      } else if (this.#emitCall(found.json)) {
        this.#grammar = undefined;
        if (plan.kind === "tools" && (plan.forced || !plan.parallel)) return "tool_calls";
      }
    }
    // The mark alone was written: from here on the grammar guides. A token that held more than it did not wait.
    if (this.#grammar === undefined && this.#calls.openCall?.trim() === "") {
      this.#grammar = this.#options.startGrammar();
    }
    return undefined;
  }

  #emit(text: string): Finish | undefined {
    const { text: free, found } = this.#stops.take(text);
    this.#send(free);
    return found ? "stop" : undefined;
  }

  #send(text: string): void {
    if (text === "" && this.#logprobs.length === 0) return;
    if (text === "" && this.#options.topLogprobs === undefined) return;
    this.#options.onPart({ kind: "text", text, logprobs: this.#logprobs.splice(0) });
  }

  /** False when it is not a call of one of the functions; it is then text like any other. */
  #emitCall(json: string): boolean {
    const call = parseCall(json);
    if (call === undefined) {
      this.#emit(`${CALL_BEGIN}${json}`);
      return false;
    }
    this.#sendCall(call.name, JSON.stringify(call.arguments));
    return true;
  }

  #sendCall(name: string, written: string): void {
    const id = `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
    const index = this.#callCount++;
    this.#options.onPart({ kind: "call", index, id, name, arguments: written });
  }

  #flush(outcome: Finish): void {
    const { text, unfinished } = this.#calls.end();
    if (text !== "") this.#emit(text);
    this.#send(this.#stops.end());
    if (unfinished === undefined) return;
    // Cut off by the limit: what was generated is paid for, so it is handed over as it is.
    const [, name, written] = UNFINISHED_CALL.exec(unfinished) ?? [];
    if (name !== undefined && outcome === "length") this.#sendCall(name, written ?? "");
    else this.#send(`${CALL_BEGIN}${unfinished}`);
  }
}

const UNFINISHED_CALL = /^\s*\{\s*"name"\s*:\s*"([^"]+)"\s*,\s*"arguments"\s*:\s*([\s\S]*)$/;

function parseCall(json: string): { name: string; arguments: unknown } | undefined {
  try {
    const call: unknown = JSON.parse(json);
    if (typeof call !== "object" || call === null || !("name" in call)) return undefined;
    if (typeof call.name !== "string") return undefined;
    return { name: call.name, arguments: "arguments" in call ? call.arguments : {} };
  } catch {
    return undefined;
  }
}
