/** Time as a value that is passed in, so that tests and the simulation can hold it. */
export type Clock = {
  /** Milliseconds since 1970, for records. May jump. */
  nowMs(): number;
  /** Milliseconds that only grow, for durations and deadlines. */
  monotonicMs(): number;
};

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
