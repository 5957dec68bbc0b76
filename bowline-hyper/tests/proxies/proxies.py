"""nginx and HAProxy with the configurations of examples/proxies, each in front of one server.

What is run are those very files, but for what two proxies on one machine can't share: each port gives way to a free one,
and the time-outs of 75 seconds to two. A line may be left out, to see what it is for.
"""

import asyncio
import contextlib
import random
import shutil
import socket
import ssl
import time
from pathlib import Path

from processes import PATIENCE, Program
from websockets.asyncio.client import connect

EXAMPLES = Path(__file__).parents[2] / "examples" / "proxies"
IDLE = "75s"  # as the examples say
SHORT = "2s"

# The ports of the examples: by the kind of front that is behind each.
PORTS = {
    "nginx": {"plain": 8080, "tls": 8443},
    "haproxy": {"plain": 8080, "tls": 8443, "tls to h2": 8444},
}
BACKEND = 9001


def free_port():
    """Below the ephemeral range: no connection of the tests can take it before the proxy binds it."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


class Proxy(Program):
    """A proxy in front of a port, with its files in a directory of its own."""

    def __init__(self, kind, backend, authority, directory, without=None):
        name = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[kind]
        self.authority = authority
        self.ports = {front: free_port() for front in PORTS[kind]}
        text = replace((EXAMPLES / name).read_text(), f"127.0.0.1:{BACKEND}", f"127.0.0.1:{backend}")
        for front, port in PORTS[kind].items():
            text = replace(text, f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[front]}")
        text = replace(text, IDLE, SHORT)
        if without:
            text = replace(text, without, "")
        self.config = directory / name
        self.config.write_text(text)
        for file in (authority.cert, authority.key, authority.both):
            shutil.copy(file, directory)
        commands = {
            "nginx": ["nginx", "-e", "stderr", "-p", directory, "-c", self.config],
            "haproxy": ["haproxy", "-f", self.config],
        }
        super().__init__(*commands[kind])
        try:
            self.await_listening()
        except BaseException:
            self.__exit__()
            raise

    def await_listening(self):
        end = time.monotonic() + PATIENCE
        for port in self.ports.values():
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < end and not self.has_ended, self.report("no listener")
                    time.sleep(0.02)

    def origin(self, front):
        """Of a page that the proxy serves."""
        scheme = "http" if front == "plain" else "https"
        return f"{scheme}://localhost:{self.ports[front]}"

    def url(self, front, path):
        return self.origin(front).replace("http", "ws", 1) + path

    def connect(self, front, path, **options):
        """A socket through this proxy."""
        if front != "plain":
            options["ssl"] = ssl.create_default_context(cafile=self.authority.ca)
        return Socket(self.url(front, path), **options)


# Of one loop, so that each answers pings while another is waited for. (The client of `websockets` that has threads in place of a
# loop reads and writes over TLS at the same time, and hangs once in some hundred connections to HAProxy.)
LOOP = asyncio.new_event_loop()


def wait(awaitable, seconds=PATIENCE):
    return LOOP.run_until_complete(asyncio.wait_for(awaitable, seconds))


class Socket:
    """A client's end, without pings of its own."""

    def __init__(self, url, **options):
        options = {"ping_interval": None, "max_size": None, "proxy": None, **options}
        self.ws = wait(connect(url, open_timeout=None, close_timeout=PATIENCE, **options))

    def send(self, message):
        wait(self.ws.send(message))

    def recv(self, seconds=PATIENCE):
        return wait(self.ws.recv(), seconds)

    def ping(self, payload):
        """Waits for the pong."""

        async def ping():
            await (await self.ws.ping(payload))

        wait(ping())

    def close(self, code=1000, reason=""):
        wait(self.ws.close(code, reason), 2 * PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def replace(text, old, new):
    assert old in text, f"{old} is not in the example any more"
    return text.replace(old, new)
