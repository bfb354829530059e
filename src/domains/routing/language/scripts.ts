/** Which scripts a text is written in. Many decide the language alone, faster and surer than statistics. */

/** Languages that have a script to themselves, nearly. */
const ownScripts: readonly { language: string; script: RegExp }[] = [
  { language: "th", script: /\p{Script=Thai}/gu },
  { language: "el", script: /\p{Script=Greek}/gu },
  { language: "he", script: /\p{Script=Hebrew}/gu },
  { language: "bn", script: /\p{Script=Bengali}/gu },
  { language: "ta", script: /\p{Script=Tamil}/gu },
  { language: "te", script: /\p{Script=Telugu}/gu },
  { language: "kn", script: /\p{Script=Kannada}/gu },
  { language: "ml", script: /\p{Script=Malayalam}/gu },
  { language: "gu", script: /\p{Script=Gujarati}/gu },
  { language: "pa", script: /\p{Script=Gurmukhi}/gu },
  { language: "or", script: /\p{Script=Oriya}/gu },
  { language: "si", script: /\p{Script=Sinhala}/gu },
  { language: "lo", script: /\p{Script=Lao}/gu },
  { language: "km", script: /\p{Script=Khmer}/gu },
  { language: "my", script: /\p{Script=Myanmar}/gu },
  { language: "ka", script: /\p{Script=Georgian}/gu },
  { language: "hy", script: /\p{Script=Armenian}/gu },
  { language: "am", script: /\p{Script=Ethiopic}/gu },
];

const LETTER = /\p{L}/gu;
const OTHER_THAN_COMMON =
  /[^\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Arabic}\p{Script=Devanagari}\P{L}]/u;

export const countOf = (pattern: RegExp, text: string): number => text.match(pattern)?.length ?? 0;

export const countLetters = (text: string): number => countOf(LETTER, text);

/** Scripts that more than one common language uses need statistics, and nothing else is worth counting then. */
export const hasTellingScript = (text: string): boolean => OTHER_THAN_COMMON.test(text);

export function languageOfOwnScript(
  text: string,
): { language: string; letters: number } | undefined {
  return ownScripts
    .map(({ language, script }) => ({ language, letters: countOf(script, text) }))
    .reduce((most, one) => (one.letters > most.letters ? one : most));
}

export type EastAsianLetters = { han: number; kana: number; hangul: number };

export const countEastAsian = (text: string): EastAsianLetters => ({
  han: countOf(/\p{Script=Han}/gu, text),
  // The mark of a long vowel is common to both kana, and no letter of its own.
  kana: countOf(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, text),
  hangul: countOf(/\p{Script=Hangul}/gu, text),
});
