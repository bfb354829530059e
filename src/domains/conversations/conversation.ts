/** What a conversation is that clients keep as such, and its limits. */
import type { Item, Tenant } from "./response.ts";

export type Metadata = Readonly<Record<string, string>>;

export type Conversation = Tenant & {
  conversationId: string;
  metadata: Metadata;
  createdAt: Date;
};

/** Of all its items: no model's context takes as much text. */
export const CONVERSATION_BYTES_MAX = 16 * 1024 * 1024;
export const CONVERSATION_ITEMS_MAX = 10_000;
/** Per project: their items cost nobody money, so nothing else would bound them. */
export const CONVERSATIONS_MAX = 100_000;

export type ItemPage = { items: Item[]; hasMore: boolean };
export type ItemPageRequest = {
  limit: number;
  order: "asc" | "desc";
  /** The id of the item that comes before the page. */
  after?: string | undefined;
};

export const newConversationId = (): string => `conv_${Bun.randomUUIDv7().replaceAll("-", "")}`;
