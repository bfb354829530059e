import { expect, test } from "bun:test";
import { Failure } from "../lib/errors.ts";
import { newRequestId } from "../lib/ids.ts";
import { Attempts } from "./attempts.ts";

const count = () => ({ prompt: 0, cached: 0, completion: 0 });
const statusOf = (what: () => unknown) => {
  try {
    what();
    return 200;
  } catch (cause) {
    return cause instanceof Failure ? cause.status : 500;
  }
};

test("an attempt is found while it runs and after it ended", () => {
  const attempts = new Attempts({ nowMs: 0 });
  const id = newRequestId();
  const counted = count();
  const attempt = attempts.begin(id, counted);
  counted.completion = 5;

  expect(attempts.find(id)).toEqual({ state: "running", count: { ...counted } });
  attempt.state = "finished";
  expect(attempts.find(id).state).toBe("finished");
  expect(statusOf(() => attempts.begin(id, count()))).toBe(409);
});

test("one that was said never to have come cannot begin any more", () => {
  const attempts = new Attempts({ nowMs: 0 });
  const id = newRequestId();

  expect(statusOf(() => attempts.find(id))).toBe(404);
  expect(statusOf(() => attempts.begin(id, count()))).toBe(409);
});

test("one that never came is told apart from one that may have been forgotten", () => {
  const before = newRequestId();
  const attempts = new Attempts({ nowMs: Date.now() + 1, max: 2 });

  expect(statusOf(() => attempts.find(before))).toBe(410);
  expect(statusOf(() => attempts.find(at(Date.now() + 1_000)))).toBe(404);
  expect(statusOf(() => attempts.find("00000000-0000-4000-8000-000000000000"))).toBe(404);
});

test("the oldest that has ended is forgotten first, and its time is remembered", () => {
  const now = Date.now();
  const attempts = new Attempts({ nowMs: now, max: 2 });
  const [first, second, third] = [at(now + 1), at(now + 2), at(now + 3)] as const;
  attempts.begin(first, count());
  attempts.begin(second, count()).state = "finished";
  attempts.begin(third, count());

  expect(attempts.find(first).state).toBe("running");
  expect(statusOf(() => attempts.find(second))).toBe(410);
  expect(statusOf(() => attempts.find(at(now + 1)))).toBe(200);
  expect(statusOf(() => attempts.find(at(now + 4)))).toBe(404);
});

const at = (ms: number) => {
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};
