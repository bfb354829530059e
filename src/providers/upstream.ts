import { z } from "zod";

/** Dialects that have code under `dialects/`. */
export const dialectNames = ["openai-chat"] as const;
export type DialectName = (typeof dialectNames)[number];

/** Named switches for what a provider does differently from its dialect; the column `provider.quirks`. */
export const quirksSchema = z.strictObject({
  /** The upstream answers `GET {base_url}/attempts/<id>` with the usage of an attempt. */
  usage_lookup: z.boolean().optional(),
  /** The field for the output limit when the client used none; the dialect's older name by default. */
  output_limit_field: z.enum(["max_tokens", "max_completion_tokens"]).optional(),
  /** The upstream refuses `stream_options`; usage of streams is then counted by us. */
  no_stream_options: z.boolean().optional(),
});
export type Quirks = z.infer<typeof quirksSchema>;

/** Everything needed to call one provider. */
export type Upstream = {
  name: string;
  dialect: DialectName;
  /** Ends in the version segment, such as `https://api.example.com/v1`. */
  baseUrl: string;
  credential: string | null;
  /** Addresses of private networks and plain http are allowed; set by an operator. */
  allowPrivate: boolean;
  quirks: Quirks;
};
