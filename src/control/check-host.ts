/**
 * A web page can point a name of its own at this address (DNS rebinding) and then talk to us as its own origin.
 * Its requests carry that name in the Host header, so only names that are known to be ours are answered. An
 * address as host is fine: no name was resolved.
 */
import { isIP } from "node:net";
import { Failure } from "../lib/errors.ts";

export function assertHostAllowed(request: Request, allowedHosts: ReadonlySet<string>): void {
  const host = request.headers.get("host") ?? "";
  const name = URL.parse(`http://${host}`)?.hostname ?? "";
  const isAddress = isIP(name) !== 0 || name.startsWith("[");
  if (isAddress || name === "localhost" || allowedHosts.has(name)) return;
  throw new Failure(
    "forbidden",
    "The control plane does not answer to this host name. Use localhost or its address, or allow the name with BASELOAD_CONTROL_ALLOWED_HOSTS.",
    { code: "host_not_allowed", status: 421 },
  );
}
