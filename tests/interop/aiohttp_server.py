"""aiohttp as the server: its paths are described in tests/interop.rs.

It has no /fragments: aiohttp sends whole messages only.
"""

import asyncio
import json

from aiohttp import WSMsgType, web
from common import (
    CASES,
    MAX_SIZE,
    NO_CODE,
    PONGS_CAME,
    RESPONSE_HEADERS,
    binary,
    report_close,
    segments,
    tls,
)


async def echo(ws, request):
    while True:
        message = await ws.receive()
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type is WSMsgType.CLOSE:
            return message.data, message.extra
        else:
            return ws.close_code, ""


async def close(ws, request, code, reason):
    if int(code) == NO_CODE:
        # WebSocketResponse.close always sends a code.
        await ws.send_frame(b"", WSMsgType.CLOSE)
        return await echo(ws, request)
    await ws.close(code=int(code), message=reason.encode())
    return ws.close_code, ""


async def ping(ws, request):
    for size in CASES["pings"]:
        await ws.ping(binary(size))
        message = await ws.receive()
        if (message.type, message.data) != (WSMsgType.PONG, binary(size)):
            await ws.send_str("%s in place of a pong of %d bytes" % (message, size))
    await ws.send_str(PONGS_CAME)
    return await echo(ws, request)


async def drop(ws, request):
    request.transport.abort()
    return await echo(ws, request)


async def headers(ws, request):
    seen = request.headers
    await ws.send_str(json.dumps({name.lower(): ", ".join(seen.getall(name)) for name in seen}))
    return await echo(ws, request)


PATHS = {"echo": echo, "close": close, "ping": ping, "drop": drop, "headers": headers}


async def handle(request):
    path, *rest = segments(request.raw_path)
    if path == "401":
        headers = {"WWW-Authenticate": "Basic"}
        raise web.HTTPUnauthorized(text="who are you?", headers=headers)
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    # With autoping aiohttp would keep the pongs to itself.
    ws = web.WebSocketResponse(
        protocols=[offered[-1].strip()], max_msg_size=MAX_SIZE, autoping=path != "ping"
    )
    for name, value in (("X-Interop", "aiohttp"), *RESPONSE_HEADERS):
        ws.headers.add(name, value)
    await ws.prepare(request)
    report_close(*await PATHS[path](ws, request, *rest))
    return ws


async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls()).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
