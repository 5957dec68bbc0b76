"""The programs of a test, hyper_echo among them: started, listened to and ended."""

import os
import re
import signal
import subprocess
import threading
import time

PATIENCE = 10  # seconds, for everything that waits; nothing takes anywhere near as long


class Program:
    """A process whose lines are kept as they come. It ends with the `with` block."""

    def __init__(self, *command):
        self.lines = []
        self.has_ended = False
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.has_ended = True
            self.news.notify_all()

    def line(self, pattern, count=1):
        """The match of the count-th line that the pattern is found in; waits for it."""
        return self.all_lines(pattern, count)[count - 1]

    def all_lines(self, pattern, count):
        """The matches of this many lines, or of more where they have come."""
        end = time.monotonic() + PATIENCE
        with self.news:
            while True:
                matches = [match for match in (re.search(pattern, line) for line in self.lines) if match]
                if len(matches) >= count:
                    return matches
                left = end - time.monotonic()
                assert left > 0 and not self.has_ended, self.report(f"no {count} lines like {pattern!r}")
                self.news.wait(left)

    def report(self, problem):
        return "\n".join([f"{problem} from {self.process.args}:", *self.lines[-40:]])

    def end(self, signum=signal.SIGTERM):
        """Sends the signal and returns the exit status."""
        self.process.send_signal(signum)
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        self.reader.join(PATIENCE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Whatever it has started ends with it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stdout.close()


class EchoServer(Program):
    """hyper_echo, or what takes the same arguments and says the same, on a port of its own."""

    def __init__(self, *command, address="127.0.0.1:0"):
        super().__init__(command[0], *command[1:], address)
        try:
            self.port = int(self.line(r"^listening on wss?://[^ ]*:(\d+)/?$")[1])
        except BaseException:
            self.__exit__()
            raise

    def open_lines(self, path, count=1):
        """(peer, HTTP version) of this many sockets at a path that have opened."""
        found = self.all_lines(rf"^(\S+) (HTTP/\S+) {re.escape(path)}: open", count)
        return [(match[1], match[2]) for match in found]

    def ended(self, path, count=1):
        """How the count-th socket at a path ended, as the server saw it."""
        return self.line(rf"^\S+ HTTP/\S+ {re.escape(path)}: ((?:closed|lost).*)$", count)[1]


def hyper_echo(*flags, address="127.0.0.1:0"):
    return EchoServer(os.environ["HYPER_ECHO_BIN"], *flags, address=address)
