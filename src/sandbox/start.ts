export type Sandbox = {
  /** The base URL, ending in `/v1`. */
  url: string;
  port: number;
  stop(): Promise<void>;
};

export type SandboxOptions = {
  port: number;
  hostname: string;
  /** Callers must send it as `authorization: Bearer`; null lets everybody in, for tests on loopback. */
  token: string | null;
  /** A folder of raw answers, served to requests that name one. */
  fixtures?: string;
  /** Append-only file of what was served, one JSON line per attempt; survives the sandbox's own death. */
  log?: string;
  /** Attempts remembered for `GET /v1/attempts/<id>`; the oldest are forgotten. */
  attemptsMax?: number;
};

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  throw new Error(`to come: ${options.port}`);
}
