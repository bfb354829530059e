/** A client that leaves when it wants to: HTTP/1.1 on a bare socket, which no library closes or keeps behind its back. */
import type { Socket } from "bun";

export type RawCall = {
  port: number;
  key: string;
  body: Record<string, unknown>;
  /** Asked when the request is sent and whenever bytes have come, with all that was received; true: leave now. */
  leave(received: string): boolean;
  /** Announced as the length of the body, where it shall not be the true one. */
  declaredBytes?: number;
  /** Leave after so long at the latest, whatever has come. */
  leaveAfterMs?: number;
};

export type RawResult = {
  /** Head and body as they came, chunked encoding included. */
  received: string;
  /** Who closed the connection. */
  endedBy: "client" | "server";
};

/** Sends one chat request. Resolves when the connection is gone, whoever closed it. */
export async function callRaw(call: RawCall): Promise<RawResult> {
  const decoder = new TextDecoder();
  let received = "";
  const { promise, resolve, reject } = Promise.withResolvers<RawResult>();
  const leave = (socket: Socket): void => {
    resolve({ received, endedBy: "client" });
    // A reset rather than a goodbye: what a killed process or a lost network looks like.
    socket.terminate();
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: call.port,
    socket: {
      open(opened) {
        opened.write(requestText(call));
        if (call.leave(received)) leave(opened);
      },
      data(opened, bytes) {
        received += decoder.decode(bytes, { stream: true });
        if (call.leave(received)) leave(opened);
      },
      close: () => resolve({ received, endedBy: "server" }),
      error: (_, error) => reject(error),
      connectError: (_, error) => reject(error),
    },
  });
  const { leaveAfterMs } = call;
  const timer = leaveAfterMs === undefined ? undefined : setTimeout(leave, leaveAfterMs, socket);
  return await promise.finally(() => clearTimeout(timer));
}

/** Frames that carry text of the answer. */
export const textFramesIn = (received: string): number =>
  received.match(/"delta":\{"content":"[^"]/g)?.length ?? 0;

export const requestIdIn = (received: string): string | undefined =>
  /^x-request-id: (\S+)\r$/im.exec(received)?.[1];

function requestText({ key, body, declaredBytes }: RawCall): string {
  const text = JSON.stringify(body);
  return [
    "POST /v1/chat/completions HTTP/1.1",
    "host: gateway",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${declaredBytes ?? Buffer.byteLength(text)}`,
    "connection: close",
    "",
    text,
  ].join("\r\n");
}
