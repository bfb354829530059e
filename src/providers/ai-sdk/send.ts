/** One prompt to one provider, and its answer as neutral bytes. Imported with the first call that needs it. */
import { UnsupportedFunctionalityError } from "@ai-sdk/provider";
import type { SendOptions } from "../exchange.ts";
import { extraFor } from "../neutral/extra.ts";
import { type Prompt, untranslatable } from "../neutral/prompt.ts";
import type { AiSdkProvider, Upstream } from "../upstream.ts";
import { apis } from "./apis/apis.ts";
import { type Call, streamed, whole } from "./neutral-body.ts";
import { OneRequest } from "./one-request.ts";
import { refuseUnsupported } from "./refuse-warnings.ts";
import { toCallOptions } from "./to-call-options.ts";

export async function send(
  prompt: Prompt,
  to: { upstream: Upstream; api: AiSdkProvider; options: SendOptions },
): Promise<Response> {
  const call = await prepare(prompt, to);
  call.request.begin();
  return prompt.stream ? await streamed(call) : await whole(call);
}

/** Everything that can go wrong before anything is sent. */
async function prepare(
  prompt: Prompt,
  {
    upstream,
    api: name,
    options,
  }: { upstream: Upstream; api: AiSdkProvider; options: SendOptions },
): Promise<Call> {
  const api = apis[name];
  const { upstreamModel, maxOutputTokens } = options;
  const extra = extraFor(prompt.extra, api.ownFields);
  const request = new OneRequest(upstream, { api, options, extra });
  try {
    const { fetch } = request;
    const model = await api.open({ baseURL: upstream.baseUrl, fetch, model: upstreamModel });
    const callOptions = toCallOptions(prompt, {
      ...{ api, upstreamModel, maxOutputTokens, quirks: upstream.quirks },
      supportedUrls: await model.supportedUrls,
    });
    await refuseUnsupported(model, callOptions, prompt);
    return { upstream, api, options, model, callOptions, request };
  } catch (error) {
    if (!UnsupportedFunctionalityError.isInstance(error)) throw error;
    throw untranslatable("messages", `it does not take ${error.functionality}`);
  }
}
