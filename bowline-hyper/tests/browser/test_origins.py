"""Who may connect by default: pages of the same host and port, and no others."""

import pytest
from scripts import CLOSE

REFUSED = {"opened": False, "code": 1006, "reason": "", "wasClean": False}


def open_from(driver, page, socket):
    """What comes of a socket that a page opens."""
    driver.get(page)
    return driver.execute_async_script(CLOSE, socket, [], 1000, "")


def assert_refused(server, version, path):
    assert server.line(rf" {version} {path}: refused (\d+)")[1] == "403"


def test_a_page_of_another_port(driver, site, other_site, version, path):
    assert open_from(driver, site.page(), site.socket(path))["opened"]
    assert open_from(driver, other_site.page(), site.socket(path)) == REFUSED
    assert_refused(site.server, version, path)
    # The other page is as good at home.
    assert open_from(driver, other_site.page(), other_site.socket(path))["opened"]


@pytest.mark.parametrize(
    "page, socket", [("other.localhost", "localhost"), ("localhost", "other.localhost"), ("127.0.0.1", "localhost")]
)
def test_a_page_of_another_host(driver, site, path, page, socket):
    assert open_from(driver, site.page(page), site.socket(path, page))["opened"]
    assert open_from(driver, site.page(page), site.socket(path, socket)) == REFUSED
    # Over whichever kind of HTTP: the connection of one host is not for another.
    assert_refused(site.server, r"HTTP/\S+", path)


def test_a_page_without_an_origin(driver, site, path):
    """A sandboxed frame's, which says `Origin: null`."""
    frame = """
        const [url, done] = arguments;
        window.onmessage = ({ data }) => done(data);
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = `<script>
            const ws = new WebSocket("${url}");
            ws.onopen = () => parent.postMessage("opened", "*");
            ws.onerror = () => parent.postMessage("refused", "*");
        </script>`;
        document.body.append(frame);
    """
    driver.get(site.page())
    assert driver.execute_async_script(frame, site.socket(path)) == "refused"
    assert_refused(site.server, r"HTTP/\S+", path)
