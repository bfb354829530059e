/** A proxy before the database: a test can take the database away from running processes, and see what they ask it. */
import { startTcpProxy, type TcpProxy, type TcpTarget } from "./tcp-proxy.ts";

export type DatabaseProxy = TcpProxy & {
  /** The same database, by way of the proxy. */
  url: string;
  /** SQL texts that passed, in order, the newest last. */
  statements: string[];
};

const SOCKET_NAME = ".s.PGSQL.5432";
const STATEMENTS_MAX = 100_000;

/** @param url as `openTestDatabase` gives it, with the folder of the server's socket as its host. */
export async function startDatabaseProxy(url: string): Promise<DatabaseProxy> {
  const statements: string[] = [];
  const proxy = await startTcpProxy(targetOf(url), (bytes) => {
    if (statements.length < STATEMENTS_MAX) statements.push(...statementsIn(bytes));
  });
  return { ...proxy, url: withHost(url, `127.0.0.1:${proxy.port}`), statements };
}

function targetOf(url: string): TcpTarget {
  const folder = /[?&]host=([^&]+)/.exec(url)?.[1];
  if (folder !== undefined) return { path: `${decodeURIComponent(folder)}/${SOCKET_NAME}` };
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === "" ? 5432 : Number(port) };
}

const withHost = (url: string, host: string): string =>
  url.replace(/^([a-z]+:\/\/(?:[^@/]*@)?)[^/]*(\/[^?]*).*$/, `$1${host}$2`);

/**
 * SQL texts in messages of the wire protocol: `Q` (simple query) and `P` (parse: a name, then the text). Good
 * enough to see what is asked: a statement that is split over two packets may be missed.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
function statementsIn(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const type = String.fromCharCode(bytes[at] ?? 0);
    const length = bytes.readUInt32BE(at + 1);
    // The first message of a connection has no type, so its length cannot be read here.
    if (length < 4) break;
    const body = bytes.subarray(at + 5, at + 1 + length);
    if (type === "Q") found.push(textAt(body, 0));
    if (type === "P") found.push(textAt(body, body.indexOf(0) + 1));
    at += 1 + length;
  }
  return found;
}

function textAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("utf8", start, end === -1 ? bytes.length : end);
}
