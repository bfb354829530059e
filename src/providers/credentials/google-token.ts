/**
 * Access tokens for Google's service accounts: a signed statement of who we are is exchanged for a token that holds
 * an hour. https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
import { createHash, createSign } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";
import { malformedAnswer, readBody } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { failureWithoutAnswer } from "../upstream-failure.ts";
import type { GoogleAccount } from "./cloud-credential.ts";

/** Asks at an address that was checked, as every call does. */
export type SendForm = (at: { url: string; form: Record<string, string> }) => Promise<Response>;

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LIFETIME_S = 3_600;
/** A token is not used in its last minutes: the call that carries it may wait. */
const MARGIN_MS = 5 * 60_000;
/** Far more than any installation has; bounds what credentials that come and go leave behind. */
const TOKENS_MAX = 1_000;
const ANSWER_BYTES_MAX = 64 * 1024;

type Token = { text: string; usableUntilMs: number };
/** `usableUntilMs` is infinite while the exchange is under way, so that calls at the same moment share it. */
type Held = { token: Promise<Token>; usableUntilMs: number };

export class GoogleTokens {
  readonly #clock: Clock;
  /** By a digest of the account, so that no key lies in a second place. */
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws Failure that says that nothing was dispatched: the model's provider has not been asked yet */
  async tokenFor(upstream: Upstream, account: GoogleAccount, send: SendForm): Promise<string> {
    const key = createHash("sha256").update(JSON.stringify(account)).digest("base64");
    const known = this.#held.get(key);
    const isUsable = known !== undefined && known.usableUntilMs > this.#clock.nowMs();
    const held = isUsable ? known : this.#hold(key, this.#exchange(upstream, account, send));
    try {
      const token = await held.token;
      held.usableUntilMs = token.usableUntilMs;
      return token.text;
    } catch (error) {
      if (this.#held.get(key) === held) this.#held.delete(key);
      throw notDispatched(upstream, error);
    }
  }

  #hold(key: string, token: Promise<Token>): Held {
    const held = { token, usableUntilMs: Number.POSITIVE_INFINITY };
    this.#held.delete(key);
    this.#held.set(key, held);
    const oldest = this.#held.keys().next();
    if (this.#held.size > TOKENS_MAX && !oldest.done) this.#held.delete(oldest.value);
    return held;
  }

  async #exchange(upstream: Upstream, account: GoogleAccount, send: SendForm): Promise<Token> {
    const startedMs = this.#clock.nowMs();
    const assertion = sign(account, Math.floor(startedMs / 1_000));
    const response = await send({
      url: account.tokenUrl,
      form: { grant_type: GRANT, assertion },
    });
    const bytes = await readBody(upstream, response, { bytesMax: ANSWER_BYTES_MAX });
    const { access_token: text, expires_in: lifetimeS } = readJson(bytes);
    if (typeof text !== "string" || text === "") {
      throw malformedAnswer(upstream, "it has no access token");
    }
    const lifetimeMs = (typeof lifetimeS === "number" ? lifetimeS : LIFETIME_S) * 1_000;
    return { text, usableUntilMs: startedMs + lifetimeMs - MARGIN_MS };
  }
}

/** The statement, as a JSON Web Token under the account's own key. */
function sign({ clientEmail, privateKey, tokenUrl }: GoogleAccount, nowS: number): string {
  const claims = {
    iss: clientEmail,
    scope: SCOPE,
    aud: tokenUrl,
    iat: nowS,
    exp: nowS + LIFETIME_S,
  };
  const text = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

function readJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** An account without a token is refused as a credential is; what is down is said as it was. */
function notDispatched(upstream: Upstream, error: unknown): Failure {
  const cause = error instanceof Failure ? (error.cause as { detail?: unknown }) : undefined;
  const isDown = error instanceof Failure && !["invalid", "upstream"].includes(error.kind);
  return failureWithoutAnswer(upstream, isDown ? error.kind : "upstream", {
    message: isDown
      ? error.message
      : `The provider '${upstream.name}' gave no token for its service account. An operator must set a valid one.`,
    code: isDown ? (error.code ?? "provider_unreachable") : "provider_credential_refused",
    dispatched: false,
    detail: typeof cause?.detail === "string" ? `token: ${cause.detail}` : "token not signed",
  });
}
