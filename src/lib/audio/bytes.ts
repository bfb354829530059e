export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** "" beyond the end. */
export function asciiAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** Below what any codec in use needs for speech: 4 kbit/s. */
const BYTES_PER_SECOND_MIN = 500;

/** The longest that so many bytes of sound can be. */
export const secondsForBytes = (bytes: number): number => bytes / BYTES_PER_SECOND_MIN;
