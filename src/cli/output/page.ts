/** One page of a list: what was asked for, and how to go on. */

export type PageFlags = {
  readonly limit: number | undefined;
  readonly after: string | undefined;
};

/** The last line of a list that goes on. */
export const morePages = (answer: { readonly next_after: string | null }): string =>
  answer.next_after === null ? "" : `\nThere is more: add --after ${answer.next_after}\n`;
