/** What a client is told whose plan is empty: the reason that came closest to an answer. */
import { Failure } from "../../lib/errors.ts";
import type { LeftOut, LeftOutReason, RoutePlan } from "./plan.ts";
import type { RouteQuestion } from "./question.ts";

/** Further down: closer to an answer. A model that only lacks a price would have done everything else. */
const closeness: readonly LeftOutReason[] = [
  "unknown_model",
  "operation",
  "residency",
  "condition",
  "capability",
  "modality",
  "context",
  "price",
];

type Asked = Pick<RouteQuestion, "model" | "organization" | "regions">;

export function refusalOf(plan: Pick<RoutePlan, "leftOut">, question: Asked): Failure {
  const { model } = question;
  const closest = plan.leftOut.reduce<LeftOut | undefined>(
    (best, one) =>
      best === undefined || closeness.indexOf(one.reason) > closeness.indexOf(best.reason)
        ? one
        : best,
    undefined,
  );
  const refused = (kind: "invalid" | "forbidden" | "not_found", code: string, message: string) =>
    new Failure(kind, message, { code, param: "model" });
  switch (closest?.reason) {
    case "operation":
      return refused(
        "invalid",
        "unsupported_operation",
        `'${model}' cannot do this: ${closest.why}.`,
      );
    case "residency":
      return refused(
        "forbidden",
        "outside_of_regions",
        `Calls of '${question.organization}' stay in ${question.regions?.join(", ")}, and nothing there serves '${model}'. Call a model that runs there.`,
      );
    case "condition":
      return refused(
        "invalid",
        "no_target",
        `The route '${model}' has no target for this call: ${closest.why}. An operator sees why with: baseload route explain --model ${model}`,
      );
    case "capability":
    case "modality":
      return refused(
        "invalid",
        "unsupported_by_model",
        `'${model}' cannot answer this: ${closest.why}.`,
      );
    case "price": {
      const name = closest.target.split(" at ")[0];
      return refused(
        "forbidden",
        "no_price",
        `'${name}' cannot be called: ${closest.why}. An operator sets one with: baseload price set ${name} …`,
      );
    }
    default:
      return refused("not_found", "model_not_found", `Nothing serves '${model}' now.`);
  }
}
