export type CheckedUrl = {
  /** With the checked address in place of the name. */
  url: string;
  /** The name and port that the upstream expects in the `host` header. */
  host: string;
  /** For the TLS handshake; undefined for plain http. */
  serverName: string | undefined;
};

/** Throws a `Failure` when a provider's URL may not be used. Called when one is saved. */
export async function assertUrlAllowed(
  url: string,
  options: { allowPrivate: boolean },
): Promise<void> {
  await resolveUpstream(url, options);
}

/** Checks the URL and every address of its name, and pins one of them: the connection goes nowhere else. */
export async function resolveUpstream(
  url: string,
  options: { allowPrivate: boolean },
): Promise<CheckedUrl> {
  throw new Error(`to come: ${url} ${options.allowPrivate}`);
}
