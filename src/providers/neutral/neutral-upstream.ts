import type { SendOptions } from "../exchange.ts";
import type { Upstream } from "../upstream.ts";
import type { Prompt } from "./prompt.ts";

/**
 * A way to a provider that takes the neutral prompt itself. Its answers are neutral, too, in the shape that
 * `wire.ts` reads: events as a stream, or one whole answer as JSON.
 */
export type NeutralUpstream = {
  /** @throws Failure `UNTRANSLATABLE` for what the provider has no words for; asked while planning, so it is quick */
  assertSayable(prompt: Prompt, upstream: Upstream): void;
  /** @throws Failure for every answer that is not 2xx */
  send(prompt: Prompt, upstream: Upstream, options: SendOptions): Promise<Response>;
};
