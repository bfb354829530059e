import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MultipartReader } from "./multipart.ts";

type Part = { name: string; filename?: string; text: string };

async function readForm(contentType: string, bytes: Uint8Array, size: number): Promise<Part[]> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const reader = new MultipartReader(contentType, pieces());
  const parts: Part[] = [];
  for (let head = await reader.next(); head !== undefined; head = await reader.next()) {
    const chunks: Uint8Array[] = [];
    for (let piece = await reader.piece(); piece !== undefined; piece = await reader.piece()) {
      expect(piece.length).toBeGreaterThan(0);
      chunks.push(Uint8Array.from(piece));
    }
    const { filename, name } = head;
    const text = Buffer.concat(chunks).toString("latin1");
    parts.push({ name, text, ...(filename === undefined ? {} : { filename }) });
  }
  return parts;
}

const type = "multipart/form-data; boundary=XX";
const read = (text: string, size = 7) => readForm(type, Buffer.from(text), size);

describe("a form", () => {
  test("of the runtime's own FormData, in pieces of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        async (contents, size) => {
          const form = new FormData();
          form.set("purpose", "batch");
          for (const [i, content] of contents.entries()) {
            form.append("file", new File([content as Uint8Array<ArrayBuffer>], `ä "${i}".jsonl`));
          }
          const request = new Request("http://x/", { method: "POST", body: form });
          const contentType = request.headers.get("content-type") ?? "";
          const parts = await readForm(contentType, await request.bytes(), size);

          expect(parts).toEqual([
            { name: "purpose", text: "batch" },
            ...contents.map((content, i) => ({
              name: "file",
              filename: `ä "${i}".jsonl`,
              text: Buffer.from(content).toString("latin1"),
            })),
          ]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("with a preamble, padding, almost-delimiters and a filename in the extended form", async () => {
    const text = [
      "ignored\r\n--XX  \r\nContent-Type: text/plain\r\n",
      "content-disposition: form-data; filename*=UTF-8''%e2%82%ac.txt; name=file\r\n\r\n",
      "a\r\n--X\r\n--XY\n--XX b\r\n--XX--\r\nepilogue",
    ].join("");
    expect(await read(text, 3)).toEqual([
      { name: "file", filename: "€.txt", text: "a\r\n--X\r\n--XY\n--XX b" },
    ]);
  });

  test("a part that nobody reads is passed over", async () => {
    const text = '--XX\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'.repeat(2);
    async function* pieces() {
      yield Buffer.from(`${text}--XX--`);
    }
    const reader = new MultipartReader(type, pieces());
    expect(await reader.next()).toEqual({ name: "a", filename: undefined });
    expect(await reader.next()).toEqual({ name: "a", filename: undefined });
    expect(await reader.next()).toBeUndefined();
  });
});

describe("what is refused", () => {
  const refused: readonly [what: string, text: string][] = [
    [
      "a form that ends in the middle of a part",
      '--XX\r\ncontent-disposition: form-data; name="a"\r\n\r\n1',
    ],
    ["a form without an end", '--XX\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--XX'],
    ["a part without a name", "--XX\r\ncontent-type: text/plain\r\n\r\n1\r\n--XX--"],
    ["a head without an end", `--XX\r\nx: ${"y".repeat(20_000)}`],
    ["no delimiter at all", "y".repeat(20_000)],
    [
      "too many parts",
      `${'--XX\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'.repeat(33)}--XX--`,
    ],
  ];
  for (const [what, text] of refused) {
    test(what, async () => {
      await expect(read(text, 4_096)).rejects.toMatchObject({
        kind: "invalid",
        code: "invalid_form",
      });
    });
  }

  test("what is no form", () => {
    const pieces = (async function* () {})();
    for (const contentType of [null, "application/json", "multipart/form-data"]) {
      expect(() => new MultipartReader(contentType, pieces)).toThrow("multipart/form-data");
    }
  });
});
