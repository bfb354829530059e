/** How LiteLLM draws among deployments: by the first of weight, rpm and tpm that the first deployment has. Pure. */
import { fieldOf, numberOf } from "../config/config-tree.ts";
import type { Deployment } from "./read-deployment.ts";

export type Weights = readonly (number | undefined)[];

const MEASURES = ["weight", "rpm", "tpm"] as const;

/** Undefined: all are drawn alike. Who lacks the measure weighs nothing, as at LiteLLM. */
export function weighing(deployments: readonly Deployment[]): number[] | undefined {
  const [first] = deployments;
  if (first === undefined) return undefined;
  const measure = MEASURES.find((name) => numberOf(fieldOf(first.params, name)) !== undefined);
  if (measure === undefined) return undefined;
  const weights = deployments.map(({ params }) => numberOf(fieldOf(params, measure)) ?? 0);
  return weights.some((weight) => weight > 0) ? weights : undefined;
}
