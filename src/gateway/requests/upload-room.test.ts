import { describe, expect, test } from "bun:test";
import { UploadRoom } from "./upload-room.ts";

describe("room for uploads", () => {
  test("is given back by calls that have ended, however they ended", () => {
    const room = new UploadRoom(100);
    {
      using one = room.enter();
      using two = room.enter();
      one.take(40);
      two.take(30);
      two.take(30);
      expect(() => one.take(1)).toThrow("Too much is being uploaded");
    }
    using three = room.enter();
    three.take(100);
    expect(() => room.enter().take(1)).toThrow(expect.objectContaining({ kind: "overloaded" }));
  });

  test("that was refused is not taken", () => {
    const room = new UploadRoom(100);
    {
      using one = room.enter();
      expect(() => one.take(101)).toThrow();
    }
    using two = room.enter();
    two.take(100);
  });
});
