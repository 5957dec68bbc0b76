"""libwebsockets as the server: Debian's libwebsockets-test-server, on a port that is printed.

It chooses a free port and keeps it to itself, so Linux is asked. This process becomes the server, and what is
started here is what asks: whoever ends the process that they know ends the server.
"""

import contextlib
import os
import sys
import time

PROGRAM = "libwebsockets-test-server"
LISTENING = "0A"  # as proc_pid_net(5) has states
PATIENCE = 10  # seconds


def sockets(pid):
    """The inodes of a process's sockets."""
    directory = f"/proc/{pid}/fd"
    for fd in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):  # closed since
            link = os.readlink(f"{directory}/{fd}")
            if link.startswith("socket:["):
                yield link.removeprefix("socket:[").removesuffix("]")


def listening_ports(pid):
    own = set(sockets(pid))
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                _, address, _, state, *rest = line.split()
                if state == LISTENING and rest[5] in own:
                    yield int(address.rpartition(":")[2], 16)


def print_port(pid):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and os.getppid() == pid:
        for port in listening_ports(pid):
            print(port, flush=True)
            return
        time.sleep(0.01)


def command():
    # Of its log only errors.
    arguments = [PROGRAM, "--port", "0", "--interface", "lo", "--debug", "1"]
    if sys.argv[1:2] == ["--tls"]:
        arguments += ["--ssl", "--ssl-cert", sys.argv[2], "--ssl-key", sys.argv[3]]
    return arguments


server = os.getpid()
if os.fork() == 0:
    print_port(server)
else:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.execvp(PROGRAM, command())
