"""aiohttp as the server: it has no wishes, and agrees to what it can."""

import asyncio

from aiohttp import WSMsgType, web
from common import MAX_SIZE, tls
from deflate import PATH, report


async def handle(request):
    ws = web.WebSocketResponse(max_msg_size=MAX_SIZE)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    report(ws.close_code, ws.headers.get("Sec-WebSocket-Extensions", ""))
    return ws


async def main():
    app = web.Application()
    app.router.add_get(PATH, handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls()).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
