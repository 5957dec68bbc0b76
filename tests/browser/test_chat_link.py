"""The chat example in Chromium, as one room over two processes with a NATS server between them."""

import shutil
import signal
import socket
import subprocess

import pytest
from conftest import SCREENSHOTS, Page, Server
from selenium.webdriver.common.action_chains import ActionChains

DESKTOP = (1280, 800)
PHONE = (390, 844)
SMALL = (360, 640)


OVERFLOW = "return document.documentElement.scrollWidth - innerWidth"
# Between the name, what it says of the connection, and what is beside.
GAPS = """
    const range = new Range();
    range.selectNodeContents(document.querySelector("header h1"));
    const box = (id) => document.getElementById(id).getBoundingClientRect();
    const [left, right] = [Math.min(box("state").left, box("link").left), box("link").right];
    const details = box("details");
    return Math.min(
        left - range.getBoundingClientRect().right,
        (details.width ? details.left : document.querySelector("header").getBoundingClientRect().right) - right,
    );
"""


class Nats:
    """A NATS server on a port that stays the same."""

    def __init__(self):
        if not shutil.which("nats-server"):
            pytest.exit("no nats-server: apt-get install nats-server", returncode=1)
        # Below those of outgoing connections: nobody takes it while the server is away.
        for self.port in range(21_500, 21_600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    break
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-l", "/dev/null"]
        )

    def kill(self):
        self.process.kill()
        self.process.wait()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"


@pytest.fixture
def nats():
    nats = Nats()
    nats.start()
    yield nats
    nats.kill()


@pytest.fixture
def servers(nats):
    servers = [Server("CHAT_BIN", "--nats", nats.url) for _ in range(2)]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.end(signal.SIGKILL)


@pytest.fixture
def pages(servers, drivers, console):
    """The page in each browser, from a server of its own."""
    return [Page(driver, server.url) for driver, server in zip(drivers, servers)]


def link(page):
    """What the page says about the link; nothing where it's hidden."""
    return (page["link"].get_attribute("data-link"), page["link"].text)


def until_linked(page):
    page.until(lambda: link(page) == ("joined", "All servers"), "it is linked")


def until_local(page):
    page.until(lambda: link(page) == ("local", "This server only"), "it is local")


def events(page):
    return page.script(
        "return [...document.querySelectorAll('.event .text')].map((text) => text.textContent)"
    )


def test_the_page_says_who_is_in_reach(nats, servers, pages):
    ada, grace = pages
    assert not ada["link"].is_displayed()
    ada.join("Ada")
    grace.join("Grace")
    for page in pages:
        until_linked(page)
        page.until_people("Ada", "Grace")
    ada.say("across")
    grace.until_said("Ada", "across")

    nats.kill()
    for page, name in ((ada, "Ada"), (grace, "Grace")):
        until_local(page)
        page.until_people(name)
        assert page.state == "open"
    ada.say("here")
    ada.until_said("Ada", "here")
    assert events(ada)[-1] == (
        "The other servers are out of reach: only people on this one hear you now"
    )

    # Several at once are one line.
    guests = [servers[0].guest(f"Guest {number}") for number in range(5)]
    nats.start()
    for page in pages:
        until_linked(page)
        page.until(lambda: len(page.people) == 7, "everybody is seen")
    assert "Linked to the other servers" in events(grace)
    assert events(grace)[-1] == "Ada, Guest 0, Guest 1 and 3 others joined"
    ada.say("across again")
    grace.until_said("Ada", "across again")
    assert grace.messages == [("Ada", "across"), ("Ada", "across again")]
    for guest in guests:
        guest.close()


def test_a_lost_connection_says_nothing_of_the_link(servers, pages):
    page = pages[0]
    page.join("Ada")
    until_linked(page)
    page.script("close(1000, '')")
    page.until_closed_with(1000)
    assert not page["link"].is_displayed()


@pytest.mark.parametrize("name, size", [("desktop", DESKTOP), ("phone", PHONE), ("small", SMALL)])
def test_screenshots(nats, servers, pages, name, size):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = pages[0]
    width, height = size
    page.cdp(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=height, deviceScaleFactor=1, mobile=False,
    )
    try:
        page.join("Ada")
        pages[1].join("Grace")
        page.until_people("Ada", "Grace")
        pages[1].say("I am on the other server. Do you hear me?")
        page.until_said("Grace", "I am on the other server. Do you hear me?")
        page.say("As if you were on this one.")
        for state, until in (("joined", until_linked), ("local", until_local)):
            if state == "local":
                nats.kill()
            until(page)
            for scheme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                page.cdp("Emulation.setEmulatedMedia", features=features)
                ActionChains(page.driver).move_to_element(page["log"]).perform()
                assert page.script(OVERFLOW) <= 0
                assert page.script(GAPS) >= 8
                path = SCREENSHOTS / f"chat-link-{state}-{scheme}-{name}.png"
                assert page.driver.save_screenshot(str(path))
    finally:
        page.cdp("Emulation.clearDeviceMetricsOverride")
        page.cdp("Emulation.setEmulatedMedia", features=[])
