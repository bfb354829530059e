import { ask } from "../ask.ts";
import { readBody } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";

/** The largest that providers make, without loss. */
const IMAGE_BYTES_MAX = 32 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * An image that a provider made, from the address that it gave: an address of somebody else, so it is checked like
 * any other, and no credential goes there. Undefined when it cannot be had.
 */
export async function fetchImage(
  upstream: Upstream,
  address: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const url = URL.parse(address);
  if (url === null) return undefined;
  const { name, dialect } = upstream;
  const isOwn = url.hostname === URL.parse(upstream.baseUrl)?.hostname;
  const host: Upstream = {
    name,
    dialect,
    // A private network is open to the provider that an operator put there, not to whatever address it gives.
    allowPrivate: upstream.allowPrivate && isOwn,
    baseUrl: url.origin,
    credential: null,
    quirks: {},
  };
  try {
    const response = await ask(host, {
      method: "GET",
      path: `${url.pathname}${url.search}`,
      attemptId: "",
      signal,
      timeoutMs: TIMEOUT_MS,
    });
    return await readBody(host, response, { bytesMax: IMAGE_BYTES_MAX });
  } catch {
    return undefined;
  }
}
