/** The processes of one installation, and how a process tells its supervisor that it is ready. */
import { z } from "zod";

/** What `baseload up` supervises. */
export const roles = ["gateway", "control", "worker", "sandbox", "runner"] as const;
export type Role = (typeof roles)[number];

export const isRole = (word: string | undefined): word is Role =>
  roles.some((role) => role === word);

/** The one line that a role writes to its standard output, once it can do its work. */
export const ReadyLine = z.object({ ready: z.literal(true), role: z.enum(roles) });
