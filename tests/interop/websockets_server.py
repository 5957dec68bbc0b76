"""websockets as the server: its paths are described in tests/interop.rs."""

import asyncio
import json
from http import HTTPStatus

from common import MAX_SIZE, PONGS_CAME, RESPONSE_HEADERS, report_close, segments, tls
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets_common import await_pongs, close, send_fragments


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def close_with(ws, code, reason):
    await close(ws, int(code), reason)


async def ping(ws):
    await await_pongs(ws)
    await ws.send(PONGS_CAME)
    await echo(ws)


async def fragments(ws):
    await send_fragments(ws)
    await echo(ws)


async def drop(ws):
    ws.transport.abort()


async def headers(ws):
    seen = ws.request.headers
    await ws.send(json.dumps({name.lower(): ", ".join(seen.get_all(name)) for name in seen}))
    await echo(ws)


PATHS = {
    "echo": echo,
    "close": close_with,
    "ping": ping,
    "fragments": fragments,
    "drop": drop,
    "headers": headers,
}


async def handle(ws):
    path, *rest = segments(ws.request.path)
    try:
        await PATHS[path](ws, *rest)
    except ConnectionClosed:
        pass  # the close code tells
    await ws.wait_closed()
    report_close(ws.close_code, ws.close_reason)


def refuse(ws, request):
    if request.path != "/401":
        return None
    response = ws.respond(HTTPStatus.UNAUTHORIZED, "who are you?")
    response.headers["WWW-Authenticate"] = "Basic"
    return response


def add_headers(ws, request, response):
    for name, value in (("X-Interop", "websockets"), *RESPONSE_HEADERS):
        response.headers[name] = value


async def main():
    options = {
        "ssl": tls(),
        "max_size": MAX_SIZE,
        "process_request": refuse,
        "process_response": add_headers,
        "select_subprotocol": lambda ws, offered: offered[-1] if offered else None,
    }
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
