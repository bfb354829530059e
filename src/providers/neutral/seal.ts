/**
 * How a client of one dialect keeps another dialect's seals. Providers sign or encrypt what their models thought, and
 * want it back untouched with the next turn. The client's dialect has a field of its own for that, which its clients
 * send back as it came, so the foreign seal travels in there, with the name of the dialect that can open it.
 *
 * What is in an envelope comes from the client: it is no more to be trusted than the rest of the request, and its
 * provider checks the seal.
 */
import { type ChatDialectName, chatDialectNames } from "../upstream.ts";
import type { ReasoningPart } from "./prompt.ts";

/** `text` only where the client's dialect has no room for thoughts that are both readable and sealed. */
export type Seal = Omit<ReasoningPart, "type" | "text"> & {
  sealedBy: ChatDialectName;
  text?: string;
};

const PREFIX = "baseload-seal-1.";

export function wrapSeal(seal: Seal): string {
  return PREFIX + Buffer.from(JSON.stringify(seal)).toString("base64url");
}

export const isWrappedSeal = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith(PREFIX);

/** Undefined for everything that is not an envelope, or a broken one. */
export function unwrapSeal(value: string): Seal | undefined {
  if (!isWrappedSeal(value)) return undefined;
  try {
    return readSeal(
      JSON.parse(Buffer.from(value.slice(PREFIX.length), "base64url").toString("utf8")),
    );
  } catch {
    return undefined;
  }
}

function readSeal(value: unknown): Seal | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const sealedBy = chatDialectNames.find((name) => name === fields["sealedBy"]);
  if (sealedBy === undefined) return undefined;
  const texts = (["signature", "encrypted", "id", "text"] as const).flatMap((name) =>
    typeof fields[name] === "string" ? [[name, fields[name]] as const] : [],
  );
  return { sealedBy, ...Object.fromEntries(texts) };
}
