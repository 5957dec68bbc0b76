"""Conversations through a proxy: messages, closes and who may connect."""

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20, 5 << 20)


def text(size):
    return "aé€😀" * (size // 10) + "x" * (size % 10)


def binary(size):
    return (bytes(range(256)) * (size // 256 + 1))[:size]


@pytest.fixture
def proxy(kind, front, proxies):
    return proxies[kind]


def backend_version(front):
    """What the server is spoken to with, whatever the client speaks."""
    return "HTTP/2.0" if front == "tls to h2" else "HTTP/1.1"


def test_echoes(proxy, front, server, path):
    with proxy.connect(front, path, compression=None) as ws:
        for size in SIZES:
            for message in (text(size), binary(size)):
                ws.send(message)
                assert ws.recv() == message
    assert server.ended(path) == "closed 1000"
    assert server.open_lines(path)[0][1] == backend_version(front)


def test_echoes_compressed(proxy, front, server, path):
    with proxy.connect(front, path) as ws:
        extensions = ws.ws.response.headers["sec-websocket-extensions"]
        assert extensions.startswith("permessage-deflate"), extensions
        for size in SIZES:
            for message in (text(size), binary(size)):
                ws.send(message)
                assert ws.recv() == message
    assert server.ended(path) == "closed 1000"


def test_echoes_a_burst(proxy, front, server, path):
    burst = [(text if i % 2 else binary)(i * 7) for i in range(200)]
    with proxy.connect(front, path) as ws:
        for message in burst:
            ws.send(message)
        assert [ws.recv() for _ in burst] == burst
    assert server.ended(path) == "closed 1000"


def test_agrees_on_a_subprotocol(proxy, front, path):
    with proxy.connect(front, path, subprotocols=["echo.v1", "echo.v2"]) as ws:
        assert ws.ws.subprotocol == "echo.v2"


@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "away"), (3000, ""), (4999, "Grüße 🚢")])
def test_the_clients_close_passes(proxy, front, server, path, code, reason):
    with proxy.connect(front, path) as ws:
        ws.close(code, reason)
        assert ws.ws.protocol.close_rcvd.code == code
    assert server.ended(path) == f"closed {code} {reason}".strip()


@pytest.mark.parametrize("code, reason", [(1000, "done"), (1012, "restart"), (4001, "enough")])
def test_the_servers_close_passes(proxy, front, code, reason):
    with proxy.connect(front, f"/close/{code}/{reason}") as ws:
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_pings_pass(proxy, front, server, path):
    with proxy.connect(front, f"/ping{path}") as ws:
        assert ws.recv() == "pong: are you there?"
        ws.ping("and you?")


def test_a_page_of_the_proxys_may_connect(proxy, front, path):
    with proxy.connect(front, path, origin=proxy.origin(front)) as ws:
        ws.send("hello")
        assert ws.recv() == "hello"


@pytest.mark.parametrize("origin", ["https://example.com", "http://localhost", "http://localhost:1", "null"])
def test_a_page_of_elsewhere_may_not(proxy, front, server, path, origin):
    with pytest.raises(InvalidStatus) as refused:
        proxy.connect(front, path, origin=origin)
    assert refused.value.response.status_code == 403
    assert refused.value.response.body
    version = backend_version(front)
    assert server.line(rf"{version} {path}: refused (\d+)")[1] == "403"
