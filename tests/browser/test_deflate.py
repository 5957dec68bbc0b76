"""permessage-deflate in Chromium: what its sockets agree on with bowline, and what really passes."""

import http.server
import json
import threading

import pytest
from wire import Wire

# What Chromium offers, and what a server that nobody has told anything answers.
OFFER = "permessage-deflate; client_max_window_bits"
AGREED = "permessage-deflate; server_no_context_takeover"

# The page keeps its socket to itself.
KEEP_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...parameters) {
            super(...parameters);
            window.sockets.push(this);
        }
    };
"""


@pytest.fixture
def wire(server):
    wire = Wire(server.port)
    yield wire
    wire.close()


@pytest.fixture
def page_url(drivers, wire):
    """The page from the wire's other end, with its sockets in reach."""
    command = "Page.addScriptToEvaluateOnNewDocument"
    scripts = [driver.execute_cdp_cmd(command, {"source": KEEP_SOCKETS}) for driver in drivers]
    yield f"http://127.0.0.1:{wire.port}/"
    for driver, script in zip(drivers, scripts):
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def extensions(page):
    return page.script("return sockets.map((socket) => socket.extensions)")


def said(messages):
    """The texts in messages of the chat, each with the message that it came in."""
    texts = [(json.loads(message.content), message) for message in messages]
    return [(text["text"], message) for text, message in texts if text["type"] in ("say", "said")]


def test_the_page_agrees_to_compression(wire, pages):
    for page, name in zip(pages, ("Ada", "Grace")):
        page.join(name)
        assert extensions(page) == [AGREED]
    for connection in wire.sockets():
        header = "Sec-WebSocket-Extensions"
        assert connection.header(connection.from_client, header) == OFFER
        assert connection.header(connection.from_server, header) == AGREED


def test_messages_pass_compressed(wire, pages):
    ada, grace = pages
    ada.join("Ada")
    grace.join("Grace")
    texts = ["Grüße, приве́т, こんにちは, 👋🏽 👩‍🚀 🏳️‍🌈. " * 40, "x" * 2000, "short"]
    texts = [text.strip() for text in texts]
    lines = []
    # Each twice: Chromium keeps its context, the server doesn't.
    for text in [text for text in texts for _ in range(2)]:
        ada.say(text)
        lines.append(("Ada", text))
        for page in pages:
            page.until(lambda: page.messages == lines, "the line is there")

    adas, graces = wire.sockets()
    sent = said(adas.messages(adas.from_client))
    assert [text for text, _ in sent] == [text for _, text in lines]
    for first, again in zip(sent[::2], sent[1::2]):
        assert first[1].is_compressed and again[1].is_compressed
        assert len(again[1].carried) < 40, "what was said before takes next to nothing"
    for connection in (adas, graces):
        received = said(connection.messages(connection.from_server))
        assert [text for text, _ in received] == [text for _, text in lines]
        for text, message in received:
            # 128 bytes is the threshold.
            assert message.is_compressed == (len(message.content) >= 128)
            if message.is_compressed:
                assert len(message.carried) < len(text.encode()) / 5
        first, again = received[:2]
        assert abs(len(first[1].carried) - len(again[1].carried)) < 8, "no context"


def test_history_comes_compressed(server, wire, page):
    guest = server.guest("Guest")
    text = "All that was said before. " * 10
    for _ in range(50):
        guest.send(json.dumps({"type": "say", "text": text}))
    page.join("Ada")
    page.until(lambda: len(page.messages) == 50, "the history is there")
    assert page.messages == [("Guest", text)] * 50
    (connection,) = wire.sockets()
    welcome = connection.messages(connection.from_server)[0]
    assert json.loads(welcome.content)["type"] == "welcome"
    assert welcome.is_compressed
    assert len(welcome.carried) < len(welcome.content) / 20


class Blank(http.server.BaseHTTPRequestHandler):
    """An empty page. From about:blank Chromium opens no socket to this machine."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

    def log_message(self, *_):
        pass


@pytest.fixture
def blank_page():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank) as blank:
        threading.Thread(target=blank.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{blank.server_port}/"
        blank.shutdown()


# Sends every message, one after the other or all at once, and compares what comes back.
ECHO = """
    const [url, order, done] = arguments;
    const sizes = [0, 1, 2, 64, 125, 126, 127, 128, 129, 1000, 4095, 4096, 32767, 32768, 65535, 65536,
        65537, 250000, 1 << 20];

    function noise(size) {
        const bytes = new Uint8Array(size);
        for (let i = 0, state = size; i < size; i++) {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            bytes[i] = state >>> 24;
        }
        return bytes;
    }

    const messages = sizes.flatMap((size) => [
        "x".repeat(size),
        "aé€😀".repeat(size / 10) + "x".repeat(size % 10),
        String.fromCharCode(...noise(Math.min(size, 4096)).map((byte) => byte & 0x7f)),
        new Uint8Array(size),
        noise(size),
        noise(size), // the same again
    ]);

    function isSame(left, right) {
        if (typeof left === "string" || typeof right === "string") return left === right;
        const bytes = new Uint8Array(left);
        return bytes.length === right.length && bytes.every((byte, i) => byte === right[i]);
    }

    const ws = new WebSocket(url);
    ws.binaryType = "arraybuffer";
    const wrong = [];
    let count = 0;
    ws.onopen = () => {
        if (order === "all at once") for (const message of messages) ws.send(message);
        else ws.send(messages[0]);
    };
    ws.onmessage = ({ data }) => {
        if (!isSame(data, messages[count])) wrong.push(count);
        count += 1;
        if (count === messages.length) ws.close(1000);
        else if (order === "one by one") ws.send(messages[count]);
    };
    ws.onclose = ({ code, wasClean }) => done({
        extensions: ws.extensions, expected: messages.length, count, wrong, code, wasClean,
    });
"""


@pytest.fixture
def echo_wire(echo_server):
    wire = Wire(echo_server.port)
    yield wire
    wire.close()


@pytest.mark.parametrize("order", ["one by one", "all at once"])
def test_echoes_of_every_size(echo_wire, blank_page, drivers, console, order):
    driver = drivers[0]
    driver.get(blank_page)
    result = driver.execute_async_script(ECHO, f"ws://127.0.0.1:{echo_wire.port}/", order)
    assert result == {
        "extensions": AGREED,
        "expected": 19 * 6,
        "count": 19 * 6,
        "wrong": [],
        "code": 1000,
        "wasClean": True,
    }
    (connection,) = echo_wire.sockets()
    sent = connection.messages(connection.from_client)
    echoed = connection.messages(connection.from_server)
    assert [message.content for message in echoed] == [message.content for message in sent]
    for index, message in enumerate(echoed):
        size, is_noise = len(message.content), index % 6 in (2, 4, 5)
        if size < 128:
            assert not message.is_compressed
        elif not is_noise:
            assert message.is_compressed and len(message.carried) < size / 4
    # Chromium keeps its context: what fits into the window isn't sent again.
    for first, again in zip(sent[4::6], sent[5::6]):
        if 1000 <= len(first.content) <= 4096:
            assert len(first.carried) > len(first.content) * 0.9
            assert len(again.carried) < len(again.content) / 10
