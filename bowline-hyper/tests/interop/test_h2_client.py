"""The example h2_client as the client of hypercorn (Python), and of hyper_echo."""

import os
import subprocess

import pytest
from processes import hyper_echo


def run(*arguments):
    """(exit status, lines of output, lines of errors)"""
    done = subprocess.run(
        [os.environ["H2_CLIENT_BIN"], *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def talk(number, size, protocol="none", text=len("hello from socket 1"), code=1000):
    """What it says of a socket that was echoed."""
    return [
        f"socket {number}: open, 200 OK, subprotocol {protocol}",
        f"socket {number}: {text} and {size} bytes came back",
        f"socket {number}: closed, {code}",
    ]


@pytest.fixture(params=["hypercorn", "hyper_echo"])
def peer(request):
    return request.getfixturevalue({"hypercorn": "hypercorn", "hyper_echo": "server"}[request.param])


def uri(peer, path):
    return f"wss://localhost:{peer.port}{path}"


@pytest.mark.parametrize("flags", [[], ["--deflate"]], ids=["plain", "deflate"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20, 5 << 20])
def test_echoes(peer, authority, path, size, flags):
    talks = uri(peer, path), "--ca", authority.ca, "--sockets", 1, "--size", size, *flags
    assert run(*talks) == (0, talk(1, size), [])


@pytest.mark.parametrize("sockets", [2, 20])
def test_shares_one_connection(peer, authority, path, sockets):
    status, lines, errors = run(uri(peer, path), "--ca", authority.ca, "--sockets", sockets, "--size", 200_000)
    assert (status, errors) == (0, [])
    expected = []
    for number in range(1, sockets + 1):
        expected += talk(number, 200_000, text=len(f"hello from socket {number}"))
    assert sorted(lines) == sorted(expected)
    opened = peer.open_lines(path, sockets)
    assert {version for _, version in opened} == {"HTTP/2.0"}
    assert len({address for address, _ in opened}) == 1


@pytest.mark.parametrize(
    "offered, agreed",
    [(["echo.v1"], "echo.v1"), (["other", "echo.v1", "echo.v2"], "echo.v2"), (["other"], "none")],
)
def test_agrees_on_a_subprotocol(peer, authority, path, offered, agreed):
    flags = [word for name in offered for word in ("--protocol", name)]
    status, lines, _ = run(uri(peer, path), "--ca", authority.ca, "--sockets", 1, "--size", 1, *flags)
    assert (status, lines) == (0, talk(1, 1, agreed))


def test_is_closed_by_the_server(peer, authority):
    status, lines, errors = run(uri(peer, "/close/4001/enough"), "--ca", authority.ca, "--sockets", 1)
    assert status == 1
    assert lines == ["socket 1: open, 200 OK, subprotocol none"]
    # hypercorn may drop the connection then.
    assert "h2_client: socket 1: closed by the server: 4001 enough" in errors


def test_is_refused(hypercorn, authority):
    refusal = "h2_client: socket 1: refused, 403 Forbidden: not for you"
    assert run(uri(hypercorn, "/refused"), "--ca", authority.ca) == (1, [], [refusal])


def test_speaks_http2_at_once_without_tls(path):
    with hyper_echo() as server:
        status, lines, errors = run(f"ws://127.0.0.1:{server.port}{path}", "--size", 1000)
        assert (status, errors) == (0, [])
        assert len(lines) == 9
        assert {version for _, version in server.open_lines(path, 3)} == {"HTTP/2.0"}
        assert [server.ended(path, count) for count in (1, 2, 3)] == ["closed 1000 bye"] * 3


def test_trusts_nobody_else(server):
    assert run(uri(server, "/")) == (1, [], ["h2_client: wss:// needs --ca FILE.pem"])


def test_goes_away_with_its_server(path):
    """SIGTERM closes what is open, on both kinds of HTTP."""
    from websockets.sync.client import connect

    with hyper_echo() as server:
        with connect(f"ws://127.0.0.1:{server.port}{path}") as ws:
            ws.send("here")
            assert ws.recv(timeout=10) == "here"
            assert server.end() == 0
            with pytest.raises(Exception) as closed:
                ws.recv(timeout=10)
            assert closed.value.rcvd.code == 1001
