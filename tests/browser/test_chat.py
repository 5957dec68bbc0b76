"""The chat example in Chromium: two people, one server, and what can happen to them."""

import functools
import http.client
import http.server
import json
import re
import signal
import socket
import struct
import threading

import pytest
import websocket
from conftest import SCREENSHOTS
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

NOT_CONNECTED = r"WebSocket connection to 'ws://127\.0\.0\.1:\d+/ws' failed"


# Talking


def test_two_people_talk(pages):
    ada, grace = pages
    ada.join("Ada")
    grace.join("Grace")
    said = [
        ("Ada", "Hello, Grace"),
        ("Grace", "Grüße, приве́т, こんにちは"),
        ("Ada", "👋🏽 👩‍🚀 🏳️‍🌈"),
        ("Grace", "<b>bold</b> & <img src=x onerror=alert(1)>"),
        ("Ada", "two\nlines"),
    ]
    for name, text in said:
        speaker = ada if name == "Ada" else grace
        speaker.say(text)
        for page in pages:
            page.until_said(name, text)
    for page in pages:
        assert page.messages == said
        assert [time for _, _, time in page.lines if not re.match(r"\d+:\d\d\b", time)] == []
        assert page.script("return document.querySelectorAll('#messages :is(b, img)').length") == 0
    own = "return [...document.querySelectorAll('.own .text')].map((text) => text.textContent)"
    assert ada.script(own) == [text for name, text in said if name == "Ada"]


def test_people_come_and_go(pages):
    ada, grace = pages
    ada.join("Ada")
    ada.until_people("Ada")
    grace.join("grace")
    for page in pages:
        page.until_people("Ada", "grace")
    # The browser keeps the page that is left for the Back button; its connection must not stay.
    grace.driver.get("about:blank")
    ada.until_people("Ada")
    grace.driver.back()
    for page in pages:
        page.until_people("Ada", "grace")
    events = "return [...document.querySelectorAll('.event .text')].map((text) => text.textContent)"
    assert ada.script(events) == ["You joined", "grace joined", "grace left", "grace joined"]


def test_a_late_joiner_sees_the_last_50_messages(server, pages):
    ada, grace = pages
    ada.join("Ada")
    assert ada["empty"].is_displayed()
    guest = server.guest("Guest")
    for number in range(51):
        guest.send(json.dumps({"type": "say", "text": f"line {number}"}))
    ada.until_said("Guest", "line 50")
    assert not ada["empty"].is_displayed()
    grace.join("Grace")
    assert grace.messages == [("Guest", f"line {number}") for number in range(1, 51)]


def test_the_log_stays_where_its_reader_is(server, page):
    page.join("Ada")
    guest = server.guest("Guest")

    def say(text):
        guest.send(json.dumps({"type": "say", "text": text}))
        page.until_said("Guest", text)

    for number in range(40):
        say(f"line {number}")
    at_end = "const log = document.getElementById('log');" \
        "return log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    assert page.script(at_end)
    page.script("document.getElementById('log').scrollTop = 0")
    page.until(lambda: not page.script("return following"), "the page has seen the scrolling")
    say("news")
    assert page["newest"].text == "1 new message ↓"
    assert page.script("return document.getElementById('log').scrollTop") == 0
    page["newest"].click()
    page.until(lambda: page.script(at_end), "the log is at its end")
    page.until(lambda: not page["newest"].is_displayed(), "the button is gone")


# Refusals


def test_a_taken_name_is_refused(pages):
    ada, other = pages
    ada.join("Ada")
    other.ask_to_join("ada")
    error = other["name-error"]
    other.until(lambda: error.text == "“ada” is here already.", "the refusal is shown")
    assert error.is_displayed()
    assert other["name"].get_attribute("aria-invalid") == "true"
    assert other.state == "open"
    ada.until_people("Ada")
    # The free variant is one click away, and the connection is still the first one.
    assert other["suggestion"].text == "Use “ada 2”"
    other["suggestion"].click()
    other.until_people("Ada", "ada 2")
    assert other.states == [("closed", "Closed"), ("connecting", "Connecting"), ("open", "Open")]


def test_an_empty_name_is_refused(page):
    page.ask_to_join("   ")
    assert page["name-error"].text == "Please give a name."
    assert page.focus == "name"
    assert page.state == "closed"


