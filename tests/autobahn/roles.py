"""Runs bowline in one role against wstest in the other."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 60
STOP_SECONDS = 5


class Failure(Exception):
    pass


class Processes:
    """Every process of the run, so that all of them end with it."""

    def __init__(self, deadline):
        self.deadline = deadline
        self.lock = threading.Lock()
        self.closed = False
        self.running = []

    def start(self, command, log):
        with self.lock:
            if self.closed:
                raise Failure("stopped")
            with open(str(log), "wb") as out:
                out.write(("$ %s\n" % " ".join(command)).encode())
                out.flush()
                try:
                    # A session of its own: what the command starts ends with it.
                    process = subprocess.Popen(
                        command,
                        env=dict(os.environ, PYTHONUNBUFFERED="1"),
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                except OSError as error:
                    raise Failure("%s does not start: %s" % (command[0], error))
            self.running.append(process)
            return process

    def check(self):
        if self.closed:
            raise Failure("stopped")
        if time.monotonic() > self.deadline:
            raise Failure("not done before the deadline")

    def wait(self, process):
        while process.poll() is None:
            self.check()
            time.sleep(0.05)
        return process.returncode

    def stop(self, process):
        end = time.monotonic() + STOP_SECONDS
        kill_group(process, signal.SIGTERM)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        # Also after a quick end: something in its group may have stayed.
        kill_group(process, signal.SIGKILL)
        process.wait()
        with self.lock:
            if process in self.running:
                self.running.remove(process)

    def close(self):
        with self.lock:
            self.closed = True
            left = list(self.running)
        for process in left:
            self.stop(process)


def kill_group(process, number):
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def free_port():
    # Below the ephemeral range: no outgoing connection, of which the other role
    # makes hundreds, can take the port before wstest binds it.
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port")


def await_address(processes, server, log):
    """The address the server prints when it listens."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        ended = server.poll() is not None
        # Only whole lines, and not the first, which is the command.
        lines = log.read_text(errors="replace").split("\n")[1:-1]
        found = re.search(r"wss?://[^\s\"'<>]+:\d+", "\n".join(lines))
        if ended:
            raise Failure("the server ended at once, with status %d" % server.returncode)
        if found:
            return found.group(0)
        processes.check()
        time.sleep(0.02)
    raise Failure("the server printed no ws:// address within %d s" % START_SECONDS)


def await_listening(processes, wstest, port):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if wstest.poll() is not None:
            raise Failure("wstest ended at once, with status %d" % wstest.returncode)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            pass
        processes.check()
        time.sleep(0.05)
    raise Failure("wstest did not listen within %d s" % START_SECONDS)


def write_spec(name, mode, url, reports):
    """Fills in the configuration kept beside this file."""
    spec = json.loads((HERE / name).read_text())
    spec["outdir"] = str(reports)
    target = spec["servers"][0] if "servers" in spec else spec
    target["url"] = url
    if mode == "all":
        spec["cases"] += ["12.*", "13.*"]
    path = reports.parent / name
    path.write_text(json.dumps(spec, indent=3))
    return str(path)


def request_reports(port):
    """Has wstest write what it has, in the place of a client that failed."""
    request = (
        "GET /updateReports?agent=bowline HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % port
    )
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(30)
            connection.sendall(request.encode())
            # The answer comes after the reports are written.
            connection.recv(4096)
    except OSError:
        pass


def run_server(processes, wstest, command, mode, reports, outcome):
    log, wstest_log = outcome.logs
    server = processes.start(command("127.0.0.1:0"), log)
    name = "bowline-autobahn-server-%d" % os.getpid()
    fuzzer = None
    try:
        url = await_address(processes, server, log)
        spec = write_spec("fuzzingclient.json", mode, url, reports)
        fuzz = wstest.command(name, reports.parent, ["-m", "fuzzingclient", "-s", spec])
        fuzzer = processes.start(fuzz, wstest_log)
        status = processes.wait(fuzzer)
        if status != 0:
            raise Failure("wstest ended with status %d" % status)
        if server.poll() is not None:
            raise Failure("the server ended during the run, with status %d" % server.returncode)
    finally:
        if fuzzer is not None:
            processes.stop(fuzzer)
            wstest.remove(name)
        processes.stop(server)


def run_client(processes, wstest, command, mode, reports, outcome):
    log, wstest_log = outcome.logs
    port = free_port()
    url = "ws://127.0.0.1:%d" % port
    spec = write_spec("fuzzingserver.json", mode, url, reports)
    name = "bowline-autobahn-client-%d" % os.getpid()
    # Port 0: no web server for browsers beside it.
    fuzz = wstest.command(name, reports.parent, ["-m", "fuzzingserver", "-s", spec, "-u", "0"])
    fuzzer = processes.start(fuzz, wstest_log)
    client = None
    try:
        await_listening(processes, fuzzer, port)
        client = processes.start(command(url), log)
        try:
            status = processes.wait(client)
            if status != 0:
                raise Failure("the client ended with status %d" % status)
        except Failure:
            processes.stop(client)
            request_reports(port)
            raise
        if fuzzer.poll() is not None:
            raise Failure("wstest ended during the run, with status %d" % fuzzer.returncode)
    finally:
        if client is not None:
            processes.stop(client)
        processes.stop(fuzzer)
        wstest.remove(name)


def run_role(role, processes, wstest, command, mode, reports, outcome):
    began = time.monotonic()
    outcome.logs = [reports.parent / (role + ".log"), reports.parent / (role + ".wstest.log")]
    try:
        runner = run_server if role == "server" else run_client
        runner(processes, wstest, command, mode, reports, outcome)
    except (Failure, OSError) as failure:
        outcome.problems.append(str(failure))
    outcome.read(outcome.logs[1], reports)
    outcome.seconds = time.monotonic() - began
