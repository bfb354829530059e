/** Calls: make one, and read its receipt. */
import { type Command, defineCommand } from "../grammar/command.ts";

export const callCommands: readonly Command[] = [
  defineCommand({
    name: "chat",
    summary: "Chat with a model through the gateway, with usage and cost of each answer",
    detail: "Without a message it asks for one after the other, until Ctrl-D.",
    positionals: { MESSAGE: { help: "what to say", rest: true } },
    flags: {
      model: { kind: "text", value: "MODEL", help: "model to ask (default: the key's first one)" },
      key: { kind: "text", value: "KEY", help: "key to call with (default: $BASELOAD_API_KEY)" },
      system: { kind: "text", help: "instructions before the first message" },
      "max-tokens": { kind: "count", help: "the most tokens of one answer" },
      "gateway-url": {
        kind: "url",
        help: "the data plane (default: $BASELOAD_GATEWAY_URL, or the one running from the home folder)",
      },
    },
    examples: [
      "baseload chat 'Why is the sky blue?'",
      "baseload chat --model smollm2-135m-instruct --max-tokens 100 Tell me a joke",
      "git diff | baseload chat --system 'Review this change.'",
      "baseload chat",
    ],
    run: async ({ words, flags }, context) =>
      (await import("../commands/chat/chat.ts")).chat(
        { ...flags, message: words.MESSAGE },
        context,
      ),
  }),
  defineCommand({
    name: "call",
    summary: "Show the receipt of a call: attempts, usage, price, cost, ledger transfer",
    positionals: {
      RECEIPT_ID: { help: "x-request-id of the call, as `chat` prints it", required: true },
    },
    flags: {},
    examples: ["baseload call 0193f0a4-6c1e-7d2a-9b1f-3c5d7e9f1a20"],
    run: async ({ words }, context) =>
      (await import("../commands/call.ts")).showCall(words.RECEIPT_ID, context),
  }),
];
