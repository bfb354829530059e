/** What a gateway knows of the health of what it calls. Numbers are those of this process. */

export type DeploymentHealth = {
  /**
   * Over all credentials of the deployment: one that works is enough.
   *
   * - `closed`: calls go through.
   * - `probe`: the cooldown is over, and this call may find out.
   * - `open`: cooling down, or another call is finding out.
   */
  readonly circuit: "closed" | "probe" | "open";
  /** When an open circuit may be probed, since 1970. */
  readonly openUntilMs: number;
  readonly inFlight: number;
  /** To the first token of a stream, decayed. Undefined: not known, or too long ago to mean anything. */
  readonly firstTokenMs: number | undefined;
  /** To the last byte of a whole answer, decayed. */
  readonly answerMs: number | undefined;
  /** Of output, decayed. */
  readonly tokensPerSecond: number | undefined;
};

export interface HealthView {
  /** Undefined: never called. */
  of(deploymentId: bigint): DeploymentHealth | undefined;
}