def close_code(ws):
    """Reads up to the close frame, which must give a reason too."""
    while True:
        opcode, payload = ws.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            assert payload[2:]
            return struct.unpack("!H", payload[:2])[0]


@pytest.mark.parametrize(
    "messages, code",
    [
        (["{"], 1003),
        (['{"type":"dance"}'], 1003),
        ([b"\x00"], 1003),
        (['{"type":"say","text":"first"}'], 1008),
        (['{"type":"join","name":"A"}', '{"type":"join","name":"B"}'], 1008),
    ],
)
def test_nonsense_is_closed_with_a_reason(server, messages, code):
    ws = server.connect()
    for message in messages:
        if isinstance(message, str):
            ws.send(message)
        else:
            ws.send_binary(message)
    assert close_code(ws) == code


@pytest.mark.parametrize("name", ["", "x" * 33, "a\nb"])
def test_bad_names_are_refused(server, name):
    ws = server.connect()
    ws.send(json.dumps({"type": "join", "name": name}))
    assert json.loads(ws.recv())["type"] == "refused"
    ws.send(json.dumps({"type": "join", "name": "x" * 32}))
    assert json.loads(ws.recv())["type"] == "welcome"


def test_long_texts_are_refused(server):
    guest = server.guest("Guest")
    assert json.loads(guest.recv())["type"] == "joined"
    guest.send(json.dumps({"type": "say", "text": "😀" * 2001}, ensure_ascii=False))
    assert json.loads(guest.recv())["type"] == "refused"
    guest.send(json.dumps({"type": "say", "text": "😀" * 2000}))
    assert json.loads(guest.recv())["text"] == "😀" * 2000


def test_slow_readers_are_dropped(server):
    # A small buffer, and nobody reading from it.
    slow = server.connect(sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
    slow.send('{"type":"join","name":"Slow"}')
    guest = server.guest("Guest")
    line = json.dumps({"type": "say", "text": "😀" * 2000}, ensure_ascii=False)
    # As much as the kernel's buffers hold, then 64 more; the guest reads what comes back.
    for _ in range(10_000):
        guest.send(line)
        if json.loads(guest.recv()) == {"type": "left", "name": "Slow", "people": ["Guest"]}:
            break
    else:
        pytest.fail("nobody was dropped")
    # What had been sent before arrives, and after it the reason.
    assert close_code(slow) == 1013


# HTTP


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/", 200), ("HEAD", "/", 200), ("POST", "/", 405), ("GET", "/other", 404)],
)
def test_http(server, method, path, status):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, path)
    response = connection.getresponse()
    assert response.status == status
    body = response.read()
    if status == 405:
        assert response.getheader("Allow").replace(" ", "") == "GET,HEAD"
    if status == 200:
        assert (b"<title>Bowline chat</title>" in body) == (method == "GET")


