/** Where an endpoint of a provider lies and how its credential is presented there: its dialect, moved by its quirks. */
import type {
  AiSdkProvider,
  AuthStyle,
  ChatDialectName,
  DialectName,
  EndpointName,
  Upstream,
} from "./upstream.ts";

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
  /** Where this needs more than a header that never changes, the caller presents the credential. */
  auth: AuthStyle;
};

const authOf: Readonly<Record<ChatDialectName, AuthStyle>> = {
  "openai-chat": "bearer",
  "openai-responses": "bearer",
  "anthropic-messages": "x-api-key",
};

/** The APIs that the packages of `ai-sdk` speak. */
const authOfPackage: Readonly<Record<AiSdkProvider, AuthStyle>> = {
  google: "x-goog-api-key",
  "google-vertex": "google-account",
  "amazon-bedrock": "aws",
  cohere: "bearer",
  mistral: "bearer",
};

export function endpointOf(upstream: Upstream, call: EndpointCall): Endpoint {
  const { quirks } = upstream;
  const dialect = call.dialect ?? upstream.dialect;
  const query = new URLSearchParams(quirks.query);
  const headers = { ...quirks.headers };
  const auth = authStyleOf(upstream, dialect);
  present(upstream.credential, auth, { headers, query });
  return {
    baseUrl: baseUrlOf(upstream, dialect, call.endpoint),
    path: withQuery(pathOf(upstream, call), query),
    headers,
    auth,
  };
}

function authStyleOf({ quirks, ...upstream }: Upstream, dialect: DialectName): AuthStyle {
  const ofMain = dialect === upstream.dialect ? quirks.auth : undefined;
  if (dialect !== "ai-sdk") return quirks.dialect_auth?.[dialect] ?? ofMain ?? authOf[dialect];
  const name = quirks.ai_sdk_provider;
  return ofMain ?? (name === undefined ? "none" : authOfPackage[name]);
}

function withQuery(path: string, query: URLSearchParams): string {
  if (query.size === 0) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
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
  if (credential === null) return;
  switch (style) {
    case "bearer":
      to.headers["authorization"] = `Bearer ${credential}`;
      break;
    case "query":
      to.query.set("key", credential);
      break;
    case "x-api-key":
    case "api-key":
    case "x-goog-api-key":
      to.headers[style] = credential;
      break;
    case "google-account":
    case "aws":
    case "none":
      break;
  }
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
