import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, createHmac, generateKeyPairSync, verify } from "node:crypto";
import { startScriptedUpstream } from "../../../test/support/scripted-upstream.ts";
import { Failure } from "../../lib/errors.ts";
import { type Ask, ask } from "../ask.ts";
import type { Quirks, Upstream } from "../upstream.ts";
import { mayHaveBeenDispatched } from "../upstream-failure.ts";
import { readAwsAccessKey, readGoogleAccount, secretsIn } from "./cloud-credential.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

const cloud = startScriptedUpstream();
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => {
  cloud.requests.length = 0;
});

const upstreamWith = (credential: string, quirks: Quirks): Upstream => ({
  name: "cloud",
  dialect: "ai-sdk",
  baseUrl: `http://127.0.0.1:${cloud.port}/v1`,
  credential,
  allowPrivate: true,
  quirks,
});

const call = (more: Partial<Ask> = {}): Ask => ({
  path: "/model/m%3A0/converse",
  body: '{"a":1}',
  attemptId: "0190d1d2-0000-7000-8000-000000000000",
  signal: new AbortController().signal,
  timeoutMs: 2_000,
  ...more,
});

let accounts = 0;
/** Another one each time: tokens of the same account are kept. */
const account = (more: Record<string, string> = {}): string =>
  JSON.stringify({
    type: "service_account",
    client_email: `baseload-${++accounts}@project.example.com`,
    private_key: privateKey,
    token_uri: `http://127.0.0.1:${cloud.port}/token`,
    ...more,
  });

/** Answers at `/token` with tokens, at every other path with an empty object. */
const giveTokens = (lifetimeS = 3_600) => {
  let given = 0;
  cloud.answer = ({ path }) =>
    path === "/token"
      ? Response.json({ access_token: `ya29.token-${++given}`, expires_in: lifetimeS })
      : Response.json({});
};

const google: Quirks = { auth: "google-account" };
const shown = () =>
  cloud.requests
    .filter(({ path }) => path !== "/token")
    .map(({ headers }) => headers.get("authorization"));

describe("a service account of Google", () => {
  test("signs a statement, is given a token for it, and shows that one until it is old", async () => {
    giveTokens();
    const upstream = upstreamWith(account(), google);

    await ask(upstream, call());
    await Promise.all([ask(upstream, call()), ask(upstream, call())]);

    expect(shown()).toEqual(Array(3).fill("Bearer ya29.token-1"));
    const [exchange] = cloud.requests;
    expect(exchange?.headers.get("authorization")).toBeNull();
    const form = exchange?.body as { grant_type: string; assertion: string };
    expect(form.grant_type).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", claims = "", signature = ""] = form.assertion.split(".");
    const isRight = verify(
      "RSA-SHA256",
      Buffer.from(`${head}.${claims}`),
      publicKey,
      Buffer.from(signature, "base64url"),
    );
    expect(isRight).toBe(true);
    const said = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, number>;
    expect(said).toMatchObject({
      iss: expect.stringContaining("@project.example.com"),
      aud: `http://127.0.0.1:${cloud.port}/token`,
      scope: "https://www.googleapis.com/auth/cloud-platform",
    });
    expect((said["exp"] ?? 0) - (said["iat"] ?? 0)).toBe(3_600);
  });

  test("exchanges once for calls that come at the same moment", async () => {
    giveTokens();
    const upstream = upstreamWith(account(), google);

    await Promise.all(Array.from({ length: 5 }, () => ask(upstream, call())));

    expect(cloud.requests.filter(({ path }) => path === "/token")).toHaveLength(1);
  });

  test("asks again when the token is about to end", async () => {
    giveTokens(60);
    const upstream = upstreamWith(account(), google);

    await ask(upstream, call());
    await ask(upstream, call());

    expect(shown()).toEqual(["Bearer ya29.token-1", "Bearer ya29.token-2"]);
  });

  const refusals: [what: string, answer: () => Response, code: string][] = [
    [
      "is refused",
      () => Response.json({ error: "invalid_grant" }, { status: 400 }),
      "provider_credential_refused",
    ],
    ["gets no token", () => Response.json({}), "provider_credential_refused"],
    ["finds Google overloaded", () => new Response("", { status: 503 }), "provider_overloaded"],
  ];
  for (const [what, answer, code] of refusals) {
    test(`that ${what} has dispatched nothing, and is tried again with the next call`, async () => {
      cloud.answer = answer;
      const upstream = upstreamWith(account(), google);

      const error = await ask(upstream, call()).catch((reason: unknown) => reason);

      expect(error).toBeInstanceOf(Failure);
      expect((error as Failure).code).toBe(code);
      expect(mayHaveBeenDispatched(error)).toBe(false);
      expect(JSON.stringify([(error as Failure).message, (error as Failure).cause])).not.toContain(
        "PRIVATE",
      );
      giveTokens();
      expect((await ask(upstream, call())).status).toBe(200);
    });
  }

  test("whose key is no key, or whose token's address is forbidden, says so", async () => {
    giveTokens();
    for (const more of [
      { private_key: "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" },
      { token_uri: "http://169.254.169.254/token" },
    ]) {
      const error = await ask(upstreamWith(account(more), google), call()).catch((e: unknown) => e);
      expect((error as Failure).code).toBe("provider_credential_refused");
      expect(mayHaveBeenDispatched(error)).toBe(false);
    }
    expect(shown()).toEqual([]);
  });

  test("can be a plain API key instead", async () => {
    giveTokens();
    await ask(upstreamWith("AIzaPlain", google), call());

    expect(cloud.requests.map(({ headers }) => headers.get("x-goog-api-key"))).toEqual([
      "AIzaPlain",
    ]);
  });
});

