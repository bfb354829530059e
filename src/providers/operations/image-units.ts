/** Providers that bill images by size or quality: how many priced pieces one counts for. */
import { fieldIn } from "../../lib/multipart.ts";
import type { Upstream } from "../upstream.ts";
import type { Sent } from "./put.ts";

export function unitsPerImage(upstream: Upstream, upstreamModel: string, sent: Sent): number {
  const size = fieldOf(sent, "size");
  const quality = fieldOf(sent, "quality");
  const rule = upstream.quirks.image_units?.find(
    (one) =>
      (one.model ?? upstreamModel) === upstreamModel &&
      (one.size ?? size) === size &&
      (one.quality ?? quality) === quality,
  );
  return rule?.units ?? 1;
}

function fieldOf(sent: Sent, name: string): string | undefined {
  if ("form" in sent) return fieldIn(sent.form, name);
  const value = sent.json[name];
  return typeof value === "string" ? value : undefined;
}
