/**
 * PostgreSQL's notifications, on a connection of their own that is opened again whenever it breaks. What was
 * said while it was down is lost, so whoever listens also looks for itself after each connect.
 */
import pg from "pg";
import type { Log } from "../log.ts";

export type ListenOptions = {
  url: string;
  applicationName: string;
  channels: readonly string[];
  onNotice(channel: string, payload: string): void;
  /** After each connect, the first one included. */
  onConnect(): void;
  log: Log;
};

const RETRY_MS = 250;
const RETRY_MS_MAX = 2_000;

export class Listener {
  readonly #options: ListenOptions;
  #client: pg.Client | undefined;
  #isStopped = false;
  #retryMs = RETRY_MS;
  #timer: Timer | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, applicationName, channels, onNotice, onConnect } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client.on("notification", ({ channel, payload }) => onNotice(channel, payload ?? ""));
    client.on("error", () => undefined);
    client.once("end", () => this.#retry());
    try {
      await client.connect();
      for (const channel of channels) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      // `end` follows where a connection was made at all; a retry that is already planned stays the only one.
      this.#options.log.debug("the notification channel could not be opened", { error });
      await client.end().catch(() => undefined);
      this.#retry();
      return;
    }
    this.#client = client;
    this.#retryMs = RETRY_MS;
    if (this.#isStopped) await this.stop();
    else onConnect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  #retry(): void {
    this.#client = undefined;
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.start();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }
}
