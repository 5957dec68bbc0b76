// ws as the client: `ws_deflate_client.mjs PORT` makes the connections that its standard input asks for, as
// tests/interop/deflate/mod.rs describes.

import assert from "node:assert/strict";
import { on, once } from "node:events";
import { createInterface } from "node:readline";
import { MAX_PAYLOAD, WebSocket, sendFragments } from "./common.mjs";
import { exercises, options } from "./deflate.mjs";

const port = process.argv[2];

/** A connection, and the extensions of its response. */
async function open(offer) {
  // ws lets itself be limited unless told otherwise.
  const perMessageDeflate = { clientMaxWindowBits: false, ...options(offer) };
  const ws = new WebSocket(`ws://127.0.0.1:${port}/deflate`, {
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate,
  });
  ws.inbox = on(ws, "message"); // collects from here on
  ws.pongs = [];
  ws.on("pong", (payload) => ws.pongs.push(payload));
  ws.closed = once(ws, "close");
  const upgraded = once(ws, "upgrade");
  await once(ws, "open");
  const agreed = (await upgraded)[0].headers["sec-websocket-extensions"] ?? "";
  assert.equal(ws.extensions, agreed && "permessage-deflate");
  return [ws, agreed];
}

function send(ws, [kind, payload]) {
  if (kind === "ping") ws.ping(payload);
  else if (kind === "fragments") sendFragments(ws);
  else ws.send(payload);
}

/** Takes the echo of a step. */
async function receive(ws, [kind, payload]) {
  if (kind === "ping") return; // it comes in its own time
  const [data, isBinary] = (await ws.inbox.next()).value;
  assert.equal(isBinary, Buffer.isBuffer(payload), kind);
  // Not assert.deepEqual, which shows all of both.
  assert.ok(data.equals(Buffer.from(payload)), `${kind} of ${payload.length}`);
}

async function perform(ws, name) {
  const steps = exercises[name];
  if (name === "one by one") {
    for (const step of steps) {
      send(ws, step);
      await receive(ws, step);
    }
  } else {
    for (const step of steps) send(ws, step);
    for (const step of steps) await receive(ws, step);
  }
  return steps.filter(([kind]) => kind === "ping").map(([, payload]) => payload);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { offer, exercise } = JSON.parse(line);
  const [ws, agreed] = await open(offer);
  const pings = await perform(ws, exercise);
  ws.close(1000);
  assert.equal((await ws.closed)[0], 1000);
  // The fragments have pings of their own between them.
  const pongs = ws.pongs.filter((pong) => !pong.toString().startsWith("after "));
  assert.deepEqual(pongs, pings);
  console.log(JSON.stringify(agreed));
}
