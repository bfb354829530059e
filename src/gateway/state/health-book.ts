/** What this process knows of the health of what it calls, for the control plane's dry runs. */
import type { UpstreamHealth } from "./upstream-health.ts";

/** More deployments than a person reads; the rest counts as well, as to who has asked no gateway. */
const DEPLOYMENTS_SHOWN_MAX = 10_000;

export const toHealthBook = (health: Pick<UpstreamHealth, "entries">): object => ({
  deployments: [...health.entries()].slice(0, DEPLOYMENTS_SHOWN_MAX).map(([deploymentId, one]) => ({
    deployment_id: String(deploymentId),
    circuit: one.circuit,
    open_until_ms: one.openUntilMs,
    in_flight: one.inFlight,
    first_token_ms: one.firstTokenMs ?? null,
    answer_ms: one.answerMs ?? null,
    tokens_per_second: one.tokensPerSecond ?? null,
  })),
});
