/** A client's request against the shape that its dialect documents, on its way into the neutral form. */
import type { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import { untranslatable } from "../neutral/prompt.ts";

/**
 * @throws Failure `UNTRANSLATABLE` for a documented place that holds a field or a `type` which the shape does not
 * name, `invalid` for everything else that does not fit
 */
export function readShape<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw issue === undefined ? new Error("zod fails with an issue") : failureOf(issue, value);
}

function failureOf(issue: z.core.$ZodIssue, value: unknown): Failure {
  if (issue.code === "unrecognized_keys") {
    const param = paramOf([...issue.path, issue.keys[0] ?? ""]);
    return untranslatable(param, "nothing is known of this field");
  }
  const param = paramOf(issue.path);
  const found = valueAt(value, issue.path);
  if (issue.path.at(-1) === "type" && typeof found === "string") {
    return untranslatable(param, `'${found.slice(0, TYPE_CHARS_MAX)}' has no like there`);
  }
  return new Failure("invalid", `'${param}' is not valid: ${issue.message}.`, {
    code: "invalid_field",
    ...(param === "" ? {} : { param }),
  });
}

/** Enough for every type there is; the rest is the client's noise. */
const TYPE_CHARS_MAX = 64;

/** `messages[0].content[1].text`, as OpenAI writes it. */
function paramOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) =>
      typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`,
    )
    .join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return found;
}
