/** How an operation beside chat is put to an upstream. */
import type { JsonObject } from "../../lib/json.ts";
import { type MultipartForm, withFields } from "../../lib/multipart.ts";
import { ask } from "../ask.ts";
import type { SendOptions } from "../exchange.ts";
import type { DialectName, EndpointName, Upstream } from "../upstream.ts";

export type Door = {
  endpoint: EndpointName;
  /** Where OpenAI has it; quirks move it. */
  path: string;
};

/** What the client sent, in one of the two forms that OpenAI takes. */
export type Sent = { json: JsonObject } | { form: MultipartForm };

/** These dialects of chat belong to APIs that have the other operations beside them. */
const OPENAI_SHAPED: readonly DialectName[] = ["openai-chat", "openai-responses"];

/** A provider of another dialect serves an operation where its quirks say at which address. */
export function whyNotServed(upstream: Upstream, { endpoint }: Door): string | undefined {
  const { paths, endpoint_urls: urls, also_speaks: spoken } = upstream.quirks;
  const isShaped = [upstream.dialect, ...(spoken ?? [])].some((name) =>
    OPENAI_SHAPED.includes(name),
  );
  if (isShaped || paths?.[endpoint] !== undefined || urls?.[endpoint] !== undefined)
    return undefined;
  return `the provider '${upstream.name}' is not known to serve ${endpoint.replace("_", " ")}`;
}

/** As the client sent it, but for the model's name: fields that nobody knows here work all the same. */
export function putAsSent(
  upstream: Upstream,
  door: Door,
  { sent, options }: { sent: Sent; options: SendOptions },
): Promise<Response> {
  const model = options.upstreamModel;
  if ("json" in sent) return put(upstream, door, { body: { ...sent.json, model }, options });
  const { form } = sent;
  return askAt(upstream, door, {
    body: withFields(form, { model }),
    headers: { "content-type": `multipart/form-data; boundary="${form.boundary}"` },
    options,
  });
}

export const put = (
  upstream: Upstream,
  door: Door,
  { body, options, headers }: { body: JsonObject; options: SendOptions; headers?: Headers },
): Promise<Response> =>
  askAt(upstream, door, { body: JSON.stringify(body), headers: headers ?? {}, options });

type Headers = Readonly<Record<string, string>>;

function askAt(
  upstream: Upstream,
  door: Door,
  { body, headers, options }: { body: string | Uint8Array; headers: Headers; options: SendOptions },
): Promise<Response> {
  const { upstreamModel, attemptId, tenant, signal, timeoutMs } = options;
  return ask(upstream, {
    ...door,
    // What a provider serves beside another dialect has OpenAI's way of showing a credential.
    dialect: OPENAI_SHAPED.includes(upstream.dialect) ? undefined : "openai-chat",
    upstreamModel,
    headers,
    body,
    attemptId,
    tenant,
    signal,
    timeoutMs,
  });
}
