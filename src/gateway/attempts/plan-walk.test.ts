import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DEFAULT_POLICY } from "../../domains/routing/index.ts";
import { Failure, type FailureKind } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { Candidate, Plan } from "../admit/candidate.ts";
import { PlanWalk, type Step } from "./plan-walk.ts";

/** Goes on by what a walk waits. */
let nowMs = 0;

type Options = {
  names: string[];
  again?: Partial<Plan["policy"]["again"]>;
  attemptsMax?: number;
  resting?: string[];
  remainingMs?: number;
};

function walkOver({ names, again = {}, attemptsMax, resting = [], remainingMs }: Options) {
  const candidates = names.map((modelName) => ({ modelName }) as Candidate);
  const never = { rate_limited: 0, overloaded: 0, timeout: 0, upstream: 0 };
  const policy = {
    ...DEFAULT_POLICY,
    again: { ...never, ...again },
    ...(attemptsMax === undefined ? {} : { attemptsMax }),
  };
  return new PlanWalk({
    plan: { candidates, policy } as unknown as Plan,
    health: { isOpen: (target) => resting.includes((target as Candidate).modelName) },
    deadline: { isOver: false, remainingMs: () => remainingMs ?? Number.POSITIVE_INFINITY },
    clock: { monotonicMs: () => nowMs },
    chance: () => 1,
  });
}

const failure = (kind: FailureKind, more: { code?: string; retryAfterSeconds?: number } = {}) =>
  new Failure(kind, "failed", more);

/** The names that are asked while every one of them fails so, with the waits before. */
function walkThrough(walk: PlanWalk, errorOf: (name: string) => unknown): [string, number][] {
  const asked: [string, number][] = [];
  let step: Step | undefined = walk.begin();
  while (step !== undefined) {
    const { candidate, waitMs } = step;
    asked.push([candidate.modelName, waitMs]);
    nowMs += waitMs;
    step = walk.after([{ candidate, error: errorOf(candidate.modelName) }]);
  }
  return asked;
}

describe("a walk through a plan", () => {
  test("asks one after the other, as planned", () => {
    const walk = walkOver({ names: ["a", "b", "c"] });

    expect(walkThrough(walk, () => failure("upstream"))).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
    ]);
  });

  test("asks those that rest last, and them too when nothing else is left", () => {
    const some = walkOver({ names: ["a", "b", "c"], resting: ["a"] });
    const all = walkOver({ names: ["a", "b"], resting: ["a", "b"] });
    const names = (walk: PlanWalk) =>
      walkThrough(walk, () => failure("upstream")).map(([name]) => name);

    expect(names(some)).toEqual(["b", "c", "a"]);
    expect(names(all)).toEqual(["a", "b"]);
  });

  test("ends at what is the client's own fault", () => {
    const walk = walkOver({ names: ["a", "b"] });

    expect(walkThrough(walk, () => failure("invalid"))).toEqual([["a", 0]]);
  });

  test("goes on where another model may have more room, or the words", () => {
    for (const code of ["context_length_exceeded", "untranslatable_field"]) {
      const walk = walkOver({ names: ["a", "b"] });

      expect(walkThrough(walk, () => failure("invalid", { code }))).toHaveLength(2);
    }
  });

  test("asks again after a wait, by class of failure, whoever may be back soonest first", () => {
    const walk = walkOver({ names: ["a", "b", "c"], again: { rate_limited: 1 } });
    const asked = walkThrough(walk, (name) =>
      name === "c"
        ? failure("upstream")
        : failure("rate_limited", { retryAfterSeconds: name === "a" ? 2 : 1 }),
    );

    expect(asked).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
      ["b", 1_000],
      ["a", 1_000],
    ]);
  });

  test("does not wait for longer than the client would, or than its time lasts", () => {
    const late = failure("rate_limited", { retryAfterSeconds: 30 });
    const soon = failure("rate_limited", { retryAfterSeconds: 1 });

    expect(
      walkThrough(walkOver({ names: ["a"], again: { rate_limited: 1 } }), () => late),
    ).toHaveLength(1);
    expect(
      walkThrough(
        walkOver({ names: ["a"], again: { rate_limited: 1 }, remainingMs: 900 }),
        () => soon,
      ),
    ).toHaveLength(1);
  });

  test("does not ask again where an operator must act first", () => {
    const walk = walkOver({ names: ["a"], again: { upstream: 3 } });
    const refused = failure("upstream", { code: "provider_credential_refused" });

    expect(walkThrough(walk, () => refused)).toHaveLength(1);
  });

  test("finds one that is well to ask beside the first", () => {
    const walk = walkOver({ names: ["a", "b", "c"], resting: ["b"] });
    walk.begin();

    expect(walk.beside()?.candidate.modelName).toBe("c");
    expect(walk.beside()).toBeUndefined();
  });

  test("ends, gives every attempt its own number, and never goes over its bounds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.constantFrom("rate_limited", "overloaded", "timeout", "upstream"), {
          minLength: 1,
        }),
        fc.nat(5),
        (count, attemptsMax, kinds, times) => {
          const names = Array.from({ length: count }, (_, i) => `${i}`);
          const again = {
            rate_limited: times,
            overloaded: times,
            timeout: times,
            upstream: times,
          };
          const walk = walkOver({ names, again, attemptsMax });
          const numbers: number[] = [];
          let step: Step | undefined = walk.begin();
          while (step !== undefined) {
            numbers.push(step.number);
            const kind = kinds[numbers.length % kinds.length] as FailureKind;
            step = walk.after([{ candidate: step.candidate, error: failure(kind) }]);
          }
          expect(numbers).toEqual(numbers.map((_, i) => i));
          expect(numbers.length).toBeLessThanOrEqual(Math.min(ATTEMPTS_MAX, attemptsMax));
          expect(numbers.length).toBeLessThanOrEqual(count * (times + 1));
        },
      ),
    );
  });
});
