/** What a package would leave out or change is refused instead: nobody is to be answered another question. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  SharedV4Warning,
} from "@ai-sdk/provider";
import { type Prompt, untranslatable } from "../neutral/prompt.ts";

/**
 * Lets the package build the request without sending it, and reads what it has to say. Only what it calls unsupported
 * is left out of a request; its other warnings are advice.
 *
 * @throws Failure `UNTRANSLATABLE`
 */
export async function refuseUnsupported(
  model: LanguageModelV4,
  callOptions: LanguageModelV4CallOptions,
  prompt: Prompt,
): Promise<void> {
  const { stream } = await model.doStream(callOptions);
  const reader = stream.getReader();
  const { value: first } = await reader.read();
  // Nothing was sent, so the end of this stream is no matter.
  await reader.cancel().catch(() => undefined);
  const warnings = first?.type === "stream-start" ? first.warnings : [];
  for (const warning of warnings) refuse(warning, prompt);
}

function refuse(warning: SharedV4Warning, { reasoning }: Prompt): void {
  if (warning.type !== "unsupported") return;
  const { feature, details } = warning;
  // A wish that the model may decide against is not made where it cannot be made.
  if (feature === "reasoning" && reasoning?.isOptional === true) return;
  throw untranslatable(paramOf(feature), details ?? "its model does not take it");
}

/** `frequencyPenalty` is `frequency_penalty` in the APIs of clients. */
const paramOf = (feature: string): string =>
  feature === "topK" || /^[a-z]+[A-Z]/.test(feature)
    ? feature.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : feature;
