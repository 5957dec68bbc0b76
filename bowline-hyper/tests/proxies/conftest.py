"""The servers and the proxies, as the tests of tests/proxies use them."""

import os

import pytest
from authority import Authority
from processes import hyper_echo
from proxies import PORTS, Proxy

FRONTS = [(kind, front) for kind, fronts in PORTS.items() for front in fronts]


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server():
    """hyper_echo behind the proxies. Each test has paths of its own, by which its lines are told."""
    with hyper_echo("--deflate") as server:
        yield server


@pytest.fixture(scope="session")
def proxies(server, authority, tmp_path_factory):
    """One of each kind, for all tests that need nothing else."""
    nginx = Proxy("nginx", server.port, authority, tmp_path_factory.mktemp("nginx"))
    with nginx, Proxy("haproxy", server.port, authority, tmp_path_factory.mktemp("haproxy")) as haproxy:
        yield {"nginx": nginx, "haproxy": haproxy}


@pytest.fixture
def path(request):
    """A path of the server's that is the test's own."""
    return "/" + "".join(c if c.isascii() and c.isalnum() else "-" for c in request.node.name)


def pytest_generate_tests(metafunc):
    if {"kind", "front"} <= set(metafunc.fixturenames):
        ids = [f"{kind} {front}" for kind, front in FRONTS]
        metafunc.parametrize("kind, front", FRONTS, ids=ids)


def pytest_configure(config):
    for program in ("HYPER_ECHO_BIN", "H2_CLIENT_BIN"):
        assert os.environ.get(program), f"{program} is not set: start the tests with tests/proxies/run"
