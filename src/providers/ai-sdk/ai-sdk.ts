/**
 * Providers whose APIs no dialect of ours speaks, through the maintained packages of the AI SDK: these turn a prompt
 * into a request and an answer into parts, and we send. Nothing of them is loaded before the first call that needs it.
 *
 * Invariant: no byte leaves by another way than `ask`. The packages are given no credential and no `fetch` of their
 * own; what they build is sent once, to the provider's own address, and what they could not say is refused before.
 */
import { Failure } from "../../lib/errors.ts";
import type { NeutralUpstream } from "../neutral/neutral-upstream.ts";
import { UNTRANSLATABLE } from "../neutral/prompt.ts";
import type { AiSdkProvider, Upstream } from "../upstream.ts";
import { assertSayable } from "./assert-sayable.ts";

export const aiSdk: NeutralUpstream = {
  assertSayable: (prompt, upstream) => assertSayable(prompt, apiOf(upstream)),
  send: async (prompt, upstream, options) => {
    const { send } = await import("./send.ts");
    return await send(prompt, { upstream, api: apiOf(upstream), options });
  },
};

function apiOf({ name, quirks }: Upstream): AiSdkProvider {
  if (quirks.ai_sdk_provider !== undefined) return quirks.ai_sdk_provider;
  throw new Failure(
    "upstream",
    `The provider '${name}' has the dialect 'ai-sdk', but does not say which API. An operator must set its quirk 'ai_sdk_provider'.`,
    { code: UNTRANSLATABLE },
  );
}
