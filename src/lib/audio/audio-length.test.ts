import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { measureAudio } from "./audio-length.ts";

/** Each is 3.2 seconds of a tone, as a widely used encoder wrote it. */
const SECONDS = 3.2;
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));

const told = [
  "tone-alaw.wav",
  "tone.flac",
  "tone-flac.ogg",
  "tone.mp2",
  "tone.mp3",
  "tone-variable.mp3",
  "tone.ogg",
  "tone.opus",
  "tone.m4a",
  "tone.webm",
  "tone-live.webm",
];

describe("a recording tells its length", () => {
  for (const name of told) {
    test(name, () => {
      const { seconds, secondsMax } = measureAudio(fixture(name));

      // Encoders fill up to whole frames and say what they added, which is not subtracted here.
      expect(seconds).toBeWithin(SECONDS - 0.05, SECONDS + 0.2);
      expect(secondsMax).toBeWithin(seconds, SECONDS + 0.5);
    });
  }

  test("also behind a title, and with junk between its frames", () => {
    const plain = fixture("tone-variable.mp3");
    const title = Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 2, 1, ...Array(257).fill(0xff)]);
    const junk = Buffer.concat([title, plain, Buffer.alloc(300), plain]);

    expect(measureAudio(junk).seconds).toBeCloseTo(2 * measureAudio(plain).seconds, 1);
  });

  test("as its bytes tell, where a header says less than they hold", () => {
    const wave = fixture("tone-alaw.wav");
    const data = wave.indexOf("d".charCodeAt(0), 36);
    new DataView(wave.buffer).setUint32(data + 4, 400, true);
    const { seconds, secondsMax } = measureAudio(wave);

    expect(seconds).toBeCloseTo(0.1, 2);
    expect(secondsMax).toBeCloseTo(SECONDS, 1);
  });
});

describe("a recording that does not tell", () => {
  for (const name of ["tone-adpcm.wav", "tone-fragmented.mp4"]) {
    test(`${name} is bounded by its bytes`, () => {
      const bytes = fixture(name);
      const { seconds, secondsMax } = measureAudio(bytes);

      expect(seconds).toBeGreaterThan(0);
      expect(secondsMax).toBe(bytes.length / 500);
      expect(secondsMax).toBeGreaterThan(SECONDS);
    });
  }

  test("whatever the bytes are, a bound is found, and quickly", () => {
    const names = [...told, "tone-fragmented.mp4"];
    const broken = fc.record({
      name: fc.constantFrom(...names),
      length: fc.nat(6_000),
      changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(broken, ({ name, length, changes }) => {
        const bytes = fixture(name).slice(0, length);
        for (const [at, value] of changes) bytes[at] = value;
        const { seconds, secondsMax } = measureAudio(bytes);
        expect(seconds).toBeGreaterThanOrEqual(0);
        expect(secondsMax + 1e-9).toBeGreaterThanOrEqual(seconds);
        expect(Number.isFinite(secondsMax)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("a large file that means harm takes no longer than a real one", () => {
    const hostile = new Uint8Array(25 * 1024 * 1024).fill(0xff);
    for (const head of ["tone.mp3", "tone.webm", "tone.opus", "tone.m4a"]) {
      hostile.set(fixture(head).subarray(0, 2_000));
      const started = performance.now();
      const { secondsMax } = measureAudio(hostile);

      expect(performance.now() - started).toBeLessThan(500);
      expect(secondsMax).toBeGreaterThan(100);
    }
  });
});
