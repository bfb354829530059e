/** A key → who calls. Junk is refused by its checksum, before anything is looked up. */
import { timingSafeEqual } from "node:crypto";
import { hmacKey, type Principal, parseKey } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Call, Gateway } from "../gateway.ts";
import { noteCaller } from "../observe/note-caller.ts";

/** Bounds the memory of verified keys; beyond it each call pays for its HMAC. */
const VERIFIED_KEYS_MAX = 10_000;

export async function authenticate(gateway: Gateway, call: Call): Promise<Principal> {
  const principal = call.work?.principal ?? (await identify(gateway, call));
  noteCaller(gateway, call, principal);
  return principal;
}

async function identify(gateway: Gateway, call: Call): Promise<Principal> {
  const key = readKey(call.request);
  const known = gateway.snapshot.verifiedKeys.get(key);
  const principal = known ?? (await verify(gateway, key));
  assertUsable(principal, call);
  return principal;
}

/** @throws Failure `unauthenticated` when the key was revoked or has expired. */
export function assertUsable(principal: Principal, call: Call): void {
  if (principal.revokedAtMs !== null && principal.revokedAtMs <= call.startedAtMs) {
    throw refused("This API key was revoked. Use another one.", "key_revoked");
  }
  if (principal.expiresAtMs !== null && principal.expiresAtMs <= call.startedAtMs) {
    throw refused("This API key has expired. Use another one.", "key_expired");
  }
}

/** By the key's id alone: for whoever needs not prove that it has the key. */
export async function findPrincipal(gateway: Gateway, keyId: string): Promise<Principal> {
  const { snapshot } = gateway;
  if (!snapshot.principals.has(keyId)) {
    await snapshot.lookAgain(() => snapshot.principals.has(keyId));
  }
  const principal = snapshot.principals.get(keyId);
  if (principal === undefined) throw refused("This API key is not known here.");
  return principal;
}

/** Clients of OpenAI's APIs send a bearer token, those of Anthropic's a header of its own. */
function readKey({ headers }: Request): string {
  const header = headers.get("authorization");
  if (header === null) {
    const apiKey = headers.get("x-api-key");
    if (apiKey !== null) return apiKey.trim();
    throw refused(
      "No API key was sent. Put it into the header: Authorization: Bearer bl_…",
      "missing_api_key",
    );
  }
  return /^bearer +(\S+) *$/i.exec(header)?.[1] ?? "";
}

async function verify(gateway: Gateway, key: string): Promise<Principal> {
  const parsed = parseKey(key);
  if (parsed === undefined) {
    throw refused("This is not a Baseload API key: its form or its checksum is wrong.");
  }
  const { snapshot } = gateway;
  const principal = await findPrincipal(gateway, parsed.keyId);
  const isSame = timingSafeEqual(hmacKey(gateway.keyPepper, key), principal.keyHmac);
  if (!isSame) throw refused("This API key is not known here.");
  if (snapshot.verifiedKeys.size < VERIFIED_KEYS_MAX) {
    snapshot.verifiedKeys.set(key, principal);
  }
  return principal;
}

const refused = (message: string, code = "invalid_api_key"): Failure =>
  new Failure("unauthenticated", message, { code });
