"""The servers and the browser, as the tests of tests/browser use them."""

import os
import shutil

import pytest
from authority import Authority
from processes import hyper_echo
from selenium import webdriver

PATIENCE = 20  # seconds, for a script


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Site:
    """A server, and the pages and sockets that it serves under each of its names."""

    def __init__(self, server, scheme):
        self.server = server
        self.scheme = scheme

    def page(self, host="localhost"):
        return f"{self.scheme}://{host}:{self.server.port}/"

    def socket(self, path, host="localhost"):
        return f"{self.scheme.replace('http', 'ws', 1)}://{host}:{self.server.port}{path}"


@pytest.fixture(scope="session")
def plain_site():
    with hyper_echo("--deflate") as server:
        yield Site(server, "http")


@pytest.fixture(scope="session")
def tls_site(authority):
    with hyper_echo("--deflate", *authority.tls) as server:
        yield Site(server, "https")


@pytest.fixture(params=["HTTP/1.1", "HTTP/2.0"])
def version(request):
    """Browsers speak HTTP/2 over TLS alone."""
    return request.param


@pytest.fixture
def site(request, version):
    return request.getfixturevalue({"HTTP/1.1": "plain_site", "HTTP/2.0": "tls_site"}[version])


@pytest.fixture
def other_site(site, authority):
    """Another server: the same host, another port."""
    flags = authority.tls if site.scheme == "https" else ()
    with hyper_echo(*flags) as server:
        yield Site(server, site.scheme)


@pytest.fixture(scope="session")
def driver(authority, tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.add_argument("--headless=new")
    # Continuous integration runs as root, for whom Chromium has no sandbox.
    options.add_argument("--no-sandbox")
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    # The one certificate, and no other that it would not take by itself.
    options.add_argument(f"--ignore-certificate-errors-spki-list={authority.fingerprint}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(PATIENCE)
        driver.set_page_load_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def path(request):
    """A path of the server's that is the test's own."""
    return "/" + "".join(c if c.isascii() and c.isalnum() else "-" for c in request.node.name)


def pytest_configure(config):
    program = "HYPER_ECHO_BIN"
    assert os.environ.get(program), f"{program} is not set: start the tests with tests/browser/run"
