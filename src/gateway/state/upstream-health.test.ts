import { describe, expect, test } from "bun:test";
import { Failure } from "../../lib/errors.ts";
import { UpstreamHealth } from "./upstream-health.ts";

const target = { deploymentId: 1n, credentialId: 7n };
const sameCredential = { deploymentId: 2n, credentialId: 7n };
const sameDeployment = { deploymentId: 1n, credentialId: 8n };
const broken = new Failure("upstream", "broken");

function healthAt() {
  const clock = { ms: 1_000, nowMs: () => clock.ms + 1e12, monotonicMs: () => clock.ms };
  const health = new UpstreamHealth({ clock });
  const fail = (times: number, error: unknown = broken) => {
    for (let i = 0; i < times; i++) {
      health.dispatched(target);
      health.failed(target, error);
      health.ended(target);
    }
  };
  return { health, clock, fail };
}

describe("the circuit of a deployment", () => {
  test("opens after three failures in a row, and one answer between closes it", () => {
    const { health, fail } = healthAt();
    fail(2);
    health.answered(target, { ms: 5, isStream: false });
    fail(2);
    expect(health.isOpen(target)).toBe(false);

    fail(1);

    expect(health.isOpen(target)).toBe(true);
    expect(health.of(1n)?.circuit).toBe("open");
  });

  test("lets one call through when its cooldown is over, and rests twice as long when that fails", () => {
    const { health, clock, fail } = healthAt();
    fail(3);
    clock.ms += 1_000;
    expect([health.isOpen(target), health.of(1n)?.circuit]).toEqual([false, "probe"]);

    health.dispatched(target);
    expect(health.isOpen(target)).toBe(true);
    health.failed(target, broken);

    clock.ms += 1_999;
    expect(health.isOpen(target)).toBe(true);
    clock.ms += 1;
    expect(health.isOpen(target)).toBe(false);
  });

  test("is one for each credential, and the deployment is as well as the best of them", () => {
    const { health, fail } = healthAt();
    fail(3);
    health.failed(sameDeployment, broken);

    expect(health.isOpen(target)).toBe(true);
    expect(health.isOpen(sameDeployment)).toBe(false);
    expect(health.of(1n)?.circuit).toBe("closed");
  });

  test("opens at once for as long as a provider asks when it limits calls", () => {
    const { health, clock, fail } = healthAt();
    fail(1, new Failure("rate_limited", "slow down", { retryAfterSeconds: 4 }));

    clock.ms += 3_999;
    expect(health.isOpen(target)).toBe(true);
    clock.ms += 1;
    expect(health.isOpen(target)).toBe(false);
  });

  test("of a refused credential rests for every deployment that uses it", () => {
    const { health, fail } = healthAt();
    fail(1, new Failure("upstream", "no", { code: "provider_credential_refused" }));

    expect(health.isOpen(sameCredential)).toBe(true);
    expect(health.isOpen(sameDeployment)).toBe(false);
  });
});

describe("what was observed", () => {
  test("follows what is new, counts what is under way, and is forgotten after a while", () => {
    const { health, clock } = healthAt();
    health.dispatched(target);
    health.dispatched(target);
    health.ended(target);
    health.answered(target, { ms: 100, isStream: true });
    health.answered(target, { ms: 200, isStream: true });
    health.streamed(target, 50);

    expect(health.of(1n)).toMatchObject({ inFlight: 1, firstTokenMs: 120, tokensPerSecond: 50 });
    expect(health.of(1n)?.answerMs).toBeUndefined();

    clock.ms += 300_000;
    expect(health.of(1n)?.firstTokenMs).toBeUndefined();
  });
});
