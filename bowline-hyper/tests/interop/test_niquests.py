"""niquests (Python) as the client of hyper_echo, over HTTP/2."""

import re

import niquests
import pytest
from wsproto.events import CloseConnection

SIZES = (0, 1, 125, 126, 65535, 65536, 65537, 1 << 20)
HTTP2 = 20


def text(size):
    return "aé€😀" * (size // 10) + "x" * (size % 10)


def binary(size):
    return (bytes(range(256)) * (size // 256 + 1))[:size]


@pytest.fixture
def session(authority):
    with niquests.Session() as session:
        # What it is told by the environment would come first.
        session.trust_env = False
        session.verify = str(authority.ca)
        yield session


def request(session, server, path, headers=None):
    url = f"wss+rfc8441://localhost:{server.port}{path}"
    response = session.get(url, headers=headers, timeout=10)
    assert response.http_version == HTTP2
    return response


def connect(session, server, path, headers=None):
    """The response, and the socket."""
    response = request(session, server, path, headers)
    assert response.status_code == 200
    assert response.headers["x-http-version"] == "HTTP/2.0"
    assert response.extension is not None
    return response, response.extension


def echo(ws, message):
    ws.send_payload(message)
    assert ws.next_payload() == message, f"message of {len(message)}"


def close(ws, code, reason=None):
    """`ws.close()` sends the code 0, which is none. Nor does it wait for the answer."""
    ws._dsa.sendall(ws._protocol.send(CloseConnection(code, reason)))
    assert ws.next_payload() is None


def test_echoes(session, server, path):
    _, ws = connect(session, server, path)
    for size in SIZES:
        echo(ws, text(size))
        echo(ws, binary(size))
    close(ws, 1000, "done")
    assert server.ended(path) == "closed 1000 done"
    assert server.open_lines(path)[0][1] == "HTTP/2.0"


def test_echoes_a_burst(session, server, path):
    _, ws = connect(session, server, path)
    burst = [(text if i % 2 else binary)(i * 7) for i in range(100)]
    for message in burst:
        ws.send_payload(message)
    for message in burst:
        assert ws.next_payload() == message
    close(ws, 1000)


@pytest.mark.parametrize("offered, agreed", [("echo.v1", "echo.v1"), ("echo.v1, echo.v2", "echo.v2"), ("x", None)])
def test_agrees_on_a_subprotocol(session, server, path, offered, agreed):
    response, ws = connect(session, server, path, {"Sec-WebSocket-Protocol": offered})
    assert response.headers.get("sec-websocket-protocol") == agreed
    close(ws, 1000)


def test_agrees_to_compression(session, server, path):
    response, ws = connect(session, server, path)
    # wsproto offers both windows of 15 bits.
    assert response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
    for _ in range(3):
        echo(ws, text(100_000))
        echo(ws, binary(100_000))
    close(ws, 1000)
    assert server.ended(path) == "closed 1000"


@pytest.mark.parametrize("code, reason", [(1000, None), (3000, "three"), (4999, "Grüße 🚢"), (None, None)])
def test_closes_with_each_code(session, server, path, code, reason):
    _, ws = connect(session, server, path)
    close(ws, code, reason)
    assert server.ended(path) == " ".join(str(word) for word in ("closed", code, reason) if word)


def test_closes_with_a_code_that_is_none(session, server, path):
    """What `close()` of niquests 3.21 sends; it is refused, and nothing else comes to harm."""
    _, kept = connect(session, server, path)
    _, ws = connect(session, server, path + "/closed")
    ws.close()
    assert re.match("lost: .*close code 0", server.ended(path + "/closed"))
    echo(kept, "still here")
    close(kept, 1000)


def test_is_closed_by_the_server(session, server, path):
    _, ws = connect(session, server, "/close/4001/enough")
    assert ws.next_payload() is None


def test_answers_pings(session, server, path):
    _, ws = connect(session, server, f"/ping{path}")
    # It does so while it waits for a message.
    assert ws.next_payload() == "pong: are you there?"
    close(ws, 1000)
    assert server.ended(f"/ping{path}") == "closed 1000"


def test_gets_a_pong(session, server, path):
    """What comes is kept to itself; that nothing breaks is all there is to see."""
    _, ws = connect(session, server, path)
    ws.ping()
    echo(ws, "after the ping")
    close(ws, 1000)
    assert server.ended(path) == "closed 1000"


def test_shares_one_connection(session, server, path):
    sockets = [connect(session, server, path)[1] for _ in range(3)]
    for i, ws in enumerate(sockets):
        ws.send_payload(f"socket {i}")
        ws.send_payload(binary(100_000 + i))
    page = session.get(f"https://localhost:{server.port}{path}")
    assert "HTTP/2.0" in page.text
    for i, ws in reversed(list(enumerate(sockets))):
        assert ws.next_payload() == f"socket {i}"
        assert ws.next_payload() == binary(100_000 + i)
        close(ws, 1000)
    opened = server.open_lines(path, 3)
    assert {version for _, version in opened} == {"HTTP/2.0"}
    assert len({peer for peer, _ in opened}) == 1


@pytest.mark.parametrize("origin", ["https://example.com", "https://localhost", "null"])
def test_is_refused_from_another_site(session, server, path, origin):
    response = request(session, server, path, {"Origin": origin})
    assert response.status_code == 403
    assert response.extension is None
    assert response.text


def test_is_accepted_from_the_same_site(session, server, path):
    _, ws = connect(session, server, path, {"Origin": f"https://localhost:{server.port}"})
    echo(ws, "hello")
    close(ws, 1000)
