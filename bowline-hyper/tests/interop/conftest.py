"""The servers and certificates, as the tests of tests/interop use them."""

import os
import sys
from pathlib import Path

import pytest
from authority import Authority
from processes import EchoServer, hyper_echo

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server(authority):
    """hyper_echo over TLS, with compression. Each test has paths of its own, by which its lines are told."""
    with hyper_echo("--deflate", *authority.tls) as server:
        yield server
        assert server.end() == 0


@pytest.fixture(scope="session")
def hypercorn(authority):
    with EchoServer(sys.executable, "-B", HERE / "hypercorn_server.py", *authority.tls) as server:
        yield server


@pytest.fixture
def path(request):
    """A path of the server's that is the test's own."""
    name = f"{request.module.__name__} {request.node.name}"
    return "/" + "".join(c if c.isascii() and c.isalnum() else "-" for c in name)


def pytest_configure(config):
    for program in ("HYPER_ECHO_BIN", "H2_CLIENT_BIN"):
        assert os.environ.get(program), f"{program} is not set: start the tests with tests/interop/run"
