"""Connections with nothing to say, past the proxy's time-out of two seconds."""

import contextlib

import pytest
from processes import hyper_echo
from proxies import Proxy
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@contextlib.contextmanager
def connection(kind, front, authority, directory, flags):
    """A server with these flags, and a connection to it through a proxy of its own."""
    directory.mkdir()
    with hyper_echo(*flags) as server, Proxy(kind, server.port, authority, directory) as proxy:
        # No Close at the end: a connection that was cut would wait for it.
        ws = connect(proxy.url(front, "/idle"), close_timeout=1, **proxy.options(front))
        with contextlib.closing(ws):
            ws.send("here")
            assert ws.recv(timeout=10) == "here"
            yield server, ws


def test_keepalive_keeps_it(kind, front, authority, tmp_path):
    silent = connection(kind, front, authority, tmp_path / "silent", [])
    pinging = connection(kind, front, authority, tmp_path / "pinging", ["--keepalive", "0.5"])
    with silent as (server, cut), pinging as (_, kept):
        with pytest.raises(ConnectionClosed) as closed:
            cut.recv(timeout=30)
        assert closed.value.rcvd is None, "an end without Close"
        assert server.ended("/idle").startswith("lost")
        # The other is as old, and goes on for twice the time-out.
        with pytest.raises(TimeoutError):
            kept.recv(timeout=4)
        kept.send("still here")
        assert kept.recv(timeout=10) == "still here"
