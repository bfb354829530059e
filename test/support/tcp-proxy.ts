/** A proxy in the middle of a connection, for tests that break connections which neither end wants to break. */
import { createConnection, createServer, type Server, type Socket } from "node:net";

export type TcpTarget = { path: string } | { host: string; port: number };

export type TcpProxy = AsyncDisposable & {
  port: number;
  /** Breaks all connections and refuses new ones: a server that is down. */
  refuse(): Promise<void>;
  /** Connections stay, new ones are accepted, and nothing passes any more: a network that swallows everything. */
  freeze(): void;
  /** All as before; connections that were broken stay broken. */
  resume(): Promise<void>;
};

/** @param readAlong hears what clients send, as it passes. */
export async function startTcpProxy(
  target: TcpTarget,
  readAlong: (bytes: Buffer) => void = () => undefined,
): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isFrozen = false;
  let port = 0;

  const onConnection = (client: Socket): void => {
    const server = connectTo(target);
    const pair = [client, server] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    client.on("data", (bytes: Buffer) => {
      readAlong(bytes);
      server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => client.write(bytes));
    if (isFrozen) for (const socket of pair) socket.pause();
  };

  let listening: Server | undefined;
  const listen = async (): Promise<void> => {
    const server = createServer(onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    port = (server.address() as { port: number }).port;
    listening = server;
  };
  const refuse = async (): Promise<void> => {
    const server = listening;
    listening = undefined;
    const closed = new Promise<void>((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
    await closed;
  };
  await listen();

  return {
    port,
    refuse,
    freeze() {
      isFrozen = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    async resume() {
      isFrozen = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
      if (listening === undefined) await listen();
    },
    [Symbol.asyncDispose]: refuse,
  };
}

const connectTo = (target: TcpTarget): Socket =>
  "path" in target ? createConnection(target.path) : createConnection(target.port, target.host);
