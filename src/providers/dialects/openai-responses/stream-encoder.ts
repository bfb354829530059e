/** Neutral events → the frames of a Responses stream. */
import type { Failure } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent, AnswerFacts, FinishReason, ReadUsage } from "../../neutral/answer.ts";
import type { StreamEncoder } from "../dialect.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { errorEvent, responseError } from "./errors.ts";
import { OutputWriter } from "./output-writer.ts";
import { type Ending, toResponse } from "./response-object.ts";
import { toFrame, type WireEvent } from "./wire-events.ts";

export class ResponsesStreamEncoder implements StreamEncoder {
  readonly #facts: AnswerFacts;
  readonly #writer: OutputWriter;
  #sequence = 0;
  #hasBegun = false;
  #hasRefused = false;
  #reason: FinishReason | undefined;
  #usage: ReadUsage | undefined;
  #serviceTier: string | undefined;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
    this.#writer = new OutputWriter(writerOptions(facts));
  }

  take(event: AnswerEvent): string {
    // Of several answers at once this API knows nothing, so none can have been asked for.
    if ("choice" in event && event.choice !== 0) return "";
    const frames = this.#begin();
    if (event.type === "begin") this.#serviceTier = event.serviceTier;
    if (event.type === "usage") this.#usage = event.usage;
    this.#hasRefused ||= event.type === "refusal";
    if (event.type === "finish") {
      this.#reason = event.reason;
      return frames + this.#frames(this.#writer.close(this.#status));
    }
    return frames + this.#frames(this.#writer.take(event));
  }

  closing(): string {
    const status = this.#status;
    const frames = this.#begin() + this.#frames(this.#writer.close(status));
    return frames + this.#frame({ type: `response.${status}`, response: this.response });
  }

  /** OpenAI tells an error twice: as an event of its own, and as the end of the response. */
  failing(failure: Failure): string {
    const error = this.#frame(errorEvent(failure));
    if (!this.#hasBegun) return error;
    const response = this.#respond({ status: "failed", error: responseError(failure) });
    return error + this.#frame({ type: "response.failed", response });
  }

  /** As it is at its end. */
  get response(): JsonObject {
    return this.#respond({ status: this.#status, reason: this.#reason ?? "stop" });
  }

  /**
   * A turn that its provider paused is not at its end, like one that became too long. Nor is one that a provider
   * refused over the model's head: a model that refuses says so, and that is a whole answer.
   */
  get #status(): "completed" | "incomplete" {
    const isCut =
      this.#reason === "length" ||
      this.#reason === "content_filter" ||
      this.#reason === "pause" ||
      (this.#reason === "refusal" && !this.#hasRefused);
    return isCut ? "incomplete" : "completed";
  }

  #begin(): string {
    if (this.#hasBegun) return "";
    this.#hasBegun = true;
    const response = this.#respond({ status: "in_progress" });
    return this.#frames([
      { type: "response.created", response },
      { type: "response.in_progress", response },
    ]);
  }

  #respond(ending: Ending): JsonObject {
    return toResponse(this.#facts, this.#writer.output, {
      ...ending,
      usage: ending.status === "in_progress" ? undefined : this.#usage,
      serviceTier: this.#serviceTier,
    });
  }

  #frames(events: readonly WireEvent[]): string {
    let text = "";
    for (const event of events) text += this.#frame(event);
    return text;
  }

  #frame({ type, ...fields }: WireEvent): string {
    return toFrame({ type, sequence_number: this.#sequence++, ...fields });
  }
}

export function writerOptions({ requestId, request }: AnswerFacts) {
  const { reasoning } = request;
  const summary = isRecord(reasoning)
    ? (reasoning["summary"] ?? reasoning["generate_summary"])
    : null;
  return {
    idStem: requestId.replaceAll("-", ""),
    showsSummary: summary !== null && summary !== undefined,
  };
}
