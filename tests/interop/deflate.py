"""What the Python peers share where permessage-deflate is agreed on."""

import asyncio
import functools
import json
import sys
from pathlib import Path

from common import CASES, binary, text

TABLE = json.loads(Path(__file__).with_name("deflate.json").read_text(encoding="utf-8"))
PATH = "/deflate/"


@functools.cache
def noise(size):
    """Bytes in which nothing is repeated, the same for each size."""
    data, state = bytearray(), size
    for _ in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        data.append(state >> 24)
    return bytes(data)


PAYLOADS = {
    "text": text,
    "binary": binary,
    "noise": noise,
    "twice": lambda size: noise(size) * 2,
    "hex": lambda size: noise(size // 2).hex(),
    "ping": binary,
    "fragments": lambda size: CASES["fragments"]["text"],
}


@functools.cache
def exercise(name):
    """The steps of an exercise: kinds and payloads."""
    return [(kind, PAYLOADS[kind](size)) for kind, size in TABLE["exercises"][name]]


def parameters(said):
    """"name; name=value" as a dictionary, with True where there is no value."""
    pairs = (parameter.partition("=") for parameter in said.split("; ") if parameter)
    return {name: int(value) if value else True for name, _, value in pairs}


async def perform(name, send, receive):
    """Goes through an exercise with the peer's own `send(kind, payload)`, and `receive()` for messages."""
    steps = exercise(name)
    messages = [payload for kind, payload in steps if kind != "ping"]

    async def send_all():
        for kind, payload in steps:
            await send(kind, payload)

    async def receive_all():
        for message in messages:
            assert await receive() == message, "message of %d" % len(message)

    if name != "one by one":
        await asyncio.gather(send_all(), receive_all())
        return
    for kind, payload in steps:
        await send(kind, payload)
        if kind != "ping":
            assert await receive() == payload, "%s of %d" % (kind, len(payload))


async def run(connect):
    """Makes the connections that the standard input asks for, one after the other."""
    for line in sys.stdin:
        order = json.loads(line)
        agreed = await connect(order["offer"], order["exercise"])
        print(json.dumps(agreed), flush=True)


def report(code, agreed):
    """One line for each connection of a server's that has ended."""
    print(json.dumps([code, agreed]), flush=True)
