/** A client that keeps its connection as HTTP/1.1 allows, and repeats nothing by itself: what breaks is seen. */
import { connect, type Socket } from "node:net";

export type KeptAnswer = { status: number; text: string; isClosing: boolean };

/** `isNew`: it was opened for the request that it broke on. */
export class ConnectionBroken extends Error {
  readonly isNew: boolean;

  constructor(message: string, isNew: boolean) {
    super(message);
    this.isNew = isNew;
  }
}

export class KeptConnection {
  readonly #port: number;
  #socket: Socket | undefined;
  /** How many connections it took. */
  opened = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Answers in one piece only. @throws when the connection breaks before the answer has come to its end. */
  async ask(request: { method: string; path: string; key?: string; body?: unknown }) {
    const isNew = this.#socket === undefined;
    const socket = this.#socket ?? (await this.#open());
    const body = request.body === undefined ? "" : JSON.stringify(request.body);
    const head = [
      `${request.method} ${request.path} HTTP/1.1`,
      "host: gateway",
      ...(request.key === undefined ? [] : [`authorization: Bearer ${request.key}`]),
      `content-length: ${Buffer.byteLength(body)}`,
    ];
    const { promise, resolve, reject } = Promise.withResolvers<KeptAnswer>();
    let received = "";
    const onData = (bytes: Buffer) => {
      received += bytes;
      const answer = readAnswer(received);
      if (answer !== undefined) resolve(answer);
    };
    const onClose = () =>
      reject(new ConnectionBroken(`it broke after ${received.length} bytes`, isNew));
    socket.on("data", onData).on("close", onClose);
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
    const answer = await promise.finally(() => socket.off("data", onData).off("close", onClose));
    if (answer.isClosing) this.close();
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ port: this.#port, host: "127.0.0.1" }, resolve);
    const forget = () => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.on("error", (error) => reject(new ConnectionBroken(error.message, true)));
    socket.on("end", forget).on("close", forget);
    await promise;
    this.opened += 1;
    this.#socket = socket;
    return socket;
  }
}

function readAnswer(received: string): KeptAnswer | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = received.slice(0, end);
  const text = received.slice(end + 4);
  const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1] ?? 0);
  if (Buffer.byteLength(text) < length) return undefined;
  const status = Number(head.split(" ", 2)[1]);
  return { status, text, isClosing: /^connection: close\r?$/im.test(head) };
}
