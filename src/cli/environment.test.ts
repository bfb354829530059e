import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment, type Variables } from "./environment.ts";

const home = mkdtempSync(join(tmpdir(), "baseload-cli-"));
mkdirSync(join(home, "run"));
writeFileSync(join(home, "run", "control.json"), `{"url":"http://127.0.0.1:4711"}`);
writeFileSync(join(home, "run", "up.json"), `{"pid":1,"port":4710,"control_port":4711}`);
writeFileSync(join(home, "secrets.json"), `{"admin_token":"token-of-the-home"}`);
afterAll(() => rmSync(home, { recursive: true }));

const read = (options: { home?: string; controlUrl?: string }, variables: Variables = {}) =>
  readEnvironment(
    { home: options.home, "control-url": options.controlUrl, json: false, help: false },
    variables,
  );

describe("the home folder", () => {
  test("comes from the flag, else the variable, else ~/.baseload", () => {
    expect(read({ home }, { BASELOAD_HOME: "/elsewhere" }).home).toBe(home);
    expect(read({}, { BASELOAD_HOME: "/elsewhere" }).home).toBe("/elsewhere");
    expect(read({}, { BASELOAD_HOME: "" }).home).toEndWith("/.baseload");
  });
});

describe("the control plane", () => {
  test("is found through the home folder, with its token", () => {
    expect(read({ home }).control()).toEqual({
      url: "http://127.0.0.1:4711",
      token: "token-of-the-home",
    });
  });

  test("is the one that is named, flag before variable", () => {
    const variables = { BASELOAD_CONTROL_URL: "http://127.0.0.1:1/" };

    expect(read({ home }, variables).control().url).toBe("http://127.0.0.1:1");
    expect(read({ home, controlUrl: "http://[::1]:2" }, variables).control().url).toBe(
      "http://[::1]:2",
    );
  });

  test("elsewhere never gets the home folder's own token", () => {
    for (const controlUrl of ["https://control.example.com", "http://127.0.0.1.example.com"]) {
      expect(() => read({ home, controlUrl }).control()).toThrow("Set BASELOAD_ADMIN_TOKEN");
      expect(read({ home, controlUrl }, { BASELOAD_ADMIN_TOKEN: "t" }).control().token).toBe("t");
    }
  });

  test("that does not run: says how to start it", () => {
    expect(() => read({ home: "/nowhere" }).control()).toThrow("Start it with: baseload up");
  });

  test("a file that is no JSON is named", () => {
    const broken = join(home, "broken");
    mkdirSync(join(broken, "run"), { recursive: true });
    writeFileSync(join(broken, "run", "control.json"), "{");

    expect(() => read({ home: broken }).control()).toThrow("control.json cannot be read");
  });
});

describe("the gateway", () => {
  test("is named, or the one of the home folder, or at the default port", () => {
    const variables = { BASELOAD_GATEWAY_URL: "http://gateway:1/v1/" };

    expect(read({ home }, variables).gatewayUrl("http://gateway:2/v1")).toBe("http://gateway:2");
    expect(read({ home }, variables).gatewayUrl(undefined)).toBe("http://gateway:1");
    expect(read({ home }).gatewayUrl(undefined)).toBe("http://127.0.0.1:4710");
    expect(read({ home: "/nowhere" }).gatewayUrl(undefined)).toBe("http://127.0.0.1:8080");
  });
});
