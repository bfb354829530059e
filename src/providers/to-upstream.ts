/** What the catalog stores of a provider → what is needed to call it. */
import { Failure } from "../lib/errors.ts";
import { dialectNames, quirksSchema, type Upstream } from "./upstream.ts";

type StoredProvider = Omit<Upstream, "dialect" | "quirks" | "credential"> & {
  dialect: string;
  quirks: unknown;
  credentials: readonly { value: string }[];
};

/**
 * @param credential one of the provider's; its first when left out.
 * @throws Failure `invalid` for a dialect or a quirk that this version has no code for.
 */
export function toUpstream(
  provider: StoredProvider,
  credential: { value: string } | undefined = provider.credentials[0],
): Upstream {
  const dialect = dialectNames.find((name) => name === provider.dialect);
  const quirks = quirksSchema.safeParse(provider.quirks);
  if (dialect === undefined || !quirks.success) {
    throw new Failure(
      "invalid",
      `The provider '${provider.name}' has a dialect or a quirk that this version does not know. Dialects: ${dialectNames.join(", ")}.`,
      { param: dialect === undefined ? "dialect" : "quirks" },
    );
  }
  const { name, baseUrl, allowPrivate } = provider;
  return {
    name,
    baseUrl,
    credential: credential?.value ?? null,
    allowPrivate,
    dialect,
    quirks: quirks.data,
  };
}
