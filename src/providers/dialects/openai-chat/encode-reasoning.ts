/** How much a provider shall think, in its own fields: OpenAI has one, and the others each have another. */
import type { JsonObject } from "../../../lib/json.ts";
import { type Prompt, untranslatable } from "../../neutral/prompt.ts";
import { effortOf } from "../../neutral/reasoning-effort.ts";
import type { Quirks } from "../../upstream.ts";

/**
 * `summary` is left out: it asks how thoughts are shown, and servers of this dialect show all or none.
 *
 * @throws Failure `UNTRANSLATABLE`
 */
export function reasoningFields({ reasoning }: Prompt, quirks: Quirks): JsonObject {
  const effort = reasoning && effortOf(reasoning);
  if (reasoning === undefined || effort === undefined) return {};
  const isOn = effort !== "none";
  const { budgetTokens, isOptional } = reasoning;
  switch (quirks.reasoning_request ?? "reasoning_effort") {
    case "reasoning_effort":
      return { reasoning_effort: effort };
    case "reasoning":
      return { reasoning: budgetTokens === undefined ? { effort } : { max_tokens: budgetTokens } };
    case "thinking":
      return { thinking: { type: isOn ? "enabled" : "disabled" } };
    case "enable_thinking":
      return {
        enable_thinking: isOn,
        ...(budgetTokens === undefined ? {} : { thinking_budget: budgetTokens }),
      };
    case "chat_template_kwargs":
      return { chat_template_kwargs: { enable_thinking: isOn } };
    case "none":
      // Not to think is what such a provider does anyway.
      if (!isOn || isOptional === true) return {};
      throw untranslatable("reasoning", "its provider cannot be asked to think");
  }
}
