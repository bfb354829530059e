import { expect, test } from "bun:test";
import fc from "fast-check";
import { answeredLine, refusedLine, unansweredLine } from "./result-line.ts";

const requestId = "019f0a46-c1e7-7d2a-9b1f-3c5d7e9f1a20";

test("a result is one line of JSON, whatever the client's id and the provider's answer look like", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.nat({ max: 8 }),
      (id, json, indent) => {
        const customId = JSON.stringify(id);
        const pretty = JSON.stringify(JSON.parse(json), null, indent);
        const lines = [
          answeredLine({ customId, requestId, body: Buffer.from(pretty.replaceAll("\n", "\r\n")) }),
          refusedLine({ customId, requestId, status: 400, body: pretty }),
          unansweredLine({ customId, requestId, code: "batch_expired", message: "late\n" }),
        ];
        const read = lines.map((line) => {
          expect(line.indexOf("\n")).toBe(line.length - 1);
          return JSON.parse(line.toString()) as {
            custom_id: string;
            response: { status_code: number; body: unknown } | null;
            error: unknown;
          };
        });
        expect(read.map(({ custom_id }) => custom_id)).toEqual([id, id, id]);
        expect(read.map(({ response }) => response?.status_code)).toEqual([200, 400, undefined]);
        expect(read[0]?.response?.body).toEqual(JSON.parse(json));
        expect(read[1]?.response?.body).toEqual(JSON.parse(json));
        expect(read[2]?.error).toEqual({ code: "batch_expired", message: "late\n" });
      },
    ),
  );
});

test("numbers beyond what a program can hold stay as the provider wrote them", () => {
  const body = Buffer.from('{"seed": 12345678901234567890, "p": 1.0}');
  const line = answeredLine({ customId: '"a"', requestId, body }).toString();
  expect(line).toContain('{"seed": 12345678901234567890, "p": 1.0}');
});