@pytest.mark.parametrize(
    "path, origin, status",
    [
        ("/ws", "http://127.0.0.1:{}", 101),
        ("/ws", None, 101),
        ("/ws", "http://127.0.0.1", 403),
        ("/ws", "http://127.0.0.1:{}.example.com", 403),
        ("/ws", "null", 403),
        ("/other", None, 404),
    ],
)
def test_who_may_open_a_websocket(server, path, origin, status):
    options = {"suppress_origin": True}
    if origin:
        options = {"origin": origin.format(server.port)}
    connect = functools.partial(
        websocket.create_connection, f"ws://127.0.0.1:{server.port}{path}", timeout=10, **options
    )
    if status == 101:
        connect().close()
    else:
        with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
            connect()
        assert refusal.value.status_code == status


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another site, whose page tries to get into the chat whose port its query names."""

    PAGE = b"""<!doctype html><link rel=icon href=data:,><p id=result>trying</p><script>
        const ws = new WebSocket(`ws://127.0.0.1:${location.search.slice(1)}/ws`);
        ws.onopen = () => ws.send('{"type":"join","name":"Stranger"}');
        ws.onclose = ({ code }) => { document.getElementById("result").textContent = code; };
    </script>"""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.PAGE)

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{stranger.server_port}/"
        stranger.shutdown()


@pytest.mark.console(NOT_CONNECTED)
def test_a_page_of_another_site_is_refused(server, pages, stranger):
    ada, other = pages
    ada.join("Ada")
    other.driver.get(f"{stranger}?{server.port}")
    other.until(lambda: other["result"].text == "1006", "the stranger is refused")
    # Whoever comes next sees whether anybody came in.
    guest = server.guest("Guest")
    ada.until_people("Ada", "Guest")
    guest.close()


# Closing


def close(page, code, reason=""):
    if code == 1000:
        Select(page["code"]).select_by_value("1000")
    else:
        Select(page["code"]).select_by_value("custom")
        page["custom"].clear()
        page["custom"].send_keys(str(code))
    page["reason"].clear()
    page["reason"].send_keys(reason)
    page["close"].click()


@pytest.mark.parametrize("code, meaning", [(1000, "Normal closure"), (4321, "of this application")])
def test_the_user_closes(server, page, code, meaning):
    page.join("Ada")
    close(page, code, "that was all")
    page.until_closed_with(code)
    assert meaning in page.last_close
    assert page.states == [
        ("closed", "Closed"),
        ("connecting", "Connecting"),
        ("open", "Open"),
        ("closing", "Closing"),
        ("closed", "Closed"),
    ]
    assert not page["send"].is_enabled()
    # Their own wish: no reconnect.
    assert page["notice-text"].text == "You closed the connection"
    assert page.script("return retryTimer") == 0
    page["connect"].click()
    page.until_people("Ada")
    assert page.state == "open"


def test_codes_and_reasons_are_checked(page):
    page.join("Ada")
    close(page, 2999)
    assert page["close-error"].text == "Codes of your own: 3000 to 4999."
    close(page, 3000, "é" * 62)
    assert page["close-error"].text == "A reason has at most 123 bytes."
    assert page.state == "open"
    close(page, 3000, "é" * 61)
    page.until_closed_with(3000)
    assert "of a library" in page.last_close


@pytest.mark.console(NOT_CONNECTED)
def test_the_server_is_killed_and_comes_back(server, page):
    page.join("Ada")
    page.say("before")
    page.until_said("Ada", "before")
    server.end(signal.SIGKILL)
    page.until_closed_with(1006)
    assert page["notice-text"].text == "Connection lost"
    page.until(lambda: re.fullmatch(r"Reconnecting in \d+ s", page["retry"].text), "it counts down")
    assert not page["send"].is_enabled()
    server.start()
    page.until_people("Ada")
    assert page.state == "open"
    page.say("after")
    page.until_said("Ada", "after")
    assert page.messages == [("Ada", "before"), ("Ada", "after")]


@pytest.mark.console(NOT_CONNECTED)
def test_reconnecting_can_be_stopped(server, page):
    page.join("Ada")
    server.end(signal.SIGKILL)
    page.until_closed_with(1006)
    # Late enough for the test to be sure that nothing but the button connects.
    page.script("stopTimers(); failures = 20; retryLater('Connection lost')")
    page["stop"].click()
    assert page["notice-text"].text == "Not connected"
    assert page.script("return retryTimer") == 0
    server.start()
    page["reconnect"].click()
    page.until_people("Ada")


@pytest.mark.console(NOT_CONNECTED)
def test_the_server_is_interrupted(server, pages):
    ada, grace = pages
    ada.join("Ada")
    grace.join("Grace")
    assert server.end(signal.SIGINT) == 0
    for page in pages:
        page.until_closed_with(1001)
        assert "The server is shutting down" in page.last_close
        # The attempts that fail from now on do not hide it.
        page.until(lambda: page["notice-text"].text == "The server does not answer", "it tries")
        assert page.last_close.startswith("1001 ")


# Getting around


def press(page, *keys):
    ActionChains(page.driver).send_keys(*keys).perform()


def tab_to(page, element_id):
    """Presses Tab until the element has the focus, and returns what had it on the way."""
    way = []
    for _ in range(12):
        press(page, Keys.TAB)
        if page.focus == element_id:
            return way
        way.append(page.focus)
    pytest.fail(f"Tab never reaches {element_id}: {way}")


def test_the_keyboard_is_enough(page):
    assert tab_to(page, "name") == []
    press(page, "Ada", Keys.ENTER)
    page.until(lambda: page.focus == "text", "joining moves on to the message")
    press(page, "by hand", Keys.ENTER)
    page.until_said("Ada", "by hand")
    assert page.focus == "text"
    assert page["text"].get_attribute("value") == ""
    assert tab_to(page, "close") == ["send", "code", "reason"]
    press(page, Keys.ESCAPE)
    assert page.focus == "text"
    tab_to(page, "close")
    press(page, Keys.ENTER)
    page.until_closed_with(1000)
    # The button that had the focus is disabled now; the next one to press has it.
    page.until(lambda: page.focus == "connect", "the focus is not lost")
    press(page, Keys.ENTER)
    page.until(lambda: page.focus == "text", "the page has joined again")


# Looks

DESKTOP = (1280, 800)
PHONE = (390, 844)
SMALL = (360, 640)


@pytest.fixture
def view(page):
    """Sets the size of the window and the colour scheme."""

    def view(size, scheme="light"):
        width, height = size
        page.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.cdp("Emulation.setEmulatedMedia", features=features)

    yield view
    page.cdp("Emulation.clearDeviceMetricsOverride")
    page.cdp("Emulation.setEmulatedMedia", features=[])


TALK = [
    ("Margaret", "Morning! Did the harbour tests go through last night?"),
    ("Ada", "All of them. The slow one took 41 s, the rest nothing to speak of."),
    ("Ada", "I left the numbers in the usual place."),
    ("Linus", "Nice. One question: what happens to somebody who reads too slowly?"),
    ("Grace", "They are let go with 1013, and their page comes back by itself a moment later."),
    ("Grace", "You can try it: stop the process for a while, then let it run again."),
    ("Margaret", "That beats waiting for them, which is what the old one did. How long may a queue "
        "get before that? We had people on trains, and a tunnel is long enough to fall behind "
        "without being gone."),
    ("Ada", "64 messages. Enough for a tunnel, not for a weekend."),
    ("Linus", "Reading it now: https://example.org/a/very/long/address/without/a/single/space/in/"
        "it/that/has/to/wrap/somewhere"),
    ("Ada", "Tell me what you think."),
]


@pytest.fixture
def talk(server, page):
    """A room with people in it who have talked."""
    guests = {name: server.guest(name) for name in ("Grace", "Linus", "Margaret")}
    page.join("Ada")
    for name, text in TALK:
        if name == "Ada":
            page.say(text)
        else:
            guests[name].send(json.dumps({"type": "say", "text": text}))
        page.until_said(name, text)
    return guests


@pytest.mark.parametrize("size", [DESKTOP, PHONE, SMALL])
def test_nothing_overflows_or_jumps(page, view, size):
    view(size)
    boxes = (
        "return ['state', 'log', 'text', 'send'].map((id) => {"
        " const box = document.getElementById(id).getBoundingClientRect();"
        " return [box.x, box.y, box.width, box.height]; })"
    )
    overflow = "return document.documentElement.scrollWidth - innerWidth"
    before = page.script(boxes)
    page.ask_to_join("W" * 32)
    page.until(lambda: page["send"].is_enabled(), "the page has joined")
    page.say("x" * 500)
    page.until_said("W" * 32, "x" * 500)
    assert page.script(overflow) <= 0
    assert page.script(boxes) == before
    page.script("close(1000, 'y'.repeat(123))")
    page.until_closed_with(1000)
    assert page.script(overflow) <= 0
    assert page.script(boxes) == before


def test_a_narrow_screen_has_the_details_behind_a_button(page, view):
    view(PHONE)
    page.join("Ada")
    assert not page["people"].is_displayed()
    assert page["details"].text == "1 here"
    page["details"].click()
    assert page["people"].is_displayed()
    assert page["close"].is_displayed()
    press(page, Keys.ESCAPE)
    assert not page["people"].is_displayed()
    assert page.focus == "text"


@pytest.mark.parametrize("name, size", [("desktop", DESKTOP), ("phone", PHONE)])
def test_screenshots(talk, page, view, name, size):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        view(size, scheme)
        # Off the buttons, so that none looks hovered over.
        ActionChains(page.driver).move_to_element(page["log"]).perform()
        dark = page.script("return matchMedia('(prefers-color-scheme: dark)').matches")
        assert dark == (scheme == "dark")
        path = SCREENSHOTS / f"chat-{scheme}-{name}.png"
        assert page.driver.save_screenshot(str(path))
        assert path.stat().st_size > 10_000
