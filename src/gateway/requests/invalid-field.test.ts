import { expect, test } from "bun:test";
import { z } from "zod";
import { invalidField } from "./invalid-field.ts";

const Body = z.object({ model: z.string(), tools: z.array(z.object({ type: z.string() })) });

const messageOf = (body: unknown) => {
  const { error } = Body.safeParse(body);
  return error === undefined ? undefined : invalidField(error).message;
};

test("a field that is not there is said to be missing, one that is wrong what it should be", () => {
  expect(messageOf({ tools: [] })).toBe("'model' is missing.");
  expect(messageOf({ model: "m", tools: [{}] })).toBe("'tools[0].type' is missing.");
  expect(messageOf({ model: 7, tools: [] })).toContain("'model' is not valid:");
});
