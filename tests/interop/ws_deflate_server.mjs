// ws as the server whose wishes are in the path, as tests/interop/deflate/mod.rs describes.

import { MAX_PAYLOAD, WebSocketServer, createServer } from "./common.mjs";
import { options } from "./deflate.mjs";

const PATH = "/deflate/";

/** A server that wishes this, for one connection. */
function accept(wish, request, socket, head) {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate: options(wish),
  });
  let agreed = "";
  server.on("headers", (headers) => {
    const prefix = "Sec-WebSocket-Extensions: ";
    agreed = headers.find((header) => header.startsWith(prefix))?.slice(prefix.length) ?? "";
  });
  server.handleUpgrade(request, socket, head, (ws) => {
    ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on("error", () => {}); // the close code tells
    ws.on("close", (code) => console.log(JSON.stringify([code, agreed])));
  });
}

const http = createServer();
http.on("upgrade", (request, socket, head) => {
  accept(decodeURIComponent(request.url.slice(PATH.length)), request, socket, head);
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
