/** In which order the credentials of one deployment are tried. */
import type { UpstreamHealth } from "../state/upstream-health.ts";
import type { ServedDeployment } from "./candidate.ts";

type Targets = ServedDeployment["targets"];

/** By chance, in proportion to their weights; spares (weight 0) after them, and those that rest last. */
export function orderCredentials(
  targets: Targets,
  health: Pick<UpstreamHealth, "isOpen">,
  chance: () => number,
): Targets {
  // A draw without putting back: the key of each is `chance^(1/weight)`, the largest comes first (Efraimidis, Spirakis).
  const keyOf = (weight: number) => (weight > 0 ? chance() ** (1 / weight) : -1);
  return targets
    .map((target) => ({ target, key: health.isOpen(target) ? -2 : keyOf(target.weight) }))
    .sort((a, b) => b.key - a.key)
    .map(({ target }) => target);
}
