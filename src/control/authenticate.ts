/**
 * The operator's token, compared in constant time. It has 256 bits of chance, so guesses need not be counted.
 * Browsers hold no cookie for it: a page of another origin cannot act with it.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Failure } from "../lib/errors.ts";

/** @returns the actor for the audit log. */
export function authenticate(request: Request, adminToken: string): string {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined) {
    throw unauthenticated(
      "This needs the operator's token: send 'Authorization: Bearer …' with admin_token of secrets.json in the home folder.",
    );
  }
  // Digests have one length, so that the comparison tells nothing, not even that of the token.
  if (!timingSafeEqual(digest(token), digest(adminToken))) {
    throw unauthenticated(
      token.startsWith("bl_")
        ? "This is a key for the data plane. The control plane takes the operator's token (admin_token of secrets.json)."
        : "This is not the operator's token of this installation (admin_token of secrets.json in the home folder).",
    );
  }
  return "admin";
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

const unauthenticated = (message: string): Failure =>
  new Failure("unauthenticated", message, { code: "invalid_admin_token" });
