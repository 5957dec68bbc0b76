"""The servers, the browsers and the chat's page, as the tests use them."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import websocket
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 10
SCREENSHOTS = Path(__file__).parents[2] / "target" / "screenshots"

# Notes each value of the state as it passes: it may be gone before a test looks.
RECORD_STATES = """
    const state = document.getElementById("state");
    window.states = [[state.dataset.state, state.textContent]];
    new MutationObserver(() => {
        const now = [state.dataset.state, state.textContent];
        if (now[0] !== window.states.at(-1)[0]) window.states.push(now);
    }).observe(state, { attributes: true, childList: true });
"""


class Server:
    """One process of an example after another, all on the port that the first one got."""

    def __init__(self, program, *arguments):
        self.program = program
        self.arguments = arguments
        self.port = 0
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [os.environ[self.program], f"127.0.0.1:{self.port}", *self.arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(r"(?:\w+:|listening on) \w+://127\.0\.0\.1:(\d+)/?\n", line)
        assert match, f"the server said {line!r}"
        self.port = int(match[1])

    def end(self, signum):
        """Sends the signal and returns the exit status."""
        self.process.send_signal(signum)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stdout.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def connect(self, **options):
        """A WebSocket without a browser."""
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/ws", timeout=PATIENCE, **options
        )

    def guest(self, name):
        """Somebody in the room without a browser."""
        ws = self.connect()
        ws.send(json.dumps({"type": "join", "name": name}))
        assert json.loads(ws.recv())["type"] == "welcome"
        return ws


class Page:
    """The chat's page in one browser."""

    def __init__(self, driver, url):
        self.driver = driver
        driver.get(url)
        driver.execute_script(RECORD_STATES)

    def __getitem__(self, element_id):
        return self.driver.find_element(By.ID, element_id)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def until(self, condition, what):
        """Waits for the condition, and says what was missing where it does not come."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05)
        return wait.until(lambda _: condition(), f"waited in vain until {what}")

    def until_state(self, state):
        self.until(lambda: self.state == state, f"the state is {state}, not {self.state}")

    def until_closed_with(self, code):
        self.until(lambda: self.last_close.startswith(f"{code} "), f"{code} is shown")

    def until_people(self, *people):
        self.until(lambda: self.people == list(people), f"the people are {people}")

    def until_said(self, name, text):
        self.until(lambda: (name, text) in self.messages, f"{name} has said {text!r}")

    def ask_to_join(self, name):
        self["name"].clear()
        self["name"].send_keys(name)
        self["join"].click()

    def join(self, name):
        self.ask_to_join(name)
        self.until(lambda: self["send"].is_enabled(), f"{name} has joined")

    def say(self, text):
        self["text"].click()
        # The driver's own keys stop at U+FFFF.
        self.cdp("Input.insertText", text=text)
        self["send"].click()

    @property
    def state(self):
        return self["state"].get_attribute("data-state")

    @property
    def states(self):
        return [tuple(state) for state in self.script("return window.states")]

    @property
    def last_close(self):
        return self.script("return document.getElementById('last-close').textContent")

    @property
    def people(self):
        return self.script(
            "return [...document.querySelectorAll('#people .name')].map((name) => name.textContent)"
        )

    @property
    def messages(self):
        return [(name, text) for name, text, _ in self.lines]

    @property
    def lines(self):
        return self.script(
            "return [...document.querySelectorAll('#messages .message')].map((line) =>"
            " ['.name', '.text', 'time'].map((part) => line.querySelector(part).textContent))"
        )

    @property
    def focus(self):
        return self.script("return document.activeElement.id")


@pytest.fixture
def server():
    server = Server("CHAT_BIN")
    server.start()
    yield server
    server.end(signal.SIGKILL)


@pytest.fixture
def echo_server():
    server = Server("ECHO_SERVER_BIN", "--deflate")
    server.start()
    yield server
    server.end(signal.SIGKILL)


def new_driver(profile):
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            pytest.exit(f"no {program}: apt-get install chromium chromium-driver", returncode=1)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.add_argument("--headless=new")
    # Continuous integration runs as root, for whom Chromium has no sandbox.
    options.add_argument("--no-sandbox")
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--window-size=1280,900")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options, service)


@pytest.fixture(scope="session")
def drivers(tmp_path_factory):
    """Two browsers that share nothing. All tests use them: starting one takes a second or two."""
    drivers = []
    try:
        for name in ("first", "second"):
            drivers.append(new_driver(tmp_path_factory.mktemp(name)))
        yield drivers
    finally:
        for driver in drivers:
            driver.quit()


@pytest.fixture
def page_url(server):
    """Where the browsers get the page from."""
    return server.url


@pytest.fixture
def console(request, drivers):
    """Sees to it that no browser has an error in its console at the end."""
    yield
    expected = request.node.get_closest_marker("console")
    for driver in drivers:
        driver.get("about:blank")
        errors = [
            entry["message"]
            for entry in driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
            and not (expected and re.search(expected.args[0], entry["message"]))
        ]
        assert not errors


@pytest.fixture
def pages(page_url, drivers, console):
    """The page in both browsers."""
    return [Page(driver, page_url) for driver in drivers]


@pytest.fixture
def page(pages):
    return pages[0]


def pytest_configure(config):
    config.addinivalue_line("markers", "console(pattern): console errors that the test provokes")
    for program in ("CHAT_BIN", "ECHO_SERVER_BIN"):
        assert os.environ.get(program), f"{program} is not set: start the tests with tests/browser/run"
