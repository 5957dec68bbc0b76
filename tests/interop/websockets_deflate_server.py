"""websockets as the server whose wishes are in the path, as tests/interop/deflate/mod.rs describes."""

import asyncio
from urllib.parse import unquote

from common import MAX_SIZE, tls
from deflate import PATH, parameters, report
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(ws):
    try:
        async for message in ws:
            await ws.send(message)
    except ConnectionClosed:
        pass  # the close code tells
    await ws.wait_closed()
    report(ws.close_code, ws.response.headers.get("Sec-WebSocket-Extensions", ""))


def take_wish(ws, request):
    wish = parameters(unquote(request.path.removeprefix(PATH)))
    ws.protocol.available_extensions = [ServerPerMessageDeflateFactory(**wish)]


async def main():
    options = {"ssl": tls(), "compression": None, "max_size": MAX_SIZE, "process_request": take_wish}
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
