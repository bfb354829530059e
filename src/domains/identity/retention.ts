/** What is kept of an organization's calls, beside what they cost. */
export const requestLogModes = ["off", "metadata", "full"] as const;
export type RequestLogMode = (typeof requestLogModes)[number];

/** As the operator has set it. */
export type Retention = {
  organization: string;
  mode: RequestLogMode;
  /** Which share of the calls is logged, from 0 to 1. */
  sample: number;
  days: number;
  isRedacted: boolean;
  /** Wins over everything else. */
  zeroRetention: boolean;
};

/** As a gateway needs it. */
export type RequestLogging = {
  mode: Exclude<RequestLogMode, "off">;
  sample: number;
  isRedacted: boolean;
};
