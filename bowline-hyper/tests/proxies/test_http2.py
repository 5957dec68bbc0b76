"""Clients that speak HTTP/2 with the proxy."""

import os
import subprocess

import pytest


def run_client(proxy, front, path, *flags):
    """(exit status, lines of output, lines of errors)"""
    command = [os.environ["H2_CLIENT_BIN"], proxy.url(front, path), "--ca", proxy.authority.ca, *flags]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("front, version", [("tls", "HTTP/1.1"), ("tls to h2", "HTTP/2.0")])
def test_haproxy_takes_them(proxies, server, path, front, version):
    status, lines, errors = run_client(
        proxies["haproxy"], front, path, "--sockets", "5", "--protocol", "echo.v1", "--deflate"
    )
    assert (status, errors) == (0, [])
    for number in range(1, 6):
        assert f"socket {number}: open, 200 OK, subprotocol echo.v1" in lines
        assert f"socket {number}: 19 and 1048576 bytes came back" in lines
        assert f"socket {number}: closed, 1000" in lines
    assert {seen for _, seen in server.open_lines(path, 5)} == {version}
    assert server.ended(path, 5) == "closed 1000 bye"


@pytest.mark.parametrize("front", ["tls", "tls to h2"])
def test_haproxy_passes_a_close(proxies, front):
    status, _, errors = run_client(proxies["haproxy"], front, "/close/4001/enough", "--sockets", "1")
    assert status == 1
    assert "h2_client: socket 1: closed by the server: 4001 enough" in errors


def test_nginx_does_not(proxies, path):
    """It doesn't say that it would, and so nobody tries."""
    problem = "h2_client: socket 1: the server does not offer WebSocket over HTTP/2 (RFC 8441)"
    assert run_client(proxies["nginx"], "tls", path) == (1, [], [problem])
