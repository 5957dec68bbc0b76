"""A server that hypercorn is behind: `hypercorn_server.py --tls CERT KEY ADDRESS:PORT`.

It says what hyper_echo says, and sends back what comes. Paths of its own:

    /close/CODE/REASON  closes at once
    /refused            refuses with 403 and a body
"""

import asyncio
import socket
import sys
from urllib.parse import unquote

from hypercorn.asyncio import serve
from hypercorn.config import Config

PROTOCOLS = ("echo.v2", "echo.v1")
REFUSAL = b"not for you\n"
MAX_SIZE = 64 << 20


def say(scope, what):
    host, port = scope["client"]
    version = {"2": "HTTP/2.0"}.get(scope["http_version"], "HTTP/" + scope["http_version"])
    print(f"{host}:{port} {version} {scope['path']}: {what}", flush=True)


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hypercorn\n"})
    elif scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await answer(scope, receive, send)


async def answer(scope, receive, send):
    words = scope["path"].split("/")[1:]
    if words == ["refused"]:
        headers = [(b"content-length", b"%d" % len(REFUSAL))]
        await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": REFUSAL})
        return
    chosen = [name for name in PROTOCOLS if name in scope["subprotocols"]]
    version = b"HTTP/2.0" if scope["http_version"] == "2" else b"HTTP/1.1"
    headers = [(b"x-http-version", version)]
    accept = {"type": "websocket.accept", "headers": headers, "subprotocol": (chosen or [None])[0]}
    await send(accept)
    say(scope, "open")
    if words[0] == "close":
        await send({"type": "websocket.close", "code": int(words[1]), "reason": unquote(words[2])})
    while (event := await receive())["type"] != "websocket.disconnect":
        text, data = event.get("text"), event.get("bytes")
        await send({"type": "websocket.send", "text": text, "bytes": data})
    say(scope, f"closed {event['code']} {event.get('reason') or ''}".rstrip())


def main():
    _, _, cert, key, address = sys.argv
    host, port = address.split(":")
    listener = socket.create_server((host, int(port)))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile, config.keyfile = cert, key
    config.alpn_protocols = ["h2", "http/1.1"]
    config.websocket_max_message_size = MAX_SIZE
    config.graceful_timeout = 1
    print(f"listening on wss://{host}:{listener.getsockname()[1]}", flush=True)
    asyncio.run(serve(app, config))


main()
