// What both ends of ws share: the library, the table of cases, and payloads.

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

// ws lies outside of the source tree: `require` looks where NODE_PATH says, `import` doesn't.
export const { WebSocket, WebSocketServer } = createRequire(import.meta.url)("ws");

export const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"));

export const MAX_PAYLOAD = 64 << 20;

export const PONGS_CAME = "pongs came";

/** What a server listens with: over TLS where it was started with `--tls CERT KEY`. */
export function createServer() {
  const [flag, cert, key] = process.argv.slice(2);
  if (flag !== "--tls") return http.createServer();
  return https.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
}

/** Bytes of every value. */
export function binary(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = i;
  return bytes;
}

/** Text of this many bytes, with code points of one to four. */
export function text(size) {
  return "aé€😀".repeat(Math.floor(size / 10)) + "x".repeat(size % 10);
}

/** The pieces of the fragmented text: the first is empty, and many end inside a code point. */
export function fragments() {
  const { text, size } = cases.fragments;
  const bytes = Buffer.from(text);
  const pieces = [Buffer.alloc(0)];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

/** Sends the pieces, with a ping after each but the last. */
export function sendFragments(ws) {
  const pieces = fragments();
  pieces.forEach((piece, i) => {
    const fin = i === pieces.length - 1;
    ws.send(piece, { binary: false, fin });
    if (!fin) ws.ping(`after ${i}`);
  });
}

/** Pings with payloads of several sizes; whether each came back as it was. */
export async function pongsCome(ws) {
  for (const size of cases.pings) {
    const ping = binary(size);
    const pong = new Promise((resolve) => ws.once("pong", resolve));
    ws.ping(ping);
    if (!ping.equals(await pong)) return false;
  }
  return true;
}

/** Closes; 1005 stands for a Close without a code. */
export function close(ws, code, reason) {
  if (code === 1005) ws.close();
  else ws.close(code, reason);
}
