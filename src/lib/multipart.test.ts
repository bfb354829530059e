import { describe, expect, test } from "bun:test";
import {
  boundaryIn,
  fieldIn,
  filesIn,
  MultipartError,
  parseMultipart,
  withFields,
} from "./multipart.ts";

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** As a real client writes it. */
async function written(fields: [string, string | File][]) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  const response = new Response(form);
  const boundary = boundaryIn(response.headers.get("content-type") ?? "") ?? "";
  return { boundary, bytes: await response.bytes() };
}

describe("a form", () => {
  test("is read as it was written, and files are views of its bytes", async () => {
    const binary = new Uint8Array(70_000).map((_, at) => (at * 7) % 256);
    const { bytes, boundary } = await written([
      ["model", "wörter"],
      ["file", new File([binary], 'a "b".wav', { type: "audio/wav" })],
      ["timestamp_granularities[]", "word"],
      ["timestamp_granularities[]", "segment"],
      ["prompt", ""],
    ]);
    const form = parseMultipart(bytes, boundary);
    const [file] = filesIn(form, ["file"]);

    expect(fieldIn(form, "model")).toBe("wörter");
    expect(fieldIn(form, "prompt")).toBe("");
    expect(fieldIn(form, "language")).toBeUndefined();
    expect(form.parts).toHaveLength(5);
    expect(file).toMatchObject({ filename: 'a "b".wav', contentType: "audio/wav" });
    expect(file?.value).toEqual(Buffer.from(binary));
    expect(file?.value.buffer).toBe(bytes.buffer);
  });

  test("is sent on byte for byte, but for the fields that change", async () => {
    const { bytes, boundary } = await written([
      ["vendor_field", "kept"],
      ["model", "ours"],
      ["file", new File([bytesOf("RIFF\r\n--not the end")], "a.wav")],
      ["language", "en"],
    ]);
    const sent = withFields(parseMultipart(bytes, boundary), { model: "vendor/whisper-1" });

    expect(textOf(sent)).toBe(textOf(bytes).replace("\r\n\r\nours", "\r\n\r\nvendor/whisper-1"));
    expect(fieldIn(parseMultipart(sent, boundary), "model")).toBe("vendor/whisper-1");
  });

  test("may have fields that are named like parts of the language", async () => {
    const names = ["__proto__", "constructor", "toString"];
    const { bytes, boundary } = await written(names.map((name) => [name, "x"]));

    expect(textOf(withFields(parseMultipart(bytes, boundary), { model: "m" }))).toBe(textOf(bytes));
  });

  test("may have a preamble, names without quotes, and white space behind its boundaries", () => {
    const text =
      'Hello\r\n--x  \r\ncontent-disposition: form-data; name=model\r\n\r\nm\r\n--x\t\r\nContent-Disposition: form-data; name="n"\r\nX: y\r\n\r\n2\r\n--x--\r\nrest';
    const form = parseMultipart(bytesOf(text), "x");

    expect([fieldIn(form, "model"), fieldIn(form, "n")]).toEqual(["m", "2"]);
    expect(textOf(withFields(form, { n: "10" }))).toBe(
      text.replace("\r\n\r\n2\r\n", "\r\n\r\n10\r\n"),
    );
  });

  test("knows its boundary", () => {
    expect(boundaryIn("multipart/form-data; boundary=abc")).toBe("abc");
    expect(boundaryIn('Multipart/Form-Data; charset=utf-8; Boundary="a b"')).toBe("a b");
    expect(boundaryIn("multipart/form-data; xboundary=a; boundary=b")).toBe("b");
    expect(boundaryIn("application/json")).toBeUndefined();
    expect(boundaryIn(`multipart/form-data; boundary=${"x".repeat(71)}`)).toBeUndefined();
    expect(boundaryIn("multipart/form-data; boundary=é")).toBeUndefined();
  });
});

describe("a form that is none is refused", () => {
  const part = (name: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\nv\r\n`;
  const cases: [string, string][] = [
    ["empty", ""],
    ["another boundary", '--y\r\ncontent-disposition: form-data; name="a"\r\n\r\nv\r\n--y--'],
    ["cut off", part("a")],
    ["a boundary that goes on", `${part("a")}--xy\r\n\r\nv\r\n--x--`],
    ["no head", "--x\r\nvalue\r\n--x--"],
    ["no name", "--x\r\ncontent-disposition: form-data\r\n\r\nv\r\n--x--"],
    [
      "too long a head",
      `--x\r\ncontent-disposition: form-data; name="a"; b="${"c".repeat(5_000)}"\r\n\r\nv\r\n--x--`,
    ],
    ["too many parts", `${part("a").repeat(257)}--x--`],
  ];
  for (const [name, text] of cases) {
    test(name, () => {
      expect(() => parseMultipart(bytesOf(text), "x")).toThrow(MultipartError);
    });
  }

  test("a field that is there twice, or as a file, or no text", () => {
    const twice = parseMultipart(bytesOf(`${part("model")}${part("model")}--x--`), "x");
    const asFile = parseMultipart(
      bytesOf(
        '--x\r\ncontent-disposition: form-data; name="model"; filename="a"\r\n\r\nv\r\n--x--',
      ),
      "x",
    );
    const noText = parseMultipart(
      bytesOf('--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n\xff\r\n--x--'),
      "x",
    );

    expect(() => fieldIn(twice, "model")).toThrow("twice");
    expect(() => fieldIn(asFile, "model")).toThrow("not a file");
    expect(() => fieldIn(noText, "model")).toThrow("not UTF-8");
  });
});
