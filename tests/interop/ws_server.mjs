// ws as the server: its paths are described in tests/interop.rs.

import {
  PONGS_CAME,
  MAX_PAYLOAD,
  WebSocketServer,
  close,
  createServer,
  pongsCome,
  sendFragments,
} from "./common.mjs";

const paths = {
  echo: (ws) => ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })),
  close: (ws, request, [code, reason]) => close(ws, Number(code), reason),
  ping: async (ws) => ws.send((await pongsCome(ws)) ? PONGS_CAME : "a pong differs from its ping"),
  fragments: (ws) => sendFragments(ws),
  drop: (ws) => ws.terminate(),
  headers: (ws, request) => ws.send(JSON.stringify(request.headers)),
};

function verifyClient({ req }, decide) {
  if (req.url === "/401") decide(false, 401, "who are you?", { "WWW-Authenticate": "Basic" });
  else decide(true);
}

const http = createServer();
const server = new WebSocketServer({
  server: http,
  maxPayload: MAX_PAYLOAD,
  perMessageDeflate: true,
  handleProtocols: (offered) => [...offered].at(-1),
  verifyClient,
});

server.on("headers", (headers) => {
  headers.push("X-Interop: ws", "Set-Cookie: a=1", "Set-Cookie: b=2");
});

server.on("connection", (ws, request) => {
  ws.on("close", (code, reason) => console.log(JSON.stringify([code, reason.toString()])));
  ws.on("error", () => {}); // the close code tells
  const [path, ...rest] = request.url.slice(1).split("/").map(decodeURIComponent);
  paths[path](ws, request, rest);
});

http.listen(0, "127.0.0.1", () => console.log(http.address().port));
