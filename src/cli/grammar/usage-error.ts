/** The command line itself is wrong: exit code 2. What the platform refuses is a `Failure`: exit code 1. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
