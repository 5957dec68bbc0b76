"""What both ends of websockets share."""

from common import CASES, NO_CODE, binary, fragments


async def close(ws, code, reason):
    if code != NO_CODE:
        return await ws.close(code, reason)
    # Connection.close always sends a code; the protocol below it needn't.
    async with ws.send_context():
        ws.protocol.send_close()


async def await_pongs(ws):
    for size in CASES["pings"]:
        # Done by the pong with the same payload, and by no other.
        await (await ws.ping(binary(size)))


async def send_fragments(ws):
    """Sends the pieces, with a ping after each."""

    async def pieces():
        for number, piece in enumerate(fragments()):
            yield piece
            await ws.ping("after %d" % number)

    await ws.send(pieces(), text=True)
