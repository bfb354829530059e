/** Events → the chunks of a chat stream. */
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import type { JsonObject } from "../../../lib/json.ts";
import type { AnswerEvent, AnswerFacts, ReadUsage } from "../../neutral/answer.ts";
import type { StreamEncoder } from "../dialect.ts";
import { ChoiceEncoder, type ChunkChoice } from "./choice-encoder.ts";
import { headOf } from "./encode-answer.ts";
import { isRecord } from "./wire.ts";
import { writeUsage } from "./write-usage.ts";

const CHUNK = "chat.completion.chunk" as const;
const DONE = "data: [DONE]\n\n";

type Head = Omit<ChatCompletionChunk, "choices">;
type Chunk = Omit<ChatCompletionChunk, "choices"> & { choices: ChunkChoice[] };

export class ChatStreamEncoder implements StreamEncoder {
  readonly #facts: AnswerFacts;
  readonly #wantsUsage: boolean;
  #head: Head;
  readonly #choices = new Map<number, ChoiceEncoder>();
  #usage: ReadUsage | undefined;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
    this.#wantsUsage = wantsUsage(facts.request);
    this.#head = headOf(CHUNK, {}, facts);
  }

  take(event: AnswerEvent): string {
    switch (event.type) {
      case "begin":
        this.#head = headOf(CHUNK, event, this.#facts);
        return "";
      case "usage":
        this.#usage = event.usage;
        return "";
      case "error":
        // Told by the gateway, in a frame of its own.
        return "";
      default:
        return this.#choice(event.choice)
          .take(event)
          .map((choice) => this.#chunk([choice]))
          .join("");
    }
  }

  closing(): string {
    const ends = [...this.#choices.values()].map((choice) => this.#chunk([choice.end()]));
    return `${ends.join("")}${this.#usageChunk()}${DONE}`;
  }

  #choice(index: number): ChoiceEncoder {
    const known = this.#choices.get(index) ?? new ChoiceEncoder(index);
    this.#choices.set(index, known);
    return known;
  }

  /** Clients that ask for usage get the field in every chunk, empty until the last. */
  #chunk(choices: ChunkChoice[]): string {
    return this.#frame({ choices, ...(this.#wantsUsage ? { usage: null } : {}) });
  }

  #usageChunk(): string {
    if (!this.#wantsUsage || this.#usage === undefined) return "";
    return this.#frame({ choices: [], usage: writeUsage(this.#usage) });
  }

  #frame(fields: Pick<Chunk, "choices" | "usage">): string {
    const chunk: Chunk = { ...this.#head, ...fields };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }
}

export function wantsUsage(request: JsonObject): boolean {
  const options = request["stream_options"];
  return isRecord(options) && options["include_usage"] === true;
}
