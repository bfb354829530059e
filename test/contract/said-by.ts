/**
 * What each dialect can say to its clients of an answer that comes from another: the definition of what is lost in
 * translation, and nothing else may be.
 */
import type { QuantityName } from "../../src/lib/quantities.ts";
import type {
  AnswerPart,
  Choice,
  FinishReason,
  NeutralAnswer,
  TokenLogprob,
} from "../../src/providers/neutral/answer.ts";
import { unwrapSeal } from "../../src/providers/neutral/seal.ts";
import type { ChatDialectName } from "../../src/providers/upstream.ts";

type Sayable = {
  /** A dialect with one answer per call refuses a request for more, so it never has to tell them. */
  choicesMax: number;
  /** Otherwise they are told as text, which is what they are to be read as. */
  hasRefusals: boolean;
  hasLogprobs: boolean;
  /** From where to where in a text a source is cited. */
  hasPlaces: boolean;
  hasStopSequences: boolean;
  /** A dialect that cannot leave usage out says what we count. */
  hasUnknownUsage: boolean;
  reasons: Readonly<Record<FinishReason, FinishReason>>;
  /** The kinds that it has no word for, and the one that they are told as. Whatever is told, all are charged. */
  merged: Readonly<Partial<Record<QuantityName, QuantityName | "nothing">>>;
};

/** Usage is told in tokens. */
const PIECES = { search_units: "nothing", images: "nothing", requests: "nothing" } as const;

export const sayable: Readonly<Record<ChatDialectName, Sayable>> = {
  "openai-chat": {
    choicesMax: Number.POSITIVE_INFINITY,
    hasRefusals: true,
    hasLogprobs: true,
    hasPlaces: true,
    hasStopSequences: false,
    hasUnknownUsage: true,
    reasons: {
      stop: "stop",
      length: "length",
      tool_calls: "tool_calls",
      content_filter: "content_filter",
      refusal: "content_filter",
      pause: "length",
      other: "stop",
    },
    merged: { cache_write_1h: "cache_write", image_output: "output_text", ...PIECES },
  },
  "openai-responses": {
    choicesMax: 1,
    hasRefusals: true,
    hasLogprobs: true,
    hasPlaces: true,
    hasStopSequences: false,
    hasUnknownUsage: true,
    reasons: {
      stop: "stop",
      length: "length",
      tool_calls: "stop",
      content_filter: "content_filter",
      refusal: "content_filter",
      pause: "length",
      other: "stop",
    },
    merged: { cache_write_1h: "cache_write", image_output: "output_text", ...PIECES },
  },
  "anthropic-messages": {
    choicesMax: 1,
    hasRefusals: false,
    hasLogprobs: false,
    hasPlaces: false,
    hasStopSequences: true,
    hasUnknownUsage: false,
    reasons: {
      stop: "stop",
      length: "length",
      tool_calls: "tool_calls",
      content_filter: "refusal",
      refusal: "refusal",
      pause: "pause",
      other: "stop",
    },
    merged: {
      audio_input: "uncached_input",
      image_input: "uncached_input",
      audio_output: "output_text",
      image_output: "output_text",
      ...PIECES,
    },
  },
};

/** An answer as a client of that dialect understands it, in a shape in which answers can be compared. */
export function understoodBy(dialect: ChatDialectName, answer: NeutralAnswer) {
  const can = sayable[dialect];
  return {
    choices: answer.choices.map((choice) => understoodChoice(can, choice)),
    quantities: quantitiesOf(can, answer),
  };
}

function understoodChoice(can: Sayable, { parts, reason, stopSequence }: Choice) {
  const texts = of(parts, "text");
  const refusals = of(parts, "refusal");
  const calls = of(parts, "tool_call");
  const wordsOf = (said: readonly { text: string }[]) => said.map(({ text }) => text).join("");
  return {
    ...(can.hasRefusals
      ? { text: wordsOf(texts), refusal: wordsOf(refusals) }
      : { text: wordsOf([...texts, ...refusals]) }),
    thoughts: of(parts, "reasoning").map(thoughtOf),
    calls: calls.map(({ id, name, arguments: text }) => [id, name, JSON.parse(text)]),
    ...(can.hasLogprobs
      ? { logprobs: texts.flatMap(({ logprobs = [] }) => logprobs.map(withBytes)) }
      : {}),
    cited: citedIn(can, texts),
    reason: understoodReason(can, reason, { calls: calls.length, refused: refusals.length > 0 }),
    ...(can.hasStopSequences && reason === "stop" ? { stopSequence } : {}),
  };
}

/** Bytes of a token that nobody tells are those of its text; the Responses API always tells them. */
function withBytes({ top_logprobs, ...likely }: TokenLogprob): TokenLogprob {
  const complete = <Likely extends Pick<TokenLogprob, "token" | "bytes">>(one: Likely) => ({
    ...one,
    bytes: one.bytes ?? [...Buffer.from(one.token)],
  });
  return { ...complete(likely), top_logprobs: top_logprobs.map(complete) };
}

type Of<Type extends AnswerPart["type"]> = Extract<AnswerPart, { type: Type }>;

function of<Type extends AnswerPart["type"]>(parts: readonly AnswerPart[], type: Type): Of<Type>[] {
  return parts.filter((part): part is Of<Type> => part.type === type);
}

/** A client sends another dialect's seal back in an envelope, and what is in it counts. */
function unwrapped({ text, signature, encrypted }: Of<"reasoning">) {
  const seal = unwrapSeal(signature ?? encrypted ?? "");
  return seal === undefined ? undefined : { text, ...seal };
}

/** Whose seal a thought without one bears says nothing. */
function thoughtOf(part: Of<"reasoning">) {
  const { type: _, ...sealed } = part;
  const { text, signature, encrypted, id, sealedBy } = unwrapped(part) ?? sealed;
  const isSealed = signature !== undefined || encrypted !== undefined;
  return { text, signature, encrypted, ...(isSealed ? { id, sealedBy } : {}) };
}

/** Places count within a part, and parts may be joined: here they count within all of the text. */
function citedIn({ hasPlaces }: Sayable, texts: readonly Of<"text">[]) {
  let before = 0;
  return texts.flatMap(({ text, annotations = [] }) => {
    const cited = annotations.map(({ url, title, start = 0, end = 0 }) =>
      hasPlaces ? { url, title, start: before + start, end: before + end } : { url, title },
    );
    before += text.length;
    return cited;
  });
}

/**
 * Calls are a reason of their own in some dialects and no reason at all in others: whoever sees calls answers them. A
 * refusal that the model has said is an end like any other.
 */
function understoodReason(
  can: Sayable,
  reason: FinishReason,
  has: { calls: number; refused: boolean },
): FinishReason {
  const isRefused = can.hasRefusals && has.refused && reason === "refusal";
  const said = isRefused ? "stop" : can.reasons[reason];
  const isEnd = said === "stop" || said === "tool_calls";
  if (isEnd) return has.calls > 0 ? "tool_calls" : "stop";
  return said;
}

function quantitiesOf({ merged }: Sayable, { usage }: NeutralAnswer) {
  if (usage === undefined) return undefined;
  const total: Record<string, number> = {};
  for (const [name, count] of Object.entries(usage.quantities)) {
    const as = merged[name as QuantityName] ?? name;
    if (as === "nothing") continue;
    total[as] = (total[as] ?? 0) + count;
  }
  return total;
}
