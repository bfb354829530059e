/** How a credential is shown to a provider: in a header, in the address, as a token, or as a signature. */
import { AwsV4Signer } from "aws4fetch";
import { systemClock } from "../../lib/clock.ts";
import type { AuthStyle, Upstream } from "../upstream.ts";
import { failureWithoutAnswer } from "../upstream-failure.ts";
import { type AwsAccessKey, readAwsAccessKey, readGoogleAccount } from "./cloud-credential.ts";
import { GoogleTokens, type SendForm } from "./google-token.ts";

export type RequestToSign = {
  method: string;
  /** As the provider knows it, with its name and its query. */
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array | undefined;
};

/** One per process: a token serves all calls of an account. */
const googleTokens = new GoogleTokens(systemClock);

/** Ways that depend on the request, or on another call before it. The others are headers that never change. */
export async function presentCloudCredential(
  upstream: Upstream,
  style: AuthStyle,
  { request, send }: { request: RequestToSign; send: SendForm },
): Promise<Record<string, string>> {
  const { credential } = upstream;
  if (credential === null) return {};
  if (style === "google-account") {
    const account = readGoogleAccount(credential);
    if (account === undefined) return { "x-goog-api-key": credential };
    return bearer(await googleTokens.tokenFor(upstream, account, send));
  }
  if (style === "aws") {
    const key = readAwsAccessKey(credential);
    return key === undefined ? bearer(credential) : await signForAws(upstream, key, request);
  }
  return {};
}

export const bearer = (text: string): Record<string, string> => ({
  authorization: `Bearer ${text}`,
});

/** Of the calls that are signed; what it is called in a signature's scope. */
const AWS_SERVICE = "bedrock";

async function signForAws(
  upstream: Upstream,
  key: AwsAccessKey,
  { method, url, headers, body }: RequestToSign,
): Promise<Record<string, string>> {
  const region = upstream.quirks.cloud_region ?? regionIn(url);
  if (region === undefined) throw noRegion(upstream);
  const signer = new AwsV4Signer({
    method,
    url,
    // Only what nothing on the way changes is signed.
    headers: Object.entries(headers).filter(([name]) => name.startsWith("x-amz")),
    ...(body === undefined ? {} : { body: body as string }),
    accessKeyId: key.accessKeyId,
    secretAccessKey: key.secretAccessKey,
    ...(key.sessionToken === undefined ? {} : { sessionToken: key.sessionToken }),
    region,
    service: AWS_SERVICE,
    datetime: new Date(systemClock.nowMs()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const signed = await signer.sign();
  return Object.fromEntries(signed.headers);
}

/** `https://bedrock-runtime.eu-central-1.amazonaws.com` */
const regionIn = (url: string): string | undefined =>
  /\.([a-z]{2,}(?:-[a-z]+)+-\d)\.(?:api\.)?(?:amazonaws\.com|amazonaws\.eu|aws)/.exec(url)?.[1];

const noRegion = (upstream: Upstream) =>
  failureWithoutAnswer(upstream, "upstream", {
    message: `The provider '${upstream.name}' has no region to sign for. An operator must set its quirk 'cloud_region'.`,
    code: "provider_credential_refused",
    dispatched: false,
    detail: "no region",
  });
