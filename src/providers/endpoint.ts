/** Where an endpoint of a provider lies and how its credential is presented there: its dialect, moved by its quirks. */
import type { AuthStyle, DialectName, EndpointName, Upstream } from "./upstream.ts";

export type EndpointCall = {
  /** As its dialect has it, such as `/chat/completions`, relative to the base URL. */
  path: string;
  /** By which quirks find it; undefined where no quirk can move it. */
  endpoint?: EndpointName | undefined;
  /** In which the call is made; the provider's main dialect when left out. */
  dialect?: DialectName | undefined;
  /** For paths that name the model. */
  upstreamModel?: string | undefined;
};

export type Endpoint = {
  baseUrl: string;
  /** With its query. Holds the credential where the provider wants it in the address. */
  path: string;
  headers: Record<string, string>;
};

const authOf: Readonly<Record<DialectName, AuthStyle>> = {
  "openai-chat": "bearer",
  "openai-responses": "bearer",
  "anthropic-messages": "x-api-key",
  "ai-sdk": "bearer",
};

export function endpointOf(upstream: Upstream, call: EndpointCall): Endpoint {
  const { quirks } = upstream;
  const dialect = call.dialect ?? upstream.dialect;
  const query = new URLSearchParams(quirks.query);
  const headers = { ...quirks.headers };
  present(upstream.credential, authStyleOf(upstream, dialect), { headers, query });
  const path = pathOf(upstream, call);
  return {
    baseUrl: baseUrlOf(upstream, dialect, call.endpoint),
    path: query.size === 0 ? path : `${path}?${query}`,
    headers,
  };
}

function authStyleOf({ quirks, ...upstream }: Upstream, dialect: DialectName): AuthStyle {
  const isMain = dialect === upstream.dialect;
  const other = dialect === "ai-sdk" ? undefined : quirks.dialect_auth?.[dialect];
  return other ?? (isMain ? quirks.auth : undefined) ?? authOf[dialect];
}

function baseUrlOf(
  { baseUrl, quirks }: Upstream,
  dialect: DialectName,
  endpoint: EndpointName | undefined,
): string {
  const ofEndpoint = endpoint === undefined ? undefined : quirks.endpoint_urls?.[endpoint];
  const ofDialect = dialect === "ai-sdk" ? undefined : quirks.dialect_urls?.[dialect];
  return ofEndpoint ?? ofDialect ?? baseUrl;
}

function pathOf({ quirks }: Upstream, call: EndpointCall): string {
  const moved = call.endpoint === undefined ? undefined : quirks.paths?.[call.endpoint];
  const path = moved ?? call.path;
  return path.replaceAll("{model}", () => encodeURIComponent(call.upstreamModel ?? ""));
}

function present(
  credential: string | null,
  style: AuthStyle,
  to: { headers: Record<string, string>; query: URLSearchParams },
): void {
  if (credential === null || style === "none") return;
  if (style === "bearer") to.headers["authorization"] = `Bearer ${credential}`;
  else if (style === "query") to.query.set("key", credential);
  else to.headers[style] = credential;
}

/** Every address that a provider's settings name, with the field that holds it: each is checked when it is saved. */
export function addressesOf(
  provider: Pick<Upstream, "baseUrl" | "quirks">,
): { url: string; param: string }[] {
  const { dialect_urls = {}, endpoint_urls = {} } = provider.quirks;
  return [
    { url: provider.baseUrl, param: "base_url" },
    ...Object.entries(dialect_urls).map(([name, url]) => ({
      url,
      param: `quirks.dialect_urls.${name}`,
    })),
    ...Object.entries(endpoint_urls).map(([name, url]) => ({
      url,
      param: `quirks.endpoint_urls.${name}`,
    })),
  ];
}
