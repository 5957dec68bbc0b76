"""websockets as the client: `websockets_client.py PORT` makes each check of cases.json against a bowline
server."""

import asyncio
import json
import sys

from common import CASES, MAX_SIZE, PONGS_CAME, binary, burst, close_path, fragments, run_checks, text
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets_common import await_pongs, close, send_fragments

PORT = int(sys.argv[1])


async def open_at(path, **options):
    """A connection, with permessage-deflate offered, as websockets does unless told otherwise, and
    declined."""
    url = "ws://127.0.0.1:%d/%s" % (PORT, path)
    ws = await connect(url, max_size=MAX_SIZE, proxy=None, **options)
    assert ws.protocol.extensions == [], ws.protocol.extensions
    return ws


async def finish(ws):
    await ws.close()
    assert_closed(ws, 1000, "")


def assert_closed(ws, code, reason):
    assert (ws.close_code, ws.close_reason) == (code, reason), (ws.close_code, ws.close_reason)


async def echoes(messages):
    ws = await open_at("echo")
    for message in messages:
        await ws.send(message)
        assert await ws.recv() == message, "message of %d" % len(message)
    await finish(ws)


async def echoes_texts():
    await echoes(CASES["texts"] + [text(size) for size in CASES["sizes"]])


async def echoes_binaries():
    await echoes([binary(size) for size in CASES["sizes"]])


async def echoes_a_burst():
    async def send_all():
        for message in burst():
            await ws.send(message)

    async def receive_all():
        for message in burst():
            assert await ws.recv() == message

    ws = await open_at("echo")
    await asyncio.gather(send_all(), receive_all())
    await finish(ws)


async def agrees_on_a_subprotocol():
    ws = await open_at("echo", subprotocols=["chat.v1", "chat.v2"])
    assert ws.subprotocol == "chat.v2", ws.subprotocol
    await finish(ws)
    ws = await open_at("echo")
    assert ws.subprotocol is None, ws.subprotocol
    await finish(ws)


async def reads_response_headers():
    ws = await open_at("echo")
    headers = ws.response.headers
    assert headers["x-interop"] == "bowline", headers
    assert headers.get_all("set-cookie") == ["a=1", "b=2"], headers
    await finish(ws)


async def shows_its_headers():
    extra = [("X-Extra", "one"), ("X-Extra", "two"), ("Cookie", "a=1; b=2")]
    ws = await open_at("headers", additional_headers=extra)
    seen = json.loads(await ws.recv())
    assert seen["x-extra"] == "one, two", seen
    assert seen["cookie"] == "a=1; b=2", seen
    assert seen["host"] == "127.0.0.1:%d" % PORT, seen
    assert "permessage-deflate" in seen["sec-websocket-extensions"], seen
    await finish(ws)


async def is_refused():
    try:
        await open_at("401")
    except InvalidStatus as refusal:
        response = refusal.response
        assert response.status_code == 401, response
        assert response.headers["www-authenticate"] == "Basic", response
        assert response.body == b"who are you?", response
    else:
        raise AssertionError("accepted")


async def is_closed_by_the_server():
    for code, reason in CASES["closes"]:
        ws = await open_at(close_path(code, reason))
        await ws.wait_closed()
        assert_closed(ws, code, reason)


async def closes_with_each_code():
    for code, reason in CASES["closes"]:
        ws = await open_at("closing")
        await close(ws, code, reason)
        assert_closed(ws, code, "")


async def closes_with_an_echo_on_its_way():
    ws = await open_at("echo")
    message = binary(1 << 20)
    await ws.send(message)
    # At once: while nobody receives, websockets stops to read, and never sees the answer to its Close.
    received, _ = await asyncio.gather(ws.recv(), ws.close())
    assert received == message, "message of %d" % len(received)
    assert_closed(ws, 1000, "")


async def answers_pings():
    ws = await open_at("ping")
    assert await ws.recv() == PONGS_CAME
    await finish(ws)


async def gets_pongs():
    ws = await open_at("echo")
    await await_pongs(ws)
    await finish(ws)


async def sends_fragments():
    ws = await open_at("echo")
    await send_fragments(ws)
    assert await ws.recv() == CASES["fragments"]["text"]
    await finish(ws)


async def receives_fragments():
    ws = await open_at("fragments")
    received = [piece async for piece in ws.recv_streaming(decode=False)]
    assert received == [*fragments(), b""], received
    await finish(ws)


async def sees_a_drop():
    ws = await open_at("drop")
    try:
        await ws.recv()
    except ConnectionClosed:
        assert ws.close_code == 1006, ws.close_code
    else:
        raise AssertionError("a message in place of the end")


async def drops():
    ws = await open_at("dropping")
    ws.transport.abort()
    await ws.wait_closed()


asyncio.run(run_checks(globals()))
