import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ggufOf } from "../../../../test/support/model-files.ts";
import { runCommandLine } from "../../../../test/support/run-command-line.ts";

const home = mkdtempSync(join(tmpdir(), "baseload-pull-"));
afterAll(() => rmSync(home, { recursive: true }));

const weights = join(home, "tiny.gguf");
writeFileSync(
  weights,
  ggufOf({
    "general.architecture": "llama",
    "general.license": "apache-2.0",
    "llama.context_length": 2048,
  }),
);

const pull = (...words: string[]) => runCommandLine(["model", "pull", ...words, "--home", home]);

test("weights are checked, shown with their licence, and need nothing to run", async () => {
  const { code, notes, json } = await pull("tiny", "--source", `file:${weights}`, "--json");

  expect({ code, notes: notes.split("\n").at(0) }).toEqual({
    code: 0,
    notes: "tiny, licence: unknown",
  });
  expect(json()).toEqual({
    name: "tiny",
    path: weights,
    size_bytes: expect.any(Number),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    architecture: "llama",
    context_tokens: 2048,
    license: "apache-2.0",
    source: `the file ${weights}`,
  });

  const again = await pull("tiny");
  expect(again.out).toContain("licence: apache-2.0");
  expect(again.out).toContain("It is served from the next start on: baseload up\n");
});

test("what cannot be had exits with 1 and says what to do", async () => {
  const unknown = await pull("nonesuch");
  expect(unknown.code).toBe(1);
  expect(unknown.notes).toContain("Name a source: file:PATH");

  const wrong = await pull("other", "--source", `file:${weights}`, "--sha256", "0".repeat(64));
  expect(wrong).toMatchObject({ code: 1, out: "" });
  expect(wrong.notes).toContain("its SHA-256 is");

  expect((await pull("x", "--source", "carrier-pigeon")).notes).toContain(
    "not a source of weights",
  );
});
