/** What is known of a provider before anybody has connected it: data, one entry for each. */
import type { Operation } from "../../lib/operations.ts";
import type { DialectName, Quirks } from "../upstream.ts";

export type KnownEndpoint = {
  /**
   * Where calls are answered, as the provider names its regions; `global` where it does not promise one, null where it
   * is wherever the operator runs it.
   */
  region: string | null;
  /**
   * May have `{region}`, the region that is asked for; `{project}`, which a service account tells; and `{resource}`,
   * which only the operator knows.
   */
  url: string;
  /** Beside those of the provider. They may have `{region}`, too. */
  quirks?: Quirks;
  /** Where it is another one than the provider's. */
  prices?: string;
};

export type KnownProvider = {
  /** As in `baseload provider add NAME`. */
  name: string;
  title: string;
  dialect: DialectName;
  /** The first is taken when no region is asked for. */
  endpoints: readonly [KnownEndpoint, ...KnownEndpoint[]];
  /** The environment variable in which its users usually keep the key; null where it asks for none. */
  keyVariable: string | null;
  quirks: Quirks;
  /** Through Baseload. Which of its models does which is the provider's own matter. */
  operations: readonly Operation[];
  /** Its id in the list of `@pydantic/genai-prices`; null: its prices have to be said. */
  prices: string | null;
  /** Where the facts of this entry come from. */
  docs: string;
};
