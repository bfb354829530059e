import { describe, expect, test } from "bun:test";
import { createScreen, createWrapper } from "./screen.ts";

function recordingScreen(options: { isTerminal: boolean }) {
  let text = "";
  const clock = { ms: 0, nowMs: () => 0, monotonicMs: () => clock.ms };
  const out = (more: string) => {
    text += more;
  };
  return { screen: createScreen({ ...options, out, columns: 60, clock }), clock, text: () => text };
}

describe("the screen", () => {
  test("aligns what is done, in a log without any control characters", () => {
    const { screen, clock, text } = recordingScreen({ isTerminal: false });
    screen.heading("Baseload");
    const slow = screen.step("postgres");
    const quick = screen.step("schema");

    clock.ms = 120;
    quick.done("up to date");
    clock.ms = 2_500;
    slow.done("ready");

    expect(text()).toBe(
      "Baseload\n  schema       0.1 s  up to date\n  postgres     2.5 s  ready\n",
    );
  });

  test("tells a log about a long step now and then", () => {
    const { screen, clock, text } = recordingScreen({ isTerminal: false });
    const step = screen.step("download");

    for (let second = 1; second <= 12; second++) {
      clock.ms = second * 1_000;
      step.progress(`${second} MB`);
    }

    expect(text()).toBe("  download     5.0 s  … 5 MB\n  download    10.0 s  … 10 MB\n");
  });

  test("keeps the moving line below what is printed, and inside the window", () => {
    const { screen, clock, text } = recordingScreen({ isTerminal: true });
    const step = screen.step("download");
    step.progress("x".repeat(200));
    clock.ms = 1_000;

    screen.print("news");
    screen.print("more news");
    step.done("ready");

    const lines = text().split("\n");
    expect(lines[1]).toStartWith("  … download 1.0 s xxx");
    expect(lines[1]).toContain("\r\u001b[Kmore news");
    expect(lines[1]?.indexOf("\r")).toBe(59);
    expect(lines.at(-2)).toEndWith("\r\u001b[K  download     1.0 s  ready");
  });
});

describe("the wrapper", () => {
  const wrap = (pieces: readonly string[], columns = 26): string => {
    let text = "";
    const wrapper = createWrapper({
      columns,
      indent: "  ",
      write: (more) => {
        text += more;
      },
    });
    for (const piece of pieces) wrapper.take(piece);
    wrapper.end();
    return text;
  };

  test("breaks between words, wherever the stream is cut", () => {
    const text = "The quick brown fox jumps over the lazy dog.";
    const expected = "  The quick brown fox\n  jumps over the lazy\n  dog.\n";

    expect(wrap([text])).toBe(expected);
    expect(wrap([...text])).toBe(expected);
  });

  test("keeps the line breaks of the text, and a word that is too long whole", () => {
    expect(wrap(["a\nb ", "c".repeat(40), " d"])).toBe(`  a\n  b\n  ${"c".repeat(40)}\n  d\n`);
  });

  test("prints nothing for nothing", () => {
    expect(wrap(["", " "])).toBe("");
  });
});
