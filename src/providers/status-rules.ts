import type { FailureKind } from "../lib/errors.ts";

/** What the status of a provider's answer means to our client. */
export type StatusRule = {
  kind: FailureKind;
  code?: string;
  /** Kept from the provider where its class is finer than the kind's. */
  status?: number;
  message(provider: string): string;
};

const credentialRefused: StatusRule = {
  kind: "upstream",
  code: "provider_credential_refused",
  message: (name) =>
    `The provider '${name}' refused its credential. An operator must set a valid API key for it.`,
};
const outOfCredit: StatusRule = {
  kind: "upstream",
  code: "provider_out_of_credit",
  message: (name) =>
    `The account with the provider '${name}' is out of credit. An operator must top it up.`,
};
const notFound: StatusRule = {
  kind: "upstream",
  code: "provider_model_not_found",
  message: (name) =>
    `The provider '${name}' does not know this model or path. An operator must check its base URL and the model's upstream name.`,
};
const rateLimited: StatusRule = {
  kind: "rate_limited",
  code: "provider_rate_limited",
  message: (name) => `The provider '${name}' is limiting its requests. Try again later.`,
};
const timedOut: StatusRule = {
  kind: "timeout",
  code: "provider_timeout",
  message: (name) => `The provider '${name}' took too long. Try again, or ask for less.`,
};
const overloaded: StatusRule = {
  kind: "overloaded",
  code: "provider_overloaded",
  message: (name) => `The provider '${name}' is overloaded. Try again later.`,
};
const redirected: StatusRule = {
  kind: "upstream",
  code: "provider_redirected",
  message: (name) =>
    `The provider '${name}' answered with a redirect, which is never followed. An operator must check its base URL.`,
};
const failed = (status: number): StatusRule => ({
  kind: "upstream",
  code: "provider_error",
  message: (name) => `The provider '${name}' failed (status ${status}). Try again later.`,
});
const refused = (kind: FailureKind, status: number): StatusRule => ({
  kind,
  status,
  message: (name) => `The provider '${name}' refused the request (status ${status}).`,
});

/**
 * Codes that say more than their status does: waiting does not help against an empty account or a wrong key, and
 * neither is the fault of our client. Sources: the pages on errors that known-providers/ links to.
 */
const rulesByCode: ReadonlyMap<string, StatusRule> = new Map([
  // OpenAI, 429.
  ["insufficient_quota", outOfCredit],
  // Moonshot, 429.
  ["exceeded_current_quota_error", outOfCredit],
  // Zhipu, 429.
  ["1113", outOfCredit],
  // Alibaba Cloud, 400.
  ["Arrearage", outOfCredit],
  // Volcengine, 403.
  ["AccountOverdueError", outOfCredit],
  // SiliconFlow, 403.
  ["30001", outOfCredit],
  // Google, 400.
  ["API_KEY_INVALID", credentialRefused],
  ["API_KEY_EXPIRED", credentialRefused],
]);

/** Anthropic's, 400: its words say more than its code, which is that of every bad request. */
const OUT_OF_CREDIT = /credit balance is too low|reached your specified API usage limits/i;

/** What providers call a status where there is none any more: in the middle of a stream. */
const statusByWord: ReadonlyMap<string, number> = new Map([
  ["overloaded_error", 529],
  ["rate_limit_error", 429],
  ["rate_limit_exceeded", 429],
  ["timeout_error", 504],
  ["authentication_error", 401],
  ["billing_error", 402],
]);

export const statusOfWord = (word: string | undefined): number =>
  statusByWord.get(word ?? "") ?? 500;

/** Statuses with a meaning of their own; the others are judged by their class. */
const rules: Readonly<Record<number, StatusRule>> = {
  400: refused("invalid", 400),
  // Never the client's fault: its own key is good, or it would not have come this far.
  401: credentialRefused,
  402: outOfCredit,
  403: credentialRefused,
  404: notFound,
  408: timedOut,
  409: refused("conflict", 409),
  413: refused("too_large", 413),
  415: refused("invalid", 415),
  422: refused("invalid", 422),
  // Bedrock's word for a model that failed.
  424: failed(424),
  429: rateLimited,
  503: overloaded,
  504: timedOut,
  // In use by Cloudflare (522, 524) and Anthropic (529).
  522: timedOut,
  524: timedOut,
  529: overloaded,
};

/** xAI says so under 400, with a code that says nothing. */
const KEY_IS_WRONG = /^(incorrect|invalid) api key/i;

/** `error`: the answer's error in the shape of the dialect, undefined when it was in no known shape. */
export function ruleForStatus(
  status: number,
  error: { code: string | undefined; reason?: string; message?: string | undefined } | undefined,
): StatusRule {
  if (status === 400 && OUT_OF_CREDIT.test(error?.message ?? "")) return outOfCredit;
  const rule =
    rulesByCode.get(error?.reason ?? "") ?? rulesByCode.get(error?.code ?? "") ?? rules[status];
  if (status === 400 && KEY_IS_WRONG.test(error?.message ?? "")) return credentialRefused;
  if (rule !== undefined) return rule;
  if (status < 400) return redirected;
  // A 4xx in no known shape comes from something in between: a proxy, or a wrong base URL.
  return status < 500 && error !== undefined ? refused("invalid", status) : failed(status);
}
