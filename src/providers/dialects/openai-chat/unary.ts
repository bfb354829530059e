/** A whole answer. `bytes` go to the client untouched. */
export type UnaryAnswer = {
  bytes: Uint8Array;
  /** The provider's usage object, undefined when it is missing. */
  usage: unknown;
  /** An estimate from the text, for answers without usage. */
  countedOutputTokens: number;
};

/** Reads the whole body; throws a `Failure` when it is too large, cut off, or no JSON object. */
export async function readUnaryAnswer(
  response: Response,
  options: { bytesMax?: number },
): Promise<UnaryAnswer> {
  throw new Error(`to come: ${response.status} ${options.bytesMax}`);
}
