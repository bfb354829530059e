import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { JsonEnd } from "./json-end.ts";
import { StopFinder } from "./stop-finder.ts";
import { type Found, ToolCallFinder } from "./tool-call-finder.ts";
import { Utf8Reader } from "./utf8-reader.ts";

/** Cuts a text at the given places, in any order. */
const cut = (text: string, places: number[]): string[] => {
  const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b)];
  return [...at, text.length].slice(1).map((to, index) => text.slice(at[index], to));
};

describe("stop strings", () => {
  const read = (pieces: string[], stops: string[]) => {
    const finder = new StopFinder(stops);
    let text = "";
    for (const piece of pieces) {
      const taken = finder.take(piece);
      text += taken.text;
      if (taken.found) return { text, found: true };
    }
    return { text: text + finder.end(), found: false };
  };

  test("end the text before them, wherever it is cut", () => {
    expect(read(["Hello\n", "\nUs", "er: no"], ["\nUser:"])).toEqual({
      text: "Hello\n",
      found: true,
    });
    expect(read(["aab"], ["b", "aa"])).toEqual({ text: "", found: true });
    expect(read(["ab", "a"], ["abab"])).toEqual({ text: "aba", found: false });
    expect(read(["plain"], [])).toEqual({ text: "plain", found: false });
  });

  test("are found as in the whole text, for every text, stop and cut", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
    const stops = fc.array(
      fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(letters, stops, fc.array(fc.nat()), (text, stop, places) => {
        const ends = stop.map((one) => text.indexOf(one)).filter((at) => at !== -1);
        // A stop that is complete earlier wins over one that begins earlier; both cut before themselves.
        const result = read(cut(text, places), stop);
        expect(result.found).toBe(ends.length > 0);
        expect(text.startsWith(result.text)).toBe(true);
        if (ends.length === 0) expect(result.text).toBe(text);
        for (const one of stop) expect(result.text).not.toContain(one);
      }),
    );
  });
});

describe("the end of JSON", () => {
  test("is behind its last bracket, for every value and cut", () => {
    const value = fc.oneof(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
      fc.array(fc.jsonValue({ maxDepth: 3 })),
    );
    fc.assert(
      fc.property(value, fc.array(fc.nat()), fc.string(), (json, places, tail) => {
        const text = JSON.stringify(json);
        const end = new JsonEnd();
        let at = 0;
        for (const piece of cut(text + tail, places)) {
          const found = end.take(piece);
          if (found !== undefined) {
            expect(at + found).toBe(text.length);
            return;
          }
          at += piece.length;
        }
        throw new Error(`no end found in ${text}`);
      }),
    );
  });

  test("is not taken from brackets inside strings", () => {
    expect(new JsonEnd().take('{"a":"}\\"]"} x')).toBe(12);
  });
});

describe("characters over several tokens", () => {
  // One token per byte, as byte-level vocabularies do it for rare characters.
  const detokenize = (tokens: readonly number[]) =>
    new TextDecoder().decode(new Uint8Array(tokens));

  test("are sent whole", () => {
    const reader = new Utf8Reader(detokenize, []);
    const pieces = [...new TextEncoder().encode("aé😀")].map((byte) => reader.take(byte));
    expect(pieces).toEqual(["a", "", "é", "", "", "", "😀"]);
    expect(reader.end()).toBe("");
  });

  test("that never become whole are left out at the end", () => {
    const reader = new Utf8Reader(detokenize, []);
    expect(reader.take(0xf0) + reader.take(0x9f)).toBe("");
    expect(reader.end()).toBe("");
  });

  test("every text survives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const reader = new Utf8Reader(detokenize, []);
        const read = [...new TextEncoder().encode(text)].map((byte) => reader.take(byte)).join("");
        expect(read + reader.end()).toBe(text.replaceAll("\uFEFF", ""));
      }),
    );
  });
});

describe("calls of functions", () => {
  const read = (pieces: string[], inCall = false) => {
    const finder = new ToolCallFinder({ inCall });
    const found: Found[] = [];
    for (const piece of pieces) found.push(...finder.take(piece));
    const end = finder.end();
    const text = found.map((one) => (one.kind === "text" ? one.text : "")).join("") + end.text;
    const calls = found.flatMap((one) => (one.kind === "call" ? [one.json] : []));
    return { text, calls, unfinished: end.unfinished };
  };

  test("are separated from text, wherever the reply is cut", () => {
    const reply = 'One moment.\n<tool_call>\n{"name":"f","arguments":{"a":"}"}}\n</tool_call>\n';
    fc.assert(
      fc.property(fc.array(fc.nat()), (places) => {
        expect(read(cut(reply, places))).toEqual({
          text: "One moment.\n",
          calls: ['{"name":"f","arguments":{"a":"}"}}'],
          unfinished: undefined,
        });
      }),
    );
  });

  test("may be several", () => {
    const two = '<tool_call>{"a":1}</tool_call>\n<tool_call>{"b":2}</tool_call>';
    expect(read(cut(two, [3, 17, 29, 40])).calls).toEqual(['{"a":1}', '{"b":2}']);
  });

  test("may begin in the prompt", () => {
    expect(read(['{"na', 'me":"f"}'], true).calls).toEqual(['{"name":"f"}']);
  });

  test("that were cut off are told apart from text", () => {
    expect(read(['x<tool_call>{"name": "f", "argu'])).toEqual({
      text: "x",
      calls: [],
      unfinished: '{"name": "f", "argu',
    });
  });

  test("text that only looks like one is text", () => {
    expect(read(["a <tool", "_box> <tool_cal"]).text).toBe("a <tool_box> <tool_cal");
  });
});
