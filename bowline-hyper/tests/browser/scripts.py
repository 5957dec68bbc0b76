"""What runs in the page. Each script takes its arguments and calls the last of them with what it saw."""

# Opens a socket, closes it with a code or lets the server, and reports its end.
CLOSE = """
    const [url, protocols, code, reason, done] = arguments;
    const ws = new WebSocket(url, protocols);
    const seen = { opened: false };
    ws.onopen = () => {
        seen.opened = true;
        seen.protocol = ws.protocol;
        if (code === -1) return;
        if (code === null) ws.close(); else ws.close(code, reason);
    };
    ws.onclose = ({ code, reason, wasClean }) => done({ ...seen, code, reason, wasClean });
"""

# Sends every message, one after the other or all at once, over several sockets, and compares what comes back.
ECHO = """
    const [urls, order, done] = arguments;
    const sizes = [0, 1, 125, 126, 127, 128, 4096, 65535, 65536, 65537, 250000, 1 << 20];

    function noise(size) {
        const bytes = new Uint8Array(size);
        for (let i = 0, state = size; i < size; i++) {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            bytes[i] = state >>> 24;
        }
        return bytes;
    }

    const messages = sizes.flatMap((size) => [
        "aé€😀".repeat(size / 10) + "x".repeat(size % 10),
        noise(size),
    ]);

    function isSame(left, right) {
        if (typeof left === "string" || typeof right === "string") return left === right;
        const bytes = new Uint8Array(left);
        return bytes.length === right.length && bytes.every((byte, i) => byte === right[i]);
    }

    function talk(url) {
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
        return new Promise((resolve) => {
            ws.onclose = ({ code, wasClean }) => resolve({
                extensions: ws.extensions, missing: messages.length - count, wrong, code, wasClean,
            });
        });
    }

    Promise.all(urls.map(talk)).then(done);
"""

# The first message that a server sends by itself.
FIRST = """
    const [url, done] = arguments;
    const ws = new WebSocket(url);
    ws.onmessage = ({ data }) => {
        ws.onclose = () => done(data);
        ws.close(1000);
    };
    ws.onerror = () => done(null);
"""
