"""websockets as the client: `websockets_deflate_client.py PORT` makes the connections that its standard input
asks for, as tests/interop/deflate/mod.rs describes."""

import asyncio
import sys

from common import MAX_SIZE
from deflate import parameters, perform, run
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets_common import send_fragments

URL = "ws://127.0.0.1:%s/deflate" % sys.argv[1]


async def talk(offer, exercise):
    # Like the servers, it lets itself be limited unless told otherwise.
    factory = ClientPerMessageDeflateFactory(**{"client_max_window_bits": None, **parameters(offer)})
    ws = await connect(URL, compression=None, extensions=[factory], max_size=MAX_SIZE, proxy=None)
    pongs = []

    async def send(kind, payload):
        if kind == "ping":
            pongs.append(await ws.ping(payload))
        elif kind == "fragments":
            await send_fragments(ws)
        else:
            await ws.send(payload)

    agreed = ws.response.headers.get("Sec-WebSocket-Extensions", "")
    assert len(ws.protocol.extensions) == bool(agreed), ws.protocol.extensions
    await perform(exercise, send, ws.recv)
    await asyncio.gather(*pongs)
    await ws.close()
    assert ws.close_code == 1000, ws.close_code
    return agreed


asyncio.run(run(talk))
