import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { kindOfAddress } from "./address-ranges.ts";

/** Where a connection may go: the checked addresses stand in the URLs, so no name is looked up again. */
export type CheckedUrl = {
  /** One per address, without a slash at the end; the first is tried first. */
  urls: readonly [string, ...string[]];
  /** The name and port that the upstream expects in the `host` header. */
  host: string;
  /** The name that its certificate must prove; undefined for plain http and for addresses. */
  serverName: string | undefined;
};

/** All addresses of a name; the system's resolver, unless a test stands in for it. */
export type LookUp = (name: string) => Promise<string[]>;

/** A checked name is used this long at most: a changed record is noticed, and no call waits for DNS meanwhile. */
const FRESH_MS = 30_000;
/** From this age on a use of the name looks it up again in the background. */
const REFRESH_AFTER_MS = 15_000;
const LOOK_UP_TIMEOUT_MS = 5_000;
/** Enough for every provider of an installation; bounds what a tester of URLs can fill. */
const NAMES_MAX = 2_000;

type Known = { checked: CheckedUrl; atMs: number };

/**
 * Keeps calls away from addresses that are not for providers. A name is resolved here, every address is
 * checked, and the connection goes to a checked address: a name that changes between check and call
 * (DNS rebinding) gains nothing.
 */
export class UrlGuard {
  readonly #lookUp: LookUp;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, Promise<CheckedUrl>>();

  constructor(options: { lookUp: LookUp; clock: Clock }) {
    this.#lookUp = options.lookUp;
    this.#clock = options.clock;
  }

  /** Throws a `Failure` of kind `invalid` that says what is wrong with the URL. */
  async resolve(url: string, options: { allowPrivate: boolean }): Promise<CheckedUrl> {
    const key = `${options.allowPrivate ? "private" : "public"} ${url}`;
    const known = this.#known.get(key);
    const ageMs = known === undefined ? FRESH_MS : this.#clock.monotonicMs() - known.atMs;
    if (known === undefined || ageMs >= FRESH_MS) return await this.#refresh(key, url, options);
    if (ageMs >= REFRESH_AFTER_MS) {
      // A failed look-up leaves the old answer in use until it is no longer fresh; then a caller sees why.
      this.#refresh(key, url, options).catch(() => undefined);
    }
    return known.checked;
  }

  #refresh(key: string, url: string, options: { allowPrivate: boolean }): Promise<CheckedUrl> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const started = this.#check(url, options)
      .then((checked) => {
        this.#remember(key, checked);
        return checked;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, started);
    return started;
  }

  #remember(key: string, checked: CheckedUrl): void {
    this.#known.delete(key);
    this.#known.set(key, { checked, atMs: this.#clock.monotonicMs() });
    const oldest = this.#known.keys().next();
    if (this.#known.size > NAMES_MAX && !oldest.done) this.#known.delete(oldest.value);
  }

  async #check(text: string, options: { allowPrivate: boolean }): Promise<CheckedUrl> {
    const url = readUpstreamUrl(text, options);
    const literal = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
    const isAddress = isIP(literal) !== 0;
    const addresses = isAddress ? [literal] : await this.#addressesOf(url.hostname);
    for (const address of addresses) assertAddressAllowed(address, url.hostname, options);
    return {
      urls: pinnedUrls(url, addresses),
      host: url.host,
      serverName: isAddress || url.protocol === "http:" ? undefined : url.hostname,
    };
  }

  async #addressesOf(name: string): Promise<string[]> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("timeout")), LOOK_UP_TIMEOUT_MS);
    try {
      return await Promise.race([this.#lookUp(name), late.promise]);
    } catch (cause) {
      throw refused(
        `The name ${name} cannot be resolved. Check the URL and this machine's DNS.`,
        cause,
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Everything about a URL that can be judged without DNS. The WHATWG parser knows all notations of an address. */
function readUpstreamUrl(text: string, options: { allowPrivate: boolean }): URL {
  const url = URL.parse(text);
  if (url === null) throw refused(`'${text}' is not a URL. Write it as https://host/v1.`);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw refused("A provider's URL must begin with https://.");
  }
  if (url.protocol === "http:" && !options.allowPrivate) {
    throw refused(
      "Plain http is for private networks only. Use https://, or allow private addresses.",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw refused("A provider's URL must not contain a user or password. Set the API key instead.");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refused("A provider's URL must end with its path, without '?' and '#'.");
  }
  return url;
}

function assertAddressAllowed(
  address: string,
  name: string,
  options: { allowPrivate: boolean },
): void {
  const kind = kindOfAddress(address);
  if (kind === "public" || (kind === "private" && options.allowPrivate)) return;
  throw refused(
    kind === "private"
      ? `${name} is in a private network. If that is meant, allow private addresses for this provider.`
      : `${name} has an address that no provider can have (link-local, multicast or reserved).`,
  );
}

/** IPv4 first: pinned connections do not race the families, and IPv4 works from everywhere. */
function pinnedUrls(url: URL, addresses: string[]): [string, ...string[]] {
  const sorted = addresses.toSorted((a, b) => isIP(a) - isIP(b));
  const urls = sorted.map((address) => {
    const pinned = new URL(url);
    pinned.hostname = isIP(address) === 6 ? `[${address}]` : address;
    return pinned.href.replace(/\/+$/, "");
  });
  const [first, ...others] = urls;
  if (first === undefined) throw refused(`The name ${url.hostname} has no address.`);
  return [first, ...others];
}

function refused(message: string, cause?: unknown): Failure {
  return new Failure("invalid", message, { code: "url_not_allowed", param: "base_url", cause });
}

const systemLookUp: LookUp = async (name) => {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
};

/** One per process: names are looked up once for all calls. */
export const urlGuard = new UrlGuard({ lookUp: systemLookUp, clock: systemClock });

/**
 * Throws a `Failure` when a provider's URL may not be used. Called when one is saved. `param`: the field that it came
 * in, when it is not `base_url`.
 */
export async function assertUrlAllowed(
  url: string,
  options: { allowPrivate: boolean; param?: string },
): Promise<void> {
  try {
    await urlGuard.resolve(url, options);
  } catch (error) {
    if (options.param === undefined || !(error instanceof Failure)) throw error;
    const { message, code = "url_not_allowed", cause } = error;
    throw new Failure("invalid", message, { code, param: options.param, cause });
  }
}
