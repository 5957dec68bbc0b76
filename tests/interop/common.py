"""What the Python peers share: the table of cases, payloads, and the run of a client's checks."""

import asyncio
import json
import ssl
import sys
from pathlib import Path
from urllib.parse import quote, unquote

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
MAX_SIZE = 64 << 20
PONGS_CAME = "pongs came"
RESPONSE_HEADERS = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
NO_CODE = 1005  # stands for a Close without a code
DEADLINE = 9  # seconds: before the test gives up at 10, so that the failure is told from here


def binary(size):
    """Bytes of every value."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def text(size):
    """Text of this many bytes, with code points of one to four."""
    return "aé€😀" * (size // 10) + "x" * (size % 10)


def burst():
    return [(binary if i % 2 else text)(i) for i in range(CASES["burst"])]


def fragments():
    """The pieces of the fragmented text: the first is empty, and many end inside a code point."""
    size, data = CASES["fragments"]["size"], CASES["fragments"]["text"].encode()
    return [b""] + [data[at : at + size] for at in range(0, len(data), size)]


def close_path(code, reason):
    return "close/%d/%s" % (code, quote(reason, safe=""))


def segments(path):
    return [unquote(segment) for segment in path.lstrip("/").split("/")]


def report_close(code, reason):
    """One line for each connection that has ended."""
    print(json.dumps([code or NO_CODE, reason]), flush=True)


def tls():
    """What a server that was started with `--tls CERT KEY` serves with; None without."""
    if sys.argv[1:2] != ["--tls"]:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*sys.argv[2:4])
    return context


async def run_checks(checks):
    """Makes each check of the table, a line for each that went well; the first failure ends the run.

    What a library cannot do has the reason in place of the check.
    """
    for name in CASES["client_checks"]:
        check = checks[name]
        if isinstance(check, str):
            print("skipped %s: %s" % (name, check), flush=True)
            continue
        try:
            async with asyncio.timeout(DEADLINE):
                await check()
        except TimeoutError:
            sys.exit("%s: not done after %d s" % (name, DEADLINE))
        print(name, flush=True)
