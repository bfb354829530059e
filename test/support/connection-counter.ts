/** A server that nobody may call: it counts who connects, and hangs up. */
export type ConnectionCounter = Disposable & {
  /** Ends in `/v1`. */
  url: string;
  /** Since it began. */
  connections: number;
};

export function startConnectionCounter(): ConnectionCounter {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        counter.connections += 1;
        socket.end();
      },
      data: () => undefined,
    },
  });
  const counter: ConnectionCounter = {
    url: `http://127.0.0.1:${server.port}/v1`,
    connections: 0,
    [Symbol.dispose]: () => server.stop(true),
  };
  return counter;
}
