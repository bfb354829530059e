/** WebM and Matroska. Recorders of browsers write no length: then the time of the last block is it. https://www.rfc-editor.org/rfc/rfc9559 */
import type { AudioLength } from "./audio-length.ts";
import { secondsForBytes, viewOf } from "./bytes.ts";

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const CLUSTER = 0x1f43b675;
const CLUSTER_TIMESTAMP = 0xe7;
const BLOCK_GROUP = 0xa0;
const BLOCKS = [0xa1, 0xa3];
/** What is entered rather than skipped. */
const PARENTS = [SEGMENT, INFO, CLUSTER, BLOCK_GROUP];

/** A block of 20 ms, in the longest recording that 50 MB hold. */
const ELEMENTS_MAX = 2_000_000;
const NANOS_PER_SECOND = 1e9;
const SCALE_USUAL = 1_000_000;
/** The last block has a length of its own. */
const LAST_BLOCK_SECONDS = 0.12;
/** Above what sound in WebM uses: a file whose times say more bytes to the second is a film, or lies. */
const BYTES_PER_SECOND_MAX = 192_000;

type Times = { scale: number; told: number; cluster: number; last: number };
type Element = { id: number; start: number; size: number };

export function readWebm(bytes: Uint8Array): AudioLength | undefined {
  if (bytes.length < 4 || viewOf(bytes).getUint32(0) !== EBML) return undefined;
  const times: Times = { scale: SCALE_USUAL, told: 0, cluster: 0, last: 0 };
  let at = 0;
  for (let count = 0; at < bytes.length && count < ELEMENTS_MAX; count++) {
    const element = elementAt(bytes, at);
    if (element === undefined) break;
    read(bytes, element, times);
    at = PARENTS.includes(element.id) ? element.start : element.start + element.size;
  }
  const tick = times.scale / NANOS_PER_SECOND;
  const heard = times.last === 0 ? 0 : times.last * tick + LAST_BLOCK_SECONDS;
  const seconds = times.told > 0 ? times.told * tick : heard;
  if (!(seconds > 0) || !Number.isFinite(seconds)) return undefined;
  const unread = secondsForBytes(Math.max(bytes.length - at, 0));
  const secondsMin = bytes.length / BYTES_PER_SECOND_MAX;
  return { seconds, secondsMax: Math.max(seconds, heard, secondsMin) + unread };
}

function read(bytes: Uint8Array, { id, start, size }: Element, times: Times): void {
  const view = viewOf(bytes);
  if (start + size > bytes.length && !PARENTS.includes(id)) return;
  if (id === TIMESTAMP_SCALE) times.scale = uintAt(bytes, start, size);
  if (id === CLUSTER_TIMESTAMP) times.cluster = uintAt(bytes, start, size);
  if (id === DURATION && size === 4) times.told = view.getFloat32(start);
  if (id === DURATION && size === 8) times.told = view.getFloat64(start);
  if (BLOCKS.includes(id) && size > 4) {
    const track = vintAt(bytes, start);
    const offset = track === undefined ? 0 : view.getInt16(start + track.length);
    times.last = Math.max(times.last, times.cluster + offset);
  }
}

function elementAt(bytes: Uint8Array, at: number): Element | undefined {
  const id = vintAt(bytes, at);
  const size = id === undefined ? undefined : vintAt(bytes, at + id.length);
  if (id === undefined || size === undefined) return undefined;
  return { id: id.raw, start: at + id.length + size.length, size: size.value };
}

/** A number that says its own length by its leading zeros; `raw` keeps the mark, as ids are written. */
function vintAt(
  bytes: Uint8Array,
  at: number,
): { raw: number; value: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0) return undefined;
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return undefined;
  const rest = uintAt(bytes, at + 1, length - 1);
  const scale = 256 ** (length - 1);
  return { raw: first * scale + rest, value: (first - 2 ** (8 - length)) * scale + rest, length };
}

function uintAt(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (const byte of bytes.subarray(at, at + Math.min(size, 8))) value = value * 256 + byte;
  return value;
}
