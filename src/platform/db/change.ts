/**
 * Every change of what the platform offers or allows is written down and announced in the transaction that
 * makes it: no change without its audit event, and no announcement of a change that was rolled back.
 */
import type { PoolClient } from "pg";

/** Gateways listen here and read their snapshots again. */
export const CHANGED_CHANNEL = "baseload_changed";

export type Change = {
  /** Who did it, such as `admin` or `system`. */
  actor: string;
  /** Noun and verb: `key.create`. */
  action: string;
  /** What it was done to: the id or the unique name. */
  subject: string;
  /** What a reader of the log needs beside that. Never a secret. */
  detail?: Readonly<Record<string, unknown>>;
};

export async function recordChange(client: PoolClient, change: Change): Promise<void> {
  await client.query(
    `with event as (
       insert into audit_event (actor, action, subject, detail) values ($1, $2, $3, $4)
     )
     select pg_notify($5, '')`,
    [
      change.actor,
      change.action,
      change.subject,
      JSON.stringify(change.detail ?? {}),
      CHANGED_CHANNEL,
    ],
  );
}

/** What changes nothing that a gateway knows, such as that somebody has read what is confidential: nobody is told. */
export async function recordEvent(client: PoolClient, event: Change): Promise<void> {
  const { actor, action, subject, detail = {} } = event;
  await client.query(
    "insert into audit_event (actor, action, subject, detail) values ($1, $2, $3, $4)",
    [actor, action, subject, JSON.stringify(detail)],
  );
}

/** The name of the constraint that PostgreSQL says was violated, if that is what went wrong. */
export function violatedConstraint(error: unknown): string | undefined {
  const constraint = (error as { constraint?: unknown } | null)?.constraint;
  return typeof constraint === "string" ? constraint : undefined;
}
