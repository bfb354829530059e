/**
 * Sealing of secrets that must lie in the database: AES-256-GCM with a key outside of it.
 *
 * Layout: version (1 byte), nonce (12), tag (16), ciphertext. A nonce is drawn at random for each sealing,
 * which is safe for the few thousand credentials that an installation has (NIST SP 800-38D §8.3).
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { assert, Failure } from "../lib/errors.ts";

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** @param sealKey 64 hexadecimal digits, as in `secrets.json`. */
export function seal(sealKey: string, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", toKey(sealKey), nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), sealed]);
}

export function unseal(sealKey: string, sealed: Buffer): string {
  const nonceEnd = 1 + NONCE_BYTES;
  const tagEnd = nonceEnd + TAG_BYTES;
  assert(sealed[0] === VERSION && sealed.length >= tagEnd, "a sealed secret has a known form");
  const decipher = createDecipheriv("aes-256-gcm", toKey(sealKey), sealed.subarray(1, nonceEnd));
  decipher.setAuthTag(sealed.subarray(nonceEnd, tagEnd));
  try {
    return decipher.update(sealed.subarray(tagEnd), undefined, "utf8") + decipher.final("utf8");
  } catch (cause) {
    throw new Failure(
      "conflict",
      "A stored credential cannot be opened with the seal_key of secrets.json. Restore the secrets.json that belongs to this database, or connect the provider again.",
      { cause },
    );
  }
}

function toKey(sealKey: string): Buffer {
  assert(/^[0-9a-f]{64}$/.test(sealKey), "the seal key is 32 bytes in hexadecimal");
  return Buffer.from(sealKey, "hex").subarray(0, KEY_BYTES);
}
