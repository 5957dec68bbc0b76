"""aiohttp as the client: `aiohttp_client.py PORT` makes each check of cases.json against a bowline server."""

import asyncio
import contextlib
import json
import sys

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from common import CASES, MAX_SIZE, NO_CODE, PONGS_CAME, binary, burst, close_path, run_checks, text

PORT = int(sys.argv[1])


@contextlib.asynccontextmanager
async def connection(path, cookies=None, **options):
    """A connection, with permessage-deflate offered and declined. It is dropped at the end; the checks
    close it before."""
    url = "ws://127.0.0.1:%d/%s" % (PORT, path)
    async with ClientSession(cookies=cookies) as session:
        ws = await session.ws_connect(url, compress=15, max_msg_size=MAX_SIZE, **options)
        assert ws.compress == 0, ws.compress
        yield ws


async def finish(ws):
    await ws.close()
    assert ws.close_code == 1000, ws.close_code


async def send(ws, message):
    await (ws.send_str if isinstance(message, str) else ws.send_bytes)(message)


async def receive(ws):
    message = await ws.receive()
    assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
    return message.data


async def echoes(messages):
    async with connection("echo") as ws:
        for message in messages:
            await send(ws, message)
            assert await receive(ws) == message, "message of %d" % len(message)
        await finish(ws)


async def echoes_texts():
    await echoes(CASES["texts"] + [text(size) for size in CASES["sizes"]])


async def echoes_binaries():
    await echoes([binary(size) for size in CASES["sizes"]])


async def echoes_a_burst():
    async def send_all(ws):
        for message in burst():
            await send(ws, message)

    async def receive_all(ws):
        for message in burst():
            assert await receive(ws) == message

    async with connection("echo") as ws:
        await asyncio.gather(send_all(ws), receive_all(ws))
        await finish(ws)


async def agrees_on_a_subprotocol():
    async with connection("echo", protocols=["chat.v1", "chat.v2"]) as ws:
        assert ws.protocol == "chat.v2", ws.protocol
        await finish(ws)
    async with connection("echo") as ws:
        assert ws.protocol is None, ws.protocol
        await finish(ws)


async def reads_response_headers():
    async with connection("echo") as ws:
        headers = ws._response.headers  # aiohttp shows them nowhere else
        assert headers["x-interop"] == "bowline", headers
        assert headers.getall("set-cookie") == ["a=1", "b=2"], headers
        await finish(ws)


async def shows_its_headers():
    extra = [("X-Extra", "one"), ("X-Extra", "two")]
    async with connection("headers", cookies={"a": "1", "b": "2"}, headers=extra) as ws:
        seen = json.loads(await receive(ws))
        assert seen["x-extra"] == "one, two", seen
        assert seen["cookie"] == "a=1; b=2", seen
        assert seen["host"] == "127.0.0.1:%d" % PORT, seen
        assert "permessage-deflate" in seen["sec-websocket-extensions"], seen
        await finish(ws)


async def is_refused():
    try:
        async with connection("401"):
            raise AssertionError("accepted")
    except WSServerHandshakeError as refusal:
        assert refusal.status == 401, refusal
        assert refusal.headers["www-authenticate"] == "Basic", refusal
    # The exception keeps no body; a plain request for the same path gets the same answer.
    async with ClientSession() as session, session.get("http://127.0.0.1:%d/401" % PORT) as response:
        assert (response.status, await response.text()) == (401, "who are you?"), response


async def is_closed_by_the_server():
    for code, reason in CASES["closes"]:
        async with connection(close_path(code, reason)) as ws:
            message = await ws.receive()
            assert message.type is WSMsgType.CLOSE, message
            assert (message.data or NO_CODE, message.extra or "") == (code, reason), message


async def closes_with_each_code():
    for code, reason in CASES["closes"]:
        async with connection("closing") as ws:
            if code == NO_CODE:
                # ClientWebSocketResponse.close always sends a code.
                await ws.send_frame(b"", WSMsgType.CLOSE)
                message = await ws.receive()
                assert (message.type, message.data) == (WSMsgType.CLOSE, 0), message
            else:
                await ws.close(code=code, message=reason.encode())
                assert ws.close_code == code, ws.close_code


async def closes_with_an_echo_on_its_way():
    async with connection("echo") as ws:
        await ws.send_bytes(binary(1 << 20))
        await finish(ws)


async def answers_pings():
    async with connection("ping") as ws:
        assert await receive(ws) == PONGS_CAME
        await finish(ws)


async def gets_pongs():
    # With autoping aiohttp would keep the pongs to itself.
    async with connection("echo", autoping=False) as ws:
        for size in CASES["pings"]:
            await ws.ping(binary(size))
            message = await ws.receive()
            assert (message.type, message.data) == (WSMsgType.PONG, binary(size)), message
        await finish(ws)


sends_fragments = "aiohttp sends whole messages only"


async def receives_fragments():
    async with connection("fragments") as ws:
        assert await receive(ws) == CASES["fragments"]["text"]
        await finish(ws)


async def sees_a_drop():
    async with connection("drop") as ws:
        message = await ws.receive()
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR), message


async def drops():
    async with connection("dropping"):
        pass


asyncio.run(run_checks(globals()))
