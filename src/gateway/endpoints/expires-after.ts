import { Failure } from "../../lib/errors.ts";

const SECONDS_MIN = 3_600;
const SECONDS_MAX = 30 * 24 * 3_600;

/** `expires_after` of OpenAI's API: seconds from the making of a file. Undefined when nothing is said. */
export function readExpiry(
  field: (name: "anchor" | "seconds") => string | number | undefined,
  param = "expires_after",
): number | undefined {
  const anchor = field("anchor");
  const seconds = field("seconds");
  if (anchor === undefined && seconds === undefined) return undefined;
  const count = Number(seconds);
  const isInRange = Number.isInteger(count) && count >= SECONDS_MIN && count <= SECONDS_MAX;
  if (anchor === "created_at" && isInRange) return count;
  throw new Failure(
    "invalid",
    `'${param}' needs the anchor "created_at" and from ${SECONDS_MIN} to ${SECONDS_MAX} seconds.`,
    { code: "invalid_field", param },
  );
}
