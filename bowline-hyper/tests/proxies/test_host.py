"""What becomes of browsers where nginx keeps the Host that they asked for to itself."""

import pytest
from proxies import Proxy
from websockets.exceptions import InvalidStatus

LINE = "proxy_set_header Host $http_host;"


@pytest.fixture(scope="module")
def rewriting(server, authority, tmp_path_factory):
    directory = tmp_path_factory.mktemp("rewriting")
    with Proxy("nginx", server.port, authority, directory, without=LINE) as proxy:
        yield proxy


@pytest.mark.parametrize("front", ["plain", "tls"])
def test_no_page_may_connect_where_the_host_is_rewritten(rewriting, server, path, front):
    with pytest.raises(InvalidStatus) as refused:
        rewriting.connect(front, path, origin=rewriting.origin(front))
    assert refused.value.response.status_code == 403
    assert server.line(rf" {path}: refused (\d+)")[1] == "403"


def test_who_is_no_browser_may(rewriting, path):
    with rewriting.connect("plain", path) as ws:
        ws.send("hello")
        assert ws.recv() == "hello"
