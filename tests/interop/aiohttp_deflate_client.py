"""aiohttp as the client: `aiohttp_deflate_client.py PORT` makes the connections that its standard input asks
for, as tests/interop/deflate/mod.rs describes."""

import asyncio
import sys

from aiohttp import ClientSession, WSMsgType
from common import MAX_SIZE
from deflate import parameters, perform, run

URL = "ws://127.0.0.1:%s/deflate" % sys.argv[1]


async def talk(offer, exercise):
    # All that it can be told is the server's window.
    compress = parameters(offer).get("server_max_window_bits", 15)
    # With autoping aiohttp would keep the pongs to itself.
    options = {"compress": compress, "max_msg_size": MAX_SIZE, "autoping": False}
    async with ClientSession() as session, session.ws_connect(URL, **options) as ws:
        pings, pongs = [], []

        async def send(kind, payload):
            if kind == "ping":
                pings.append(payload)
                await ws.ping(payload)
            else:
                # It sends whole messages only.
                await (ws.send_str if isinstance(payload, str) else ws.send_bytes)(payload)

        async def receive():
            message = await ws.receive()
            while message.type is WSMsgType.PONG:
                pongs.append(message.data)
                message = await ws.receive()
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            return message.data

        await perform(exercise, send, receive)
        await ws.close()
        assert ws.close_code == 1000, ws.close_code
        assert pongs == pings, pongs
        agreed = ws._response.headers.get("Sec-WebSocket-Extensions", "")  # shown nowhere else
        assert bool(ws.compress) == bool(agreed), ws.compress
        return agreed


asyncio.run(run(talk))
