"""Sockets of a page of the same host. Over HTTP/2 they are streams of the connection that the page came over."""

import pytest
from scripts import CLOSE, ECHO, FIRST

# What a server answers that nobody has told anything.
AGREED = "permessage-deflate; server_no_context_takeover"


@pytest.fixture(autouse=True)
def page(driver, site, version):
    """The page, over the kind of HTTP that the sockets are to take; with nothing in its console at the end."""
    driver.get(site.page())
    assert f"this page came over {version}" in driver.page_source
    driver.get_log("browser")  # what is said of an icon
    yield
    assert driver.get_log("browser") == []


@pytest.mark.parametrize("order", ["one by one", "all at once"])
def test_echoes(driver, site, version, path, order):
    results = driver.execute_async_script(ECHO, [site.socket(path)], order)
    echoed = {"extensions": AGREED, "missing": 0, "wrong": [], "code": 1000, "wasClean": True}
    assert results == [echoed]
    assert site.server.open_lines(path)[0][1] == version
    assert site.server.ended(path) == "closed 1000"


def test_several_sockets(driver, site, version, path):
    results = driver.execute_async_script(ECHO, [site.socket(path)] * 4, "all at once")
    assert [(result["missing"], result["wrong"], result["code"]) for result in results] == [(0, [], 1000)] * 4
    opened = site.server.open_lines(path, 4)
    assert {seen for _, seen in opened} == {version}
    # One connection, or one for each.
    assert len({peer for peer, _ in opened}) == {"HTTP/2.0": 1, "HTTP/1.1": 4}[version]


@pytest.mark.parametrize(
    "code, reason, seen, said",
    [
        (1000, "", 1000, "closed 1000"),
        (3000, "three", 3000, "closed 3000 three"),
        (4999, "Grüße 🚢", 4999, "closed 4999 Grüße 🚢"),
        (None, "", 1005, "closed"),
    ],
    ids=["1000", "3000", "4999", "none"],
)
def test_the_pages_close(driver, site, version, path, code, reason, seen, said):
    result = driver.execute_async_script(CLOSE, site.socket(path), [], code, reason)
    # Chromium shows the code that the server repeats, and no reason.
    assert (result["opened"], result["code"], result["wasClean"]) == (True, seen, True)
    assert site.server.ended(path) == said
    assert site.server.open_lines(path)[0][1] == version


@pytest.mark.parametrize("code, reason", [(1000, "done"), (1012, "restart"), (4001, "enough")])
def test_the_servers_close(driver, site, code, reason):
    url = site.socket(f"/close/{code}/{reason}")
    result = driver.execute_async_script(CLOSE, url, [], -1, "")
    closed = {"opened": True, "protocol": "", "code": code, "reason": reason, "wasClean": True}
    assert result == closed


def test_agrees_on_a_subprotocol(driver, site, path):
    offered = ["other", "echo.v1", "echo.v2"]
    result = driver.execute_async_script(CLOSE, site.socket(path), offered, 1000, "")
    assert (result["opened"], result["protocol"]) == (True, "echo.v2")


def test_answers_pings(driver, site, path):
    assert driver.execute_async_script(FIRST, site.socket(f"/ping{path}")) == "pong: are you there?"
