"""undici (Node.js) as the client of hyper_echo, over HTTP/2."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from processes import Program

PROGRAM = Path(__file__).with_name("undici_client.mjs")


def command(server, authority, path, check):
    return ["node", PROGRAM, str(server.port), authority.ca, path, check]


def run(server, authority, path, check):
    """What the check saw."""
    done = subprocess.run(
        command(server, authority, path, check),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_http2(server, path, count=1):
    assert {version for _, version in server.open_lines(path, count)} == {"HTTP/2.0"}


CHECKS = {
    "echoes": [1000, "", True],  # bowline repeats the code, not the reason
    "echoes_a_burst": [1005, "", True],
    "agrees_on_a_subprotocol": "echo.v2",
    "agrees_to_compression": "permessage-deflate; server_no_context_takeover",
    "sees_response_headers": [200, "HTTP/2.0"],
    "gets_a_pong": "are you there?",
}


@pytest.mark.parametrize("check", CHECKS)
def test_check(server, authority, path, check):
    assert run(server, authority, path, check) == CHECKS[check]
    assert_http2(server, path)
    assert server.ended(path).startswith("closed")


def test_closes_with_each_code(server, authority, path):
    codes = [[1000, "", True], [3000, "", True], [4999, "", True], [1005, "", True]]
    assert run(server, authority, path, "closes_with_each_code") == codes
    ends = [server.ended(f"{path}/{i}") for i in range(4)]
    assert ends == ["closed 1000", "closed 3000 three", "closed 4999 Grüße 🚢", "closed"]
    assert_http2(server, f"{path}/0")


def test_is_closed_by_the_server(server, authority, path):
    assert run(server, authority, path, "is_closed_by_the_server") == [4001, "Grüße", True]


def test_answers_pings(server, authority, path):
    seen = run(server, authority, path, "answers_pings")
    assert seen == ["are you there?", "pong: are you there?"]
    assert server.ended(f"/ping{path}") == "closed 1000"


def test_shares_one_connection(server, authority, path):
    page = run(server, authority, path, "shares_one_connection")
    assert re.search(r"\bHTTP/2\.0\b", page), page
    sockets = server.open_lines(path, 5)
    assert len(sockets) == 5
    assert len({peer for peer, _ in sockets}) == 1
    assert_http2(server, path, 5)


def test_is_refused_from_another_site(server, authority, path):
    with Program(*command(server, authority, path, "is_refused")):
        assert server.line(rf"HTTP/2.0 {path}: refused (\d+)")[1] == "403"
