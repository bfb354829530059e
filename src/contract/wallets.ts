/**
 * What an organization may still spend, and where its money lies. On every wallet and every budget
 * balance + held + leased + spent + expired = granted, to the last digit.
 */
import { z } from "zod";
import { Id, Name, Usd } from "./fields.ts";
import { defineOperation } from "./operation.ts";

const amounts = {
  balance_usd: Usd.meta({ description: "Free to be leased by any gateway process" }),
  held_usd: Usd.meta({
    description: "Held back until the journal of a dead gateway process is read",
  }),
  leased_usd: Usd.meta({ description: "Leased to running gateway processes, not yet charged" }),
  spent_usd: Usd,
  granted_usd: Usd,
  expired_usd: Usd,
};

export const Budget = z
  .object({
    scope: z.enum(["project", "key"]),
    project: z.string(),
    key_id: Id.nullable(),
    name: z.string().meta({ description: "Name of the project or of the key" }),
    ...amounts,
  })
  .meta({ id: "Budget" });

export const Wallet = z
  .object({ organization: z.string(), ...amounts, budgets: z.array(Budget) })
  .meta({ id: "Wallet" });
export type Wallet = z.infer<typeof Wallet>;

export const readWallet = defineOperation({
  id: "wallet.read",
  method: "get",
  path: "/wallets",
  summary: "Read an organization's wallet and the budgets of its projects and keys",
  query: z.strictObject({ organization: Name }),
  answer: Wallet,
  status: 200,
});
