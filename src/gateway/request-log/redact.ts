/**
 * Takes out of a text what nobody should find in a log: credentials, and the plainest personal data. Best effort: what
 * it does not know it leaves in, and who must be sure keeps no content at all.
 *
 * Every pattern is linear: its beginning cannot lie inside of what it has just failed on, or its length is bounded.
 */

type Rule = {
  name: string;
  pattern: RegExp;
  /** Whether a match is what it looks like. */
  isReal?(match: string): boolean;
};

const digitsOf = (text: string): string => text.replace(/\D/g, "");

/** ISO/IEC 7812: what every card number fulfils, and one of ten other numbers. */
function isLuhn(match: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digitsOf(match)].reverse().entries()) {
    const doubled = index % 2 === 1 ? Number(digit) * 2 : Number(digit);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const IBAN_CHARS = { min: 15, max: 34 };

/** ISO 13616: the first four characters go to the end, letters become numbers, and the rest of a division by 97 is 1. */
function isIban(match: string): boolean {
  const text = match.replaceAll(" ", "");
  if (text.length < IBAN_CHARS.min || text.length > IBAN_CHARS.max) return false;
  let rest = 0;
  for (const char of text.slice(4) + text.slice(0, 4)) {
    rest = Number(`${rest}${Number.parseInt(char, 36)}`) % 97;
  }
  return rest === 1;
}

const hasDigit = (match: string): boolean => /\d/.test(match);
const ALL_SAME = /^(.)\1*$/;

const rules: readonly Rule[] = [
  {
    name: "private key",
    pattern: /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g,
  },
  // Ours: bl_<id>_<secret>_<checksum>.
  { name: "api key", pattern: /(?<![A-Za-z0-9])bl_[a-z0-9]{6,32}_[A-Za-z0-9_]{8,128}/g },
  {
    name: "api key",
    // Those of OpenAI, Anthropic, OpenRouter, Stripe, … all begin like this.
    pattern: /(?<![A-Za-z0-9])(?:sk|rk|pk)[-_](?=[A-Za-z0-9_-]{0,256}\d)[A-Za-z0-9_-]{16,256}/g,
  },
  {
    name: "api key",
    pattern:
      /(?<![A-Za-z0-9])(?:gsk_|xai-|hf_|r8_|pplx-|nvapi-|npm_|glpat-|whsec_|gh[pousr]_|github_pat_|xox[abeoprs]-|dop_v1_|SG\.)[A-Za-z0-9_.-]{16,256}/g,
  },
  { name: "api key", pattern: /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/g },
  { name: "api key", pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g },
  {
    name: "token",
    pattern: /(?<![\w-])eyJ[\w-]{8,8192}\.[\w-]{8,8192}\.[\w-]{0,2048}/g,
  },
  {
    name: "token",
    pattern: /(?<=(?<![A-Za-z])(?:bearer|basic) {1,4})[A-Za-z0-9._~+/=-]{16,8192}/gi,
    isReal: hasDigit,
  },
  {
    name: "e-mail",
    pattern:
      /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu,
  },
  {
    name: "iban",
    pattern:
      /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    isReal: isIban,
  },
  {
    name: "card number",
    // Of cards that people have; so that milliseconds since 1970, which begin with 1, are none.
    pattern: /(?<![\d.])[2-6](?:[ -]?\d){12,18}(?![\d.]?\d)/g,
    isReal: (match) => isLuhn(match) && !ALL_SAME.test(digitsOf(match)),
  },
  {
    name: "phone number",
    pattern: /(?<![\p{L}\p{N}+.])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){7,13}(?!\d)/gu,
  },
  {
    name: "phone number",
    // As it is written in North America.
    pattern: /(?<![\p{L}\p{N}.-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\p{L}\p{N}-])/gu,
  },
];

export function redact(text: string): string {
  let redacted = text;
  for (const { name, pattern, isReal } of rules) {
    redacted = redacted.replace(pattern, (match) =>
      isReal === undefined || isReal(match) ? `[${name}]` : match,
    );
  }
  return redacted;
}

/** Names of fields whose value is a credential, whatever it looks like. */
const SECRET_FIELD =
  /^(?:password|passwd|passphrase|secret|api[-_]?key|x-api-key|(?:client|api)[-_]?secret|(?:access|refresh|id|auth)[-_]?token|authorization|cookie)$/i;
/** Deeper than a request may be. */
const DEPTH_MAX = 200;

/** Every text in it, names of fields included: an escape sequence of JSON hides nothing. */
export function redactJson(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "number") return redactNumber(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH_MAX) return "[too deep]";
  if (Array.isArray(value)) return value.map((one) => redactJson(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      redact(name),
      SECRET_FIELD.test(name) && typeof one === "string" ? "[secret]" : redactJson(one, depth + 1),
    ]),
  );
}

/** A card number may come as one. */
function redactNumber(value: number): unknown {
  const text = String(value);
  const redacted = redact(text);
  return redacted === text ? value : redacted;
}
