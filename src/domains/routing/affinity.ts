/**
 * Rendezvous hashing: every candidate gets a score from the prompt and its own id, and the highest wins. When one
 * goes or comes, only its own prompts move. https://en.wikipedia.org/wiki/Rendezvous_hashing
 */

/** Providers keep prefixes from 1,024 tokens on; a system prompt differs long before. */
export const PREFIX_CHARS = 1_024;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The same on all gateways. The organization is a part of it: nobody's cache is warmed, or probed, by a stranger. */
export function hashOfPrompt(organizationId: bigint, prefix: string): number {
  return fnv1a(prefix.slice(0, PREFIX_CHARS), fnv1a(String(organizationId), FNV_OFFSET));
}

export const rendezvousScore = (hash: number, deploymentId: bigint): number =>
  mixed(fnv1a(String(deploymentId), hash));

/** FNV-1a over UTF-16 code units: fast, and good enough once mixed. */
function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: every bit depends on every other. */
function mixed(hash: number): number {
  let mix = hash;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
