/** What is particular to one API that a package speaks. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  SharedV4ProviderMetadata,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import type { EncodeOptions } from "../../dialects/dialect.ts";
import type { CacheMark, Prompt, ReasoningPart } from "../../neutral/prompt.ts";

export type OpenSettings = {
  baseURL: string;
  fetch: typeof fetch;
  model: string;
};

export type Seals = Pick<ReasoningPart, "signature" | "encrypted" | "sealedBy">;

export type Api = {
  /** Imports the package on first use. */
  open(settings: OpenSettings): Promise<LanguageModelV4>;
  /** The top-level fields of its requests: a client's unknown field of such a name is refused. */
  ownFields: ReadonlySet<string>;
  /** Where a client's unknown fields belong; the request itself when left out. */
  extraAt?: string;
  /** Where the output limit stands in a request that the package may have raised it in. */
  limitAt?: readonly [string, string];
  /** The provider's own usage object → disjoint quantities. */
  readUsage(raw: JsonObject, model: string): Quantities | undefined;
  /** Undefined where `options` says how much to think, in other words. */
  effort(prompt: Prompt, options: EncodeOptions): LanguageModelV4CallOptions["reasoning"];
  /** Settings that the neutral call options have no words for. */
  options(prompt: Prompt, options: EncodeOptions): SharedV4ProviderOptions;
  /** Undefined: thoughts are not sent back. */
  replay?(part: ReasoningPart, model: string): SharedV4ProviderOptions | undefined;
  cacheMark?(mark: CacheMark): SharedV4ProviderOptions;
  /** The provider's seal on a thought. */
  sealIn?(metadata: SharedV4ProviderMetadata | undefined, model: string): Seals | undefined;
  stopSequenceIn?(metadata: SharedV4ProviderMetadata | undefined): string | undefined;
  /** What an assistant said beside calling tools has no place in the same message. */
  splitsCalls?: true;
};

/** The packages insist on a key; the real one is shown by `ask`. */
export const NO_KEY = "not-a-key";

/** The tiers that are no tier of an API have been refused. */
export const tierOf = ({ serviceTier }: Prompt): { serviceTier?: string } =>
  serviceTier === "flex" || serviceTier === "priority" ? { serviceTier } : {};
