/** What a client asks for that is not there: with this method, or not at all. */
import { Failure } from "../lib/errors.ts";
import type { Call } from "./gateway.ts";
import { errorResponse } from "./handle.ts";

/** Path → what answers, by method; `:id` stands for one segment, `*` for all others. */
type EndpointTable = Readonly<Record<string, object>>;

const SHOWN_CHARS_MAX = 200;
const MESSAGES = "/v1/messages";

export const isUnderMessages = ({ url }: Pick<Request, "url">): boolean =>
  new URL(url).pathname.startsWith(MESSAGES);

export function answerNotFound(call: Call, endpoints: EndpointTable): Response {
  const { pathname } = new URL(call.request.url);
  const methods = methodsOf(pathname, endpoints);
  const asked = `${call.request.method} ${pathname.slice(0, SHOWN_CHARS_MAX)}`;
  if (methods.length === 0) {
    const message = pathname.startsWith(`${MESSAGES}/batches`)
      ? "Batches of messages are not served here. Send each message to POST /v1/messages."
      : `${asked} does not exist here. There are ${Object.keys(endpoints).filter(isPlain).join(", ")}.`;
    return errorResponse(call, new Failure("not_found", message, { code: "unknown_url" }));
  }
  const message = `${asked} does not exist here. Use ${methods.join(" or ")}.`;
  // Anthropic's SDKs have no class for 405.
  const how =
    call.dialect === "anthropic-messages"
      ? { code: "unknown_url" }
      : { code: "method_not_allowed", status: 405 };
  const failure = new Failure("not_found", message, how);
  const response = errorResponse(call, failure);
  response.headers.set("allow", methods.join(", "));
  return response;
}

const isPlain = (path: string): boolean => !/[:*]/.test(path);

function methodsOf(pathname: string, endpoints: EndpointTable): string[] {
  const path = Object.keys(endpoints).find((one) => isAt(pathname.split("/"), one.split("/")));
  return Object.keys(endpoints[path ?? ""] ?? {});
}

function isAt(segments: readonly string[], wanted: readonly string[]): boolean {
  const hasRest = wanted.at(-1) === "*";
  if (hasRest ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((part, i) => {
    if (part === "*" || part === segments[i]) return true;
    return part.startsWith(":") && segments[i] !== "";
  });
}
