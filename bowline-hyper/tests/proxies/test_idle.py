"""Connections with nothing to say, past the proxy's time-out of two seconds."""

import contextlib

import pytest
from processes import hyper_echo
from proxies import Proxy
from websockets.exceptions import ConnectionClosed


@contextlib.contextmanager
def connection(kind, front, authority, directory, flags):
    """A server with these flags, and a connection to it through a proxy of its own."""
    directory.mkdir()
    with hyper_echo(*flags) as server, Proxy(kind, server.port, authority, directory) as proxy:
        with proxy.connect(front, "/idle") as ws:
            ws.send("here")
            assert ws.recv() == "here"
            yield server, ws


def test_keepalive_keeps_it(kind, front, authority, tmp_path):
    silent = connection(kind, front, authority, tmp_path / "silent", [])
    pinging = connection(kind, front, authority, tmp_path / "pinging", ["--keepalive", "0.5"])
    with silent as (server, cut), pinging as (_, kept):
        with pytest.raises(ConnectionClosed) as closed:
            cut.recv()
        assert closed.value.rcvd is None, "an end without Close"
        assert server.ended("/idle").startswith("lost")
        # The other is as old, and goes on for twice the time-out.
        with pytest.raises(TimeoutError):
            kept.recv(4)
        kept.send("still here")
        assert kept.recv() == "still here"
