/**
 * The text of a key: `bl_<id>_<secret>_<checksum>`.
 *
 * The checksum lets anyone refuse junk without a lookup, and lets secret scanners recognise a real key. It
 * proves nothing: only the HMAC does. What is stored is HMAC-SHA-256(pepper, key), with the pepper outside the
 * database. The secret has 190 bits of chance, so a slow password hash would protect nothing more.
 */
import { createHmac, randomBytes } from "node:crypto";
import { crc32c } from "../../lib/crc32c.ts";
import { assert } from "../../lib/errors.ts";

export type KeyMode = "live" | "test";

export type ParsedKey = { keyId: string; mode: KeyMode };

const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS = 12;
const SECRET_CHARS = 32;
/** 62^6 exceeds 2^32. */
const CHECKSUM_CHARS = 6;
const SHAPE = new RegExp(
  `^bl_((live|test)[0-9a-z]{${ID_CHARS}})_[0-9A-Za-z]{${SECRET_CHARS}}_([0-9A-Za-z]{${CHECKSUM_CHARS}})$`,
);
/** Every key has this length: two words, their separators and the three parts above. */
export const KEY_CHARS = "bl_live".length + ID_CHARS + 1 + SECRET_CHARS + 1 + CHECKSUM_CHARS;

export function generateKey(mode: KeyMode): { keyId: string; key: string } {
  const keyId = mode + randomText(BASE36, ID_CHARS);
  const body = `bl_${keyId}_${randomText(BASE62, SECRET_CHARS)}`;
  return { keyId, key: `${body}_${checksumOf(body)}` };
}

/** Checks shape and checksum; undefined for anything that cannot be a key. */
export function parseKey(text: string): ParsedKey | undefined {
  if (text.length !== KEY_CHARS) return undefined;
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  if (checksumOf(text.slice(0, -CHECKSUM_CHARS - 1)) !== match[3]) return undefined;
  return { keyId: match[1] as string, mode: match[2] as KeyMode };
}

/** @param pepper hexadecimal, as in `secrets.json`. Compare in constant time (`timingSafeEqual`). */
export function hmacKey(pepper: string, key: string): Buffer {
  assert(
    /^(?:[0-9a-f]{2}){16,}$/.test(pepper),
    "the key pepper is at least 16 bytes in hexadecimal",
  );
  return createHmac("sha256", Buffer.from(pepper, "hex")).update(key).digest();
}

function checksumOf(body: string): string {
  let rest = crc32c(Buffer.from(body, "latin1"));
  let digits = "";
  for (let place = 0; place < CHECKSUM_CHARS; place++) {
    digits = BASE62.charAt(rest % BASE62.length) + digits;
    rest = Math.floor(rest / BASE62.length);
  }
  return digits;
}

/** Uniform: bytes beyond the largest multiple of the alphabet's length are drawn again. */
function randomText(alphabet: string, chars: number): string {
  const usable = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < chars) {
    for (const byte of randomBytes(chars)) {
      if (byte < usable && text.length < chars) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