/** The signature by the book: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function signatureOf(headers: Headers, options: { path: string; body: string; secret: string }) {
  const [, credential = "", signed = "", signature] =
    /Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]+)/.exec(
      headers.get("authorization") ?? "",
    ) ?? [];
  const [, day = "", region = "", service = ""] = credential.split("/");
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const names = signed.split(";");
  const canonical = [
    "POST",
    options.path.split("/").map(encodeURIComponent).join("/"),
    "",
    ...names.map((name) => `${name}:${headers.get(name)}`),
    "",
    signed,
    hash(options.body),
  ].join("\n");
  const text = [
    "AWS4-HMAC-SHA256",
    headers.get("x-amz-date"),
    `${day}/${region}/${service}/aws4_request`,
    hash(canonical),
  ].join("\n");
  const hmac = (key: string | Buffer, data: string) =>
    createHmac("sha256", key).update(data).digest();
  const key = hmac(hmac(hmac(hmac(`AWS4${options.secret}`, day), region), service), "aws4_request");
  return { credential, signature, expected: hmac(key, text).toString("hex") };
}

describe("an access key of AWS", () => {
  const quirks: Quirks = { auth: "aws", cloud_region: "eu-central-1" };
  const key = { access_key_id: "AKIDEXAMPLE1234", secret_access_key: "secret-of-aws" };

  for (const session_token of [undefined, "session-token-1"]) {
    test(`signs the request${session_token === undefined ? "" : " with the token of its session"}`, async () => {
      cloud.answer = () => Response.json({});
      await ask(upstreamWith(JSON.stringify({ ...key, session_token }), quirks), call());

      const headers = cloud.requests[0]?.headers ?? new Headers();
      const { credential, signature, expected } = signatureOf(headers, {
        path: "/v1/model/m%3A0/converse",
        body: '{"a":1}',
        secret: "secret-of-aws",
      });
      expect(credential).toMatch(/^AKIDEXAMPLE1234\/\d{8}\/eu-central-1\/bedrock\/aws4_request$/);
      expect(signature).toBe(expected);
      expect(headers.get("x-amz-security-token")).toBe(session_token ?? null);
      expect(JSON.stringify([...headers])).not.toContain("secret-of-aws");
    });
  }

  test("is read as AWS's own programs write it; a plain API key is shown as a bearer", async () => {
    cloud.answer = () => Response.json({});
    const theirs = JSON.stringify({ Version: 1, AccessKeyId: "AKID2", SecretAccessKey: "s" });
    expect(readAwsAccessKey(theirs)).toEqual({
      accessKeyId: "AKID2",
      secretAccessKey: "s",
      sessionToken: undefined,
    });

    await ask(upstreamWith("bedrock-api-key-1", quirks), call());

    expect(cloud.requests[0]?.headers.get("authorization")).toBe("Bearer bedrock-api-key-1");
  });

  test("without a region says what to set, and nothing is sent", async () => {
    const error = await ask(upstreamWith(JSON.stringify(key), { auth: "aws" }), call()).catch(
      (reason: unknown) => reason,
    );

    expect((error as Failure).message).toContain("cloud_region");
    expect(mayHaveBeenDispatched(error)).toBe(false);
    expect(cloud.requests).toEqual([]);
  });
});

test("what a document holds is kept out of messages; a key that is no document is one secret", () => {
  expect(secretsIn("sk-plain-key")).toEqual(["sk-plain-key"]);
  const secrets = secretsIn(account());
  expect(secrets).toContain(privateKey);
  expect(secrets).not.toContain("service");
  expect(readGoogleAccount("sk-plain-key")).toBeUndefined();
  expect(readGoogleAccount("{not json")).toBeUndefined();
  expect(readGoogleAccount('{"client_email":"a"}')).toBeUndefined();
});
