/** "Did you mean": the names that a misspelt one most probably stands for. */

/** Three slips are the most that still look like the word that was meant. */
const SLIPS_MAX = 3;
/** More suggestions than this are not read. */
const SUGGESTIONS_MAX = 3;
/** Comparing costs the product of both lengths; junk must not buy more time than a name does. */
const NAME_CHARS_MAX = 64;
const CANDIDATES_MAX = 1_000;

/**
 * The nearest names, best first; empty when none is near. Letter case does not count as a slip. Where no whole
 * name is near, the beginnings of longer names are compared: people leave out what they do not remember.
 */
export function nearestNames(word: string, candidates: Iterable<string>): string[] {
  const meant = word.slice(0, NAME_CHARS_MAX).toLowerCase();
  const slipsMax = Math.min(SLIPS_MAX, Math.floor(meant.length / 2));
  const names = [...firstOf(candidates, CANDIDATES_MAX)];
  const whole = rank(names, slipsMax, (name) => {
    const slips = slipsBetween(meant, name, slipsMax);
    return isPart(meant, name) ? Math.min(slips, slipsMax) : slips;
  });
  if (whole.length > 0 || meant.length < BEGINNING_CHARS_MIN) return whole;
  return rank(names, BEGINNING_SLIPS_MAX, (name) =>
    slipsBetween(meant, name.slice(0, meant.length + 1), BEGINNING_SLIPS_MAX),
  );
}

/** Letter by letter, what a beginning may differ in. */
const BEGINNING_SLIPS_MAX = 1;
const BEGINNING_CHARS_MIN = 4;

function rank(
  names: readonly string[],
  slipsMax: number,
  slipsOf: (name: string) => number,
): string[] {
  return names
    .map((name) => ({ name, slips: slipsOf(name.slice(0, NAME_CHARS_MAX).toLowerCase()) }))
    .filter(({ slips }) => slips <= slipsMax)
    .sort((a, b) => a.slips - b.slips || (a.name < b.name ? -1 : 1))
    .slice(0, SUGGESTIONS_MAX)
    .map(({ name }) => name);
}

function* firstOf(values: Iterable<string>, most: number): Iterable<string> {
  let taken = 0;
  for (const value of values) {
    if (++taken > most) return;
    yield value;
  }
}

/** ` Did you mean 'a' or 'b'?`, or nothing: ready to follow a sentence. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const names = nearestNames(word, candidates).map((name) => `'${name}'`);
  const last = names.pop();
  if (last === undefined) return "";
  return ` Did you mean ${names.length === 0 ? last : `${names.join(", ")} or ${last}`}?`;
}

/** Part of a longer name, such as `llama` of `meta/llama-3`, or a longer form of it. */
const isPart = (word: string, candidate: string): boolean =>
  word.length > 2 &&
  (candidate.includes(word) || (candidate.length > 2 && word.includes(candidate)));

/**
 * Optimal string alignment distance: insert, delete, replace, or swap two neighbours. It is at least the
 * difference in length, which alone is answered when that exceeds `slipsMax`.
 */
function slipsBetween(a: string, b: string, slipsMax: number): number {
  const lengthGap = Math.abs(a.length - b.length);
  if (lengthGap > slipsMax) return lengthGap;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], column: number): number =>
  row[column] ?? Number.POSITIVE_INFINITY;
