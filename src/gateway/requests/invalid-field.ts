import type { z } from "zod";
import { Failure } from "../../lib/errors.ts";

/** How a schema says that a field that it needs is not there. */
const MISSING = "received undefined";

/** The first thing that is wrong with a request, named as its client wrote it: `messages[0].content`. */
export function invalidField(error: z.ZodError): Failure {
  const issue = error.issues[0] && deepest(error.issues[0]);
  const param = issue?.path
    .map((part, i) =>
      typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${String(part)}`,
    )
    .join("");
  const isMissing = issue?.message.endsWith(MISSING) === true;
  const what = isMissing ? "is missing" : `is not valid: ${issue?.message}`;
  return new Failure("invalid", `'${param}' ${what}.`, {
    ...(param === undefined || param === "" ? {} : { param }),
    code: "invalid_field",
  });
}

/** Where several shapes are allowed, the one that came furthest tells what is wrong. */
function deepest(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message"> {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors.flat().reduce((most, one) => {
    const found = deepest(one);
    return found.path.length > most.path.length ? found : most;
  }, EMPTY_ISSUE);
  if (inner.path.length === 0) return issue;
  return { path: [...issue.path, ...inner.path], message: inner.message };
}

const EMPTY_ISSUE: Pick<z.core.$ZodIssue, "path" | "message"> = { path: [], message: "" };
