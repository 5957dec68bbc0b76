// ws as the client: `ws_client.mjs PORT` makes each check of cases.json against a bowline server.

import assert from "node:assert/strict";
import { on, once } from "node:events";
import {
  MAX_PAYLOAD,
  PONGS_CAME,
  WebSocket,
  binary,
  cases,
  close,
  pongsCome,
  sendFragments,
  text,
} from "./common.mjs";

const DEADLINE = 9_000; // before the test gives up at 10 s, so that the failure is told from here
const port = process.argv[2];

/** A connection, with permessage-deflate offered, as ws does unless told otherwise, and declined. */
async function open(path, protocols = [], options = {}) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/${path}`, protocols, {
    maxPayload: MAX_PAYLOAD,
    ...options,
  });
  ws.inbox = on(ws, "message"); // collects from here on
  ws.closed = once(ws, "close").then(([code, reason]) => [code, reason.toString()]);
  const upgraded = once(ws, "upgrade");
  await once(ws, "open");
  ws.responseHeaders = (await upgraded)[0].headers;
  assert.equal(ws.extensions, "");
  return ws;
}

/** The next message: text as a string, binary as a Buffer. */
async function receive(ws) {
  const [data, isBinary] = (await ws.inbox.next()).value;
  return isBinary ? data : data.toString();
}

async function finish(ws) {
  ws.close(1000);
  assert.deepEqual(await ws.closed, [1000, ""]);
}

async function echoes(messages) {
  const ws = await open("echo");
  for (const message of messages) {
    ws.send(message);
    assert.ok(isSame(await receive(ws), message), `message of ${message.length}`);
  }
  await finish(ws);
}

// Not assert.deepEqual, which takes seconds to show how 10 MiB differ.
function isSame(left, right) {
  return typeof left === "string" ? left === right : Buffer.isBuffer(right) && left.equals(right);
}

const checks = {
  echoes_texts: () => echoes([...cases.texts, ...cases.sizes.map(text)]),

  echoes_binaries: () => echoes(cases.sizes.map(binary)),

  async echoes_a_burst() {
    const ws = await open("echo");
    const burst = Array.from({ length: cases.burst }, (_, i) => (i % 2 ? binary : text)(i));
    for (const message of burst) ws.send(message);
    for (const message of burst) assert.ok(isSame(await receive(ws), message));
    await finish(ws);
  },

  async agrees_on_a_subprotocol() {
    const ws = await open("echo", ["chat.v1", "chat.v2"]);
    assert.equal(ws.protocol, "chat.v2");
    await finish(ws);
    const plain = await open("echo");
    assert.equal(plain.protocol, "");
    await finish(plain);
  },

  async reads_response_headers() {
    const ws = await open("echo");
    assert.equal(ws.responseHeaders["x-interop"], "bowline");
    assert.deepEqual(ws.responseHeaders["set-cookie"], ["a=1", "b=2"]);
    await finish(ws);
  },

  async shows_its_headers() {
    const headers = { "X-Extra": ["one", "two"], Cookie: "a=1; b=2" };
    const ws = await open("headers", [], { headers });
    const seen = JSON.parse(await receive(ws));
    assert.equal(seen["x-extra"], "one, two");
    assert.equal(seen.cookie, "a=1; b=2");
    assert.equal(seen.host, `127.0.0.1:${port}`);
    assert.match(seen["sec-websocket-extensions"], /permessage-deflate/);
    await finish(ws);
  },

  async is_refused() {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/401`);
    const [, response] = await once(ws, "unexpected-response");
    assert.equal(response.statusCode, 401);
    assert.equal(response.headers["www-authenticate"], "Basic");
    let body = "";
    for await (const chunk of response) body += chunk;
    assert.equal(body, "who are you?");
  },

  async is_closed_by_the_server() {
    for (const [code, reason] of cases.closes) {
      const ws = await open(`close/${code}/${encodeURIComponent(reason)}`);
      assert.deepEqual(await ws.closed, [code, reason]);
    }
  },

  async closes_with_each_code() {
    for (const [code, reason] of cases.closes) {
      const ws = await open("closing");
      close(ws, code, reason);
      assert.deepEqual(await ws.closed, [code, ""]);
    }
  },

  async closes_with_an_echo_on_its_way() {
    const ws = await open("echo");
    const message = binary(1 << 20);
    ws.send(message);
    ws.close(1000);
    assert.ok(isSame(await receive(ws), message));
    assert.deepEqual(await ws.closed, [1000, ""]);
  },

  async answers_pings() {
    const ws = await open("ping");
    assert.equal(await receive(ws), PONGS_CAME);
    await finish(ws);
  },

  async gets_pongs() {
    const ws = await open("echo");
    assert.ok(await pongsCome(ws));
    await finish(ws);
  },

  async sends_fragments() {
    const ws = await open("echo");
    sendFragments(ws);
    assert.equal(await receive(ws), cases.fragments.text);
    await finish(ws);
  },

  async receives_fragments() {
    const ws = await open("fragments");
    assert.equal(await receive(ws), cases.fragments.text);
    await finish(ws);
  },

  async sees_a_drop() {
    const ws = await open("drop");
    assert.deepEqual(await ws.closed, [1006, ""]);
  },

  async drops() {
    const ws = await open("dropping");
    ws.terminate();
    await ws.closed;
  },
};

for (const name of cases.client_checks) {
  const late = setTimeout(() => {
    console.error(`ws_client: ${name}: not done after ${DEADLINE} ms`);
    process.exit(1);
  }, DEADLINE);
  await checks[name]();
  clearTimeout(late);
  console.log(name);
}
