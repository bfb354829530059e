/**
 * In which language a text is written, as BCP 47; undefined where it is too short or too mixed to tell. Scripts decide
 * where they can; what several languages share goes to the statistics of `eld`, whose megabytes are loaded when the
 * first text needs them.
 */
import { isCantonese } from "./cantonese.ts";
import { countEastAsian, countLetters, hasTellingScript, languageOfOwnScript } from "./scripts.ts";

/** More than this makes nothing surer. */
export const SAMPLE_CHARS = 1_500;

/** A Latin word or two may be any language's, a name or a command. */
const ALPHABET_LETTERS_MIN = 12;
/** A character is as much as a word: a greeting of two could still be Chinese, Cantonese or Japanese. */
const HAN_MIN = 4;
const KANA_MIN = 2;
const HANGUL_MIN = 2;
const OWN_SCRIPT_MIN = 4;
/** A character says as much as three letters; and questions in Korean quote English more often than the other way round. */
const LETTERS_OF_A_SYLLABLE = 4;
/** Chinese has taken a の or two over into names. */
const KANA_SHARE_MIN = 0.1;

/** Code and addresses are in no language. */
const FENCED_CODE = /```[\s\S]*?(?:```|$)/g;
const ADDRESS = /\bhttps?:\/\/\S+|\b\S+@\S+\.\S+/g;

export async function detectLanguage(text: string): Promise<string | undefined> {
  const sample = text.slice(0, SAMPLE_CHARS).replace(FENCED_CODE, " ").replace(ADDRESS, " ");
  const letters = countLetters(sample);
  if (hasTellingScript(sample)) {
    const told = languageOfScripts(sample, letters);
    if (told !== undefined) return told;
  }
  if (letters < ALPHABET_LETTERS_MIN) return undefined;
  return await languageOfAlphabet(sample);
}

function languageOfScripts(sample: string, letters: number): string | undefined {
  const { han, kana, hangul } = countEastAsian(sample);
  const eastAsian = han + kana + hangul;
  if (eastAsian * LETTERS_OF_A_SYLLABLE > letters - eastAsian) {
    return eastAsianLanguage(sample, { han, kana, hangul });
  }
  const own = languageOfOwnScript(sample);
  if (own === undefined || own.letters < OWN_SCRIPT_MIN || own.letters * 2 < letters) {
    return undefined;
  }
  return own.language;
}

function eastAsianLanguage(
  sample: string,
  { han, kana, hangul }: { han: number; kana: number; hangul: number },
): string | undefined {
  if (hangul >= HANGUL_MIN && hangul >= kana + han / 2) return "ko";
  if (kana >= KANA_MIN && kana >= (kana + han) * KANA_SHARE_MIN) return "ja";
  if (han < HAN_MIN) return undefined;
  return isCantonese(sample) ? "yue" : "zh";
}

/** Loaded once for each process; takes about a quarter of a second and 90 MB. */
let statistics: Promise<typeof import("eld").eld> | undefined;

const loadStatistics = () => {
  statistics ??= import("eld/small").then(({ eld }) => eld);
  return statistics;
};

/** For whoever knows that languages will be asked for: then no call waits for the load. */
export async function prepareLanguages(): Promise<void> {
  await loadStatistics();
}

async function languageOfAlphabet(sample: string): Promise<string | undefined> {
  const found = (await loadStatistics()).detect(sample);
  return found.isReliable() ? found.language : undefined;
}
