/** Whether a call may be answered from the cache, under which key, and what it leaves there. */
import { createHash } from "node:crypto";
import type { Principal } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Plan } from "../admit/candidate.ts";
import type { Call, Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { ANSWER_BYTES_MAX, type CachedAnswer } from "./response-cache.ts";

export const CACHE_HEADER = "x-baseload-cache";
const wishes = ["no-store", "refresh"];

/** Answers of these are the same for the same question, or the operator has said that they may be. */
const cacheable = new Set<CallRequest["operation"]>(["chat", "embeddings", "rerank", "moderation"]);

/** The place of one call's answer. */
export class CacheSlot {
  readonly #gateway: Gateway;
  readonly #key: string;
  readonly #ttlSeconds: number;
  /** The client wants a fresh answer, and the next ones shall have it too. */
  readonly #isRefreshing: boolean;
  #pieces: Uint8Array[] | undefined = [];
  #bytes = 0;

  constructor(
    gateway: Gateway,
    options: { key: string; ttlSeconds: number; isRefreshing: boolean },
  ) {
    this.#gateway = gateway;
    this.#key = options.key;
    this.#ttlSeconds = options.ttlSeconds;
    this.#isRefreshing = options.isRefreshing;
  }

  read(): CachedAnswer | undefined {
    return this.#isRefreshing ? undefined : this.#gateway.cache.read(this.#key);
  }

  /** A piece of the answer, as the client gets it. */
  add(piece: Uint8Array): void {
    if (this.#pieces === undefined) return;
    this.#bytes += piece.length;
    if (this.#bytes > ANSWER_BYTES_MAX) this.#pieces = undefined;
    // Copied: what a piece is a view of may be large, or be used again.
    else this.#pieces.push(piece.slice());
  }

  /** The answer is complete and settled. */
  keep(made: Omit<CachedAnswer, "bytes" | "storedMs">): void {
    if (this.#pieces === undefined) return;
    const bytes = Buffer.concat(this.#pieces);
    this.#gateway.cache.keep(this.#key, { ...made, bytes }, this.#ttlSeconds);
    this.#pieces = undefined;
  }
}

/**
 * @returns undefined when nothing of this call is cached: nobody asked for it, or the answer is more than its bytes.
 * @throws Failure `invalid` for a wish that is none.
 */
export function cacheSlotOf(
  gateway: Gateway,
  asked: { call: Call; principal: Principal; request: CallRequest; plan: Plan },
): CacheSlot | undefined {
  const { call, principal, request, plan } = asked;
  const wish = readWish(call);
  const ttlSeconds = plan.policy.cache?.ttlSeconds ?? principal.cacheTtlSeconds;
  if (principal.zeroRetention) return undefined;
  if (ttlSeconds === null || wish === "no-store" || !plan.isBilled) return undefined;
  // What is stored under an id of its own, or belongs to a job, is not the same when it is asked again.
  const isPlain = request.onAnswered === undefined && call.work === undefined;
  if (!isPlain || request.body === undefined || !cacheable.has(request.operation)) return undefined;
  const key = keyOf({ call, principal, request, plan });
  return new CacheSlot(gateway, { key, ttlSeconds, isRefreshing: wish === "refresh" });
}

function readWish({ request }: Call): string | undefined {
  const wish = request.headers.get(CACHE_HEADER);
  if (wish === null) return undefined;
  if (wishes.includes(wish)) return wish;
  throw new Failure(
    "invalid",
    `The header '${CACHE_HEADER}' must be one of: ${wishes.join(", ")}.`,
    {
      code: "invalid_header",
      param: CACHE_HEADER,
    },
  );
}

/**
 * Everything that decides about the bytes of an answer. The organization comes first, so that no two of them can ever
 * meet; the plan's candidates are in it, so that an answer of a model that the organization may no longer call, or that
 * a route no longer leads to, is not given again.
 */
function keyOf({
  call,
  principal,
  request,
  plan,
}: {
  call: Call;
  principal: Principal;
  request: CallRequest;
  plan: Plan;
}): string {
  const deployments = plan.candidates.map(({ deploymentId }) => String(deploymentId)).sort();
  const parts = [
    ...[String(principal.organizationId), String(principal.cacheEpoch)],
    ...[call.dialect, request.operation, request.isStream],
    ...[request.serviceTier, deployments, sorted(request.body)],
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64");
}

/** The order of fields says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ["[", ...value.map(sorted)];
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return ["{", ...entries.map(([name, one]) => [name, sorted(one)])];
}
