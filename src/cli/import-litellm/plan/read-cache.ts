/** `cache` and `cache_params`: routes can keep answers to calls that repeat exactly. Pure. */
import { fieldOf, itemsOf, type Setting, textOf, wholeOf } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";

/** LiteLLM's own, where the configuration says nothing. */
const TTL_SECONDS_DEFAULT = 600;
const TTL_SECONDS_MAX = 30 * 86_400;

/** Seconds; undefined: nothing is kept. */
export function readCache(module: Setting | undefined, findings: Findings): number | undefined {
  readCallbacks(module, findings);
  const cache = fieldOf(module, "cache");
  const params = fieldOf(module, "cache_params");
  if (cache?.kind !== "scalar" || cache.value !== true) {
    findings.ignore(cache, "is off");
    findings.ignore(params, "the cache is off");
    return undefined;
  }
  const type = textOf(fieldOf(params, "type"));
  const mode = textOf(fieldOf(params, "mode"));
  if (type?.includes("semantic") === true || mode === "default_off") {
    const why =
      mode === "default_off" ? "calls cannot ask for it one by one" : "only exact repeats are kept";
    findings.refuse(cache, `${why}: set the cache of a route, docs/guides/routing.md`);
    findings.refuse(params, "belongs to the cache, which was refused");
    return undefined;
  }
  findings.take(cache, "the routes' cache");
  const setting = fieldOf(params, "ttl");
  const ttl = Math.min(Math.max(wholeOf(setting) ?? TTL_SECONDS_DEFAULT, 1), TTL_SECONDS_MAX);
  findings.take(setting, `answers are kept for ${ttl} s`);
  if (params?.kind === "map") {
    for (const other of params.fields.values()) {
      if (other !== setting)
        findings.ignore(other, "Baseload keeps answers in its own store, within an organization");
    }
  }
  return ttl;
}

const BUILT_IN = /^(prometheus|otel|opentelemetry)$/;

function readCallbacks(module: Setting | undefined, findings: Findings): void {
  for (const name of ["callbacks", "success_callback", "failure_callback", "service_callbacks"]) {
    const setting = fieldOf(module, name);
    const one = setting?.kind === "scalar" && textOf(setting) !== undefined ? [setting] : [];
    for (const callback of [...itemsOf(setting), ...one]) {
      const receiver = textOf(callback) ?? "";
      if (BUILT_IN.test(receiver))
        findings.ignore(callback, "is built in: GET /metrics, and --telemetry-traces");
      else
        findings.refuse(
          callback,
          `'${receiver}' is no receiver here; traces go by OpenTelemetry, metrics by Prometheus`,
        );
    }
  }
}
