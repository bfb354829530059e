/** A conversation through the gateway. The answer is the output; usage and cost are notes beside it. */
import { Failure } from "../../../lib/errors.ts";
import type { CommandContext, Report } from "../../grammar/command.ts";
import { UsageError } from "../../grammar/usage-error.ts";
import { formatCount, formatUsd, withoutControls } from "../../output/format.ts";
import { type ChatAnswer, readChatAnswer } from "./chat-answer.ts";
import { askChat, type ChatMessage, type DataPlane, firstModelOf } from "./data-plane.ts";

type ChatFlags = {
  readonly message: string | undefined;
  readonly model: string | undefined;
  readonly key: string | undefined;
  readonly system: string | undefined;
  readonly "max-tokens": number | undefined;
  readonly "gateway-url": string | undefined;
};

type Conversation = {
  readonly plane: DataPlane;
  readonly model: string;
  readonly maxTokens: number | undefined;
  readonly messages: ChatMessage[];
};

type Answered = ChatAnswer & {
  /** The headers of the answer, and the comments at the end of its stream. */
  readonly told: (name: string) => string | null;
};

export async function chat(flags: ChatFlags, context: CommandContext): Promise<Report> {
  const { environment, terminal, global } = context;
  const key = flags.key ?? environment.variable("BASELOAD_API_KEY");
  if (key === undefined) {
    throw new UsageError(
      "chat needs a key: give --key or set BASELOAD_API_KEY. Make one with: baseload key create",
    );
  }
  const isInteractive = flags.message === undefined && terminal.asksPerson;
  if (isInteractive && global.json) throw new UsageError("chat --json needs a message.");
  const message = isInteractive ? undefined : await readMessage(flags.message, context);
  const plane = { url: environment.gatewayUrl(flags["gateway-url"]), key };
  const conversation: Conversation = {
    plane,
    model: flags.model ?? (await firstModelOf(plane)),
    maxTokens: flags["max-tokens"],
    messages: flags.system === undefined ? [] : [{ role: "system", content: flags.system }],
  };
  if (message === undefined) return talk(conversation, context);
  const answer = await say(message, conversation, context);
  return { json: toJson(answer), text: "" };
}

async function readMessage(given: string | undefined, context: CommandContext): Promise<string> {
  const message = given ?? (await context.terminal.readInput()).trim();
  if (message === "") throw new UsageError("chat needs a message, or one on its standard input.");
  return message;
}

/** One message after the other, until the person ends the input. */
async function talk(conversation: Conversation, context: CommandContext): Promise<Report> {
  const { terminal } = context;
  terminal.note(`Talking to ${conversation.model}. Ctrl-D ends.\n`);
  for (;;) {
    const message = await terminal.ask("\n> ");
    if (message === undefined) break;
    if (message.trim() !== "") await sayOrExplain(message, conversation, context);
  }
  terminal.note("\n");
  return { json: null, text: "" };
}

/** A refused message does not end the conversation; it is as if it had not been said. */
async function sayOrExplain(
  message: string,
  conversation: Conversation,
  context: CommandContext,
): Promise<void> {
  const before = conversation.messages.length;
  try {
    await say(message, conversation, context);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    conversation.messages.length = before;
    context.terminal.note(`${withoutControls(error.message)}\n`);
  }
}

async function say(
  message: string,
  conversation: Conversation,
  { terminal, global }: CommandContext,
): Promise<Answered> {
  conversation.messages.push({ role: "user", content: message });
  const response = await askChat(conversation.plane, conversation);
  const answer = await readChatAnswer(bytesOf(response), (text) => {
    if (!global.json) terminal.out(withoutControls(text));
  });
  conversation.messages.push({ role: "assistant", content: answer.content });
  const told = (name: string) => answer.trailers[name] ?? response.headers.get(name);
  const answered = { ...answer, told };
  if (!global.json) {
    if (!answer.content.endsWith("\n")) terminal.out("\n");
    terminal.note(`${withoutControls(receiptLine(answered))}\n`);
  }
  return answered;
}

async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* response.body;
  } catch (cause) {
    throw new Failure(
      "upstream",
      "The connection to the gateway broke in the middle of the answer.",
      {
        cause,
      },
    );
  }
}

/** `[smollm2 · 12 in (4 cached) · 30 out · $0.0000123 · baseload call 0193…]` */
function receiptLine({ model, usage, told, finish_reason }: Answered): string {
  const count = (tokens: number, what: string) => `${formatCount(tokens)} ${what}`;
  const cached = usage?.cached_input_tokens
    ? ` (${count(usage.cached_input_tokens, "cached")})`
    : "";
  const lowered = told("x-baseload-lowered-max-tokens");
  const cost = told("x-baseload-cost");
  const requestId = told("x-request-id");
  const parts = [
    told("x-baseload-model") ?? model,
    usage && count(usage.input_tokens, "in") + cached,
    usage && count(usage.output_tokens, "out"),
    finish_reason === "length" && "stopped at the token limit",
    lowered && `limit lowered to ${lowered} tokens, which is what the wallet affords`,
    cost && formatUsd(cost),
    requestId && `baseload call ${requestId}`,
  ];
  return `[${parts.filter((part) => part).join(" · ")}]`;
}

const toJson = ({ content, model, finish_reason, usage, told }: Answered) => ({
  request_id: told("x-request-id"),
  model: told("x-baseload-model") ?? model,
  provider: told("x-baseload-provider"),
  region: told("x-baseload-region"),
  content,
  finish_reason,
  input_tokens: usage?.input_tokens ?? null,
  cached_input_tokens: usage?.cached_input_tokens ?? null,
  output_tokens: usage?.output_tokens ?? null,
  cost_usd: told("x-baseload-cost"),
  transfer_id: told("x-baseload-transfer"),
});
