/** `src/main.ts` starts processes itself, when their name is the first word: the command line knows no plane. */
import { UsageError } from "../grammar/usage-error.ts";

export const configFields =
  "Every field of the configuration is a flag too, such as --log-level debug: see docs/reference/configuration.md";

export const startedByMain = (name: string): Promise<never> =>
  Promise.reject(new UsageError(`write ${name} first and its flags behind it: baseload ${name} …`));
