/** No connection: the socket is gone, the server refuses, is starting, is stopping, or has no slot left. */
const CONNECTION_CODES =
  /^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08\w{3}|57P0[123]|53300)$/;
/** `pg` has no codes for these. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** Whether the database could not be reached, in contrast to a statement that it refused. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  return (
    (typeof code === "string" && CONNECTION_CODES.test(code)) ||
    CONNECTION_MESSAGES.test(error.message)
  );
}
