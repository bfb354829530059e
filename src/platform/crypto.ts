/**
 * Sealing what must lie in the database but not be readable there: AES-256-GCM under a key that is kept
 * outside of it. A sealed value is: version byte, 12 bytes nonce, ciphertext, 16 bytes tag.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { assert, Failure } from "../lib/errors.ts";

/** Names the algorithm and the layout, so that either can change while old values stay readable. */
const VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;

/** `key`: 64 hexadecimal digits, such as `seal_key` of the secrets. */
export function seal(key: string, plaintext: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keyBytes(key), nonce);
  // The version is authenticated too: nobody can turn a value into one of another version.
  cipher.setAAD(Buffer.of(VERSION));
  const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, ciphertext, cipher.getAuthTag()]);
}

/** @throws Failure `conflict` when the value was sealed with another key, or was changed. */
export function unseal(key: string, sealed: Uint8Array): string {
  const bytes = Buffer.from(sealed);
  if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== VERSION) throw unreadable();
  const decipher = createDecipheriv("aes-256-gcm", keyBytes(key), bytes.subarray(1, HEADER_BYTES));
  decipher.setAAD(Buffer.of(VERSION));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const ciphertext = bytes.subarray(HEADER_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): Failure {
  return new Failure(
    "conflict",
    "A stored credential cannot be opened: it was sealed with another key. Restore the secrets.json that " +
      "belongs to this database, or store the credential again.",
    { cause },
  );
}

function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key, "hex");
  assert(bytes.length === KEY_BYTES, "a sealing key has 64 hexadecimal digits");
  return bytes;
}
