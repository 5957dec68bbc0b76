// undici as the client: `undici_client.mjs PORT CA-FILE PATH CHECK` makes one check against a server of echoes
// over TLS and HTTP/2, and prints what it saw as JSON.

import assert from "node:assert/strict";
import diagnostics from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// By NODE_PATH, which import does not look at.
const { Agent, Client, WebSocket, fetch, ping } = createRequire(import.meta.url)("undici");

const [port, ca, path, check] = process.argv.slice(2);
const origin = `https://localhost:${port}`;
const options = { allowH2: true, connect: { ca: readFileSync(ca) } };

/** A socket, and its messages and its end to wait for. */
async function open(dispatcher, { at = path, ...init } = {}) {
  const ws = new WebSocket(`${origin.replace("https", "wss")}${at}`, { dispatcher, ...init });
  ws.binaryType = "arraybuffer";
  const inbox = [];
  let wake = () => {};
  ws.addEventListener("message", ({ data }) => {
    inbox.push(typeof data === "string" ? data : Buffer.from(data));
    wake();
  });
  ws.receive = async () => {
    while (inbox.length === 0) await new Promise((resolve) => (wake = resolve));
    return inbox.shift();
  };
  ws.closed = new Promise((resolve) => {
    ws.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
  });
  await new Promise((resolve, reject) => {
    ws.addEventListener("open", resolve);
    ws.addEventListener("error", ({ error }) => reject(error ?? new Error("no connection")));
  });
  return ws;
}

function binary(size) {
  return Buffer.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

function text(size) {
  return "aé€😀".repeat(size / 10) + "x".repeat(size % 10);
}

async function echoes(ws, messages) {
  for (const message of messages) {
    ws.send(message);
    const echo = await ws.receive();
    const same = typeof message === "string" ? echo === message : Buffer.isBuffer(echo) && echo.equals(message);
    assert.ok(same, `message of ${message.length}`);
  }
}

/** The headers of the response, which the WebSocket itself does not show. */
function headers() {
  return new Promise((resolve) => {
    diagnostics.subscribe("undici:websocket:open", ({ handshakeResponse }) => resolve(handshakeResponse));
  });
}

const sizes = [0, 1, 125, 126, 65535, 65536, 65537, 1 << 20];

const checks = {
  async echoes() {
    const ws = await open(new Agent(options));
    await echoes(ws, [...sizes.map(text), ...sizes.map(binary)]);
    ws.close(1000, "done");
    return await ws.closed;
  },

  // All are sent before the first is read: more than the windows of flow control hold.
  async echoes_a_burst() {
    const ws = await open(new Agent(options));
    const burst = Array.from({ length: 200 }, (_, i) => (i % 2 ? binary : text)(i * 97));
    for (const message of burst) ws.send(message);
    for (const message of burst) {
      const echo = await ws.receive();
      assert.ok(typeof message === "string" ? echo === message : echo.equals(message));
    }
    ws.close();
    return await ws.closed;
  },

  async agrees_on_a_subprotocol() {
    const ws = await open(new Agent(options), { protocols: ["other", "echo.v1", "echo.v2"] });
    const agreed = ws.protocol;
    ws.close(1000);
    await ws.closed;
    return agreed;
  },

  async agrees_to_compression() {
    const ws = await open(new Agent(options));
    await echoes(ws, [text(100_000), binary(100_000), text(100_000)]);
    const { extensions } = ws;
    ws.close(1000);
    await ws.closed;
    return extensions;
  },

  async sees_response_headers() {
    const response = headers();
    const ws = await open(new Agent(options));
    const { status, headers: seen } = await response;
    ws.close(1000);
    await ws.closed;
    return [status, seen["x-http-version"] ?? null];
  },

  async is_closed_by_the_server() {
    const ws = await open(new Agent(options), { at: "/close/4001/Gr%C3%BC%C3%9Fe" });
    return await ws.closed;
  },

  async closes_with_each_code() {
    const agent = new Agent(options);
    const ends = [[1000, ""], [3000, "three"], [4999, "Grüße 🚢"], [undefined, undefined]];
    return await Promise.all(
      ends.map(async ([code, reason], i) => {
        const ws = await open(agent, { at: `${path}/${i}` });
        ws.close(code, reason);
        return await ws.closed;
      }),
    );
  },

  async gets_a_pong() {
    const ws = await open(new Agent(options));
    const pong = new Promise((resolve) => {
      diagnostics.subscribe("undici:websocket:pong", ({ payload }) => resolve(payload.toString()));
    });
    ping(ws, Buffer.from("are you there?"));
    const payload = await pong;
    ws.close(1000);
    await ws.closed;
    return payload;
  },

  async answers_pings() {
    const pinged = new Promise((resolve) => {
      diagnostics.subscribe("undici:websocket:ping", ({ payload }) => resolve(payload.toString()));
    });
    const ws = await open(new Agent(options), { at: `/ping${path}` });
    const seen = [await pinged, await ws.receive()];
    ws.close(1000);
    await ws.closed;
    return seen;
  },

  // A Client has one connection. It opens one socket after the other: started at once, all but the first wait forever.
  async shares_one_connection() {
    const client = new Client(origin, options);
    const sockets = [];
    for (let i = 0; i < 5; i++) sockets.push(await open(client));
    await Promise.all(sockets.map((ws, i) => echoes(ws, [text(i), binary(100_000 + i), `socket ${i}`])));
    const page = await (await fetch(origin + path, { dispatcher: client })).text();
    for (const ws of sockets) ws.close(1000);
    await Promise.all(sockets.map((ws) => ws.closed));
    return page;
  },

  // undici 7 tells nobody that it was refused over HTTP/2: this ends with the process.
  async is_refused() {
    await open(new Agent(options), { headers: { origin: "https://example.com" } });
    throw new Error("accepted");
  },
};

const late = setTimeout(() => {
  console.error(`${check}: not done`);
  process.exit(1);
}, 20_000);
const result = await checks[check]();
clearTimeout(late);
console.log(JSON.stringify(result));
process.exit(0); // an Agent keeps its connections
