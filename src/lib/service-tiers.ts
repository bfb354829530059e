/**
 * How urgently a provider works on a call, which is priced apart. OpenAI's words, which most providers share.
 *
 * - `batch`: within a day, at about half the price.
 * - `flex`: when there is room.
 * - `priority`: before everybody else.
 */
export const serviceTiers = ["standard", "batch", "flex", "priority"] as const;

export type ServiceTier = (typeof serviceTiers)[number];
