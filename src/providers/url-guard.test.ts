import { describe, expect, test } from "bun:test";
import type { Clock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { assertUrlAllowed, type LookUp, UrlGuard } from "./url-guard.ts";

/** A clock that tests move by hand. */
function clockAt(startMs: number): Clock & { ms: number } {
  const clock = { ms: startMs, nowMs: () => clock.ms, monotonicMs: () => clock.ms };
  return clock;
}

const never: LookUp = () => Promise.reject(new Error("nobody should ask for an address"));
const PUBLIC = { allowPrivate: false };
const PRIVATE = { allowPrivate: true };

async function refusalOf(url: string, options = PUBLIC, lookUp: LookUp = never): Promise<string> {
  const guard = new UrlGuard({ lookUp, clock: clockAt(0) });
  const failure = await guard.resolve(url, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Failure)) throw new Error(`${url} was not refused: ${failure}`);
  expect(failure.kind).toBe("invalid");
  expect(failure.code).toBe("url_not_allowed");
  return failure.message;
}

describe("a provider's URL is refused", () => {
  const loopbackInEveryNotation = [
    "https://127.0.0.1/v1",
    "https://2130706433/v1",
    "https://0x7f.1/v1",
    "https://0x7f000001/v1",
    "https://127.1/v1",
    "https://0177.0.0.1/v1",
    "https://017700000001/v1",
    "https://[::1]/v1",
    "https://[0:0:0:0:0:0:0:1]/v1",
    "https://[::ffff:127.0.0.1]/v1",
    "https://[::ffff:7f00:1]/v1",
    "https://①②⑦.⓪.⓪.①/v1",
    "https://127.0.0.1\\@example.com/v1",
    "https://127.0.0.1./v1",
  ];
  for (const url of loopbackInEveryNotation) {
    test(`loopback as ${url}`, async () => {
      expect(await refusalOf(url)).toContain("private network");
    });
  }

  for (const url of ["https://169.254.169.254/v1", "https://[fe80::1]/v1", "https://0/v1"]) {
    test(`${url}, even where private addresses are allowed`, async () => {
      expect(await refusalOf(url, PRIVATE)).toContain("no provider can have");
    });
  }

  const malformed: [string, string][] = [
    ["not a url", "is not a URL"],
    ["https://", "is not a URL"],
    ["ftp://example.com", "https://"],
    ["file:///etc/passwd", "https://"],
    ["https://user:secret@example.com/v1", "user or password"],
    ["https://example.com/v1?key=1", "'?'"],
    ["https://example.com/v1#x", "'#'"],
    ["http://example.com/v1", "Plain http"],
  ];
  for (const [url, why] of malformed) {
    test(url, async () => expect(await refusalOf(url)).toContain(why));
  }

  test("a name with one forbidden address among good ones", async () => {
    const lookUp: LookUp = async () => ["8.8.8.8", "10.0.0.5"];
    expect(await refusalOf("https://mixed.example/v1", PUBLIC, lookUp)).toContain(
      "private network",
    );
  });

  test("a name that cannot be resolved, or has no address", async () => {
    const url = "https://nowhere.example/v1";
    expect(await refusalOf(url, PUBLIC, never)).toContain("cannot be resolved");
    expect(await refusalOf(url, PUBLIC, async () => [])).toContain("no address");
  });

  test("the system's resolver is asked when a URL is saved", async () => {
    await expect(assertUrlAllowed("https://localhost/v1", PUBLIC)).rejects.toThrow(
      "private network",
    );
    await assertUrlAllowed("http://localhost:9/v1", PRIVATE);
  });
});

describe("a checked URL", () => {
  test("holds the address in place of the name, IPv4 first", async () => {
    const lookUp: LookUp = async () => ["2606:4700::1111", "1.1.1.1"];
    const guard = new UrlGuard({ lookUp, clock: clockAt(0) });
    expect(await guard.resolve("https://api.example.com:8443/openai/v1/", PUBLIC)).toEqual({
      urls: ["https://1.1.1.1:8443/openai/v1", "https://[2606:4700::1111]:8443/openai/v1"],
      host: "api.example.com:8443",
      serverName: "api.example.com",
    });
  });

  test("of an address needs no look-up", async () => {
    const guard = new UrlGuard({ lookUp: never, clock: clockAt(0) });
    expect(await guard.resolve("http://127.0.0.1:4000/v1", PRIVATE)).toEqual({
      urls: ["http://127.0.0.1:4000/v1"],
      host: "127.0.0.1:4000",
      serverName: undefined,
    });
  });
});

describe("names are looked up seldom", () => {
  const url = "https://api.example.com/v1";

  /** A guard whose name moves to a new address with every look-up. */
  function movingName() {
    const clock = clockAt(0);
    let lookUps = 0;
    const lookUp: LookUp = async () => [`8.8.8.${++lookUps}`];
    const guard = new UrlGuard({ lookUp, clock });
    const resolve = async () => (await guard.resolve(url, PUBLIC)).urls[0];
    return { clock, resolve, lookUps: () => lookUps };
  }

  test("once for many calls at the same time", async () => {
    const { resolve, lookUps } = movingName();
    await Promise.all(Array.from({ length: 50 }, resolve));
    expect(lookUps()).toBe(1);
  });

  test("in the background from half of their age on, so that no call waits", async () => {
    const { clock, resolve, lookUps } = movingName();
    await resolve();
    clock.ms = 20_000;
    expect(await resolve()).toBe("https://8.8.8.1/v1");
    expect(lookUps()).toBe(2);
    await Bun.sleep(0);
    expect(await resolve()).toBe("https://8.8.8.2/v1");
  });

  test("and never used for longer than 30 seconds", async () => {
    const { clock, resolve } = movingName();
    await resolve();
    clock.ms = 30_000;
    expect(await resolve()).toBe("https://8.8.8.2/v1");
  });

  test("a name that moves into a private network is refused", async () => {
    const clock = clockAt(0);
    const answers = [["8.8.8.8"], ["127.0.0.1"]];
    const guard = new UrlGuard({ lookUp: async () => answers.shift() ?? [], clock });
    await guard.resolve(url, PUBLIC);
    clock.ms = 40_000;
    await expect(guard.resolve(url, PUBLIC)).rejects.toThrow("private network");
  });

  test("what is allowed for one provider is not allowed for another", async () => {
    const guard = new UrlGuard({ lookUp: async () => ["10.0.0.5"], clock: clockAt(0) });
    await guard.resolve(url, PRIVATE);
    await expect(guard.resolve(url, PUBLIC)).rejects.toThrow("private network");
  });
});
