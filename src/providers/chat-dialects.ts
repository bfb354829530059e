/** Every dialect of chat, by the name that clients' endpoints and providers' settings know it by. */
import { aiSdk } from "./ai-sdk/ai-sdk.ts";
import { anthropicMessages } from "./dialects/anthropic-messages/anthropic-messages.ts";
import type { ChatDialect } from "./dialects/dialect.ts";
import { openAiChat } from "./dialects/openai-chat/openai-chat.ts";
import { openAiResponses } from "./dialects/openai-responses/openai-responses.ts";
import type { NeutralUpstream } from "./neutral/neutral-upstream.ts";
import type { ChatDialectName, DialectName, Upstream } from "./upstream.ts";

export const chatDialects = {
  "openai-chat": openAiChat,
  "openai-responses": openAiResponses,
  "anthropic-messages": anthropicMessages,
} as const satisfies Record<ChatDialectName, ChatDialect>;

const byName: Partial<Record<string, ChatDialect>> = chatDialects;

/** Undefined for `ai-sdk`, which has no words of its own. */
export function chatDialectOf(name: string): ChatDialect | undefined {
  return byName[name];
}

export function speaks(upstream: Upstream, dialect: ChatDialectName): boolean {
  return upstream.dialect === dialect || upstream.quirks.also_speaks?.includes(dialect) === true;
}

const neutralUpstreams: Partial<Record<string, NeutralUpstream>> = { "ai-sdk": aiSdk };

/** The adapter for providers that take the neutral prompt itself. */
export function neutralUpstreamOf(name: DialectName): NeutralUpstream | undefined {
  return neutralUpstreams[name];
}
