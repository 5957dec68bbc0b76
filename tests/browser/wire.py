"""What passes over the wire between a browser and a server: the page sees neither frames nor compression."""

import socket
import struct
import threading
import zlib
from dataclasses import dataclass

COMPRESSED = 0x40  # RSV1 (RFC 7692 section 6)


@dataclass
class Message:
    """A data message: whether it was compressed, what its frames carried, and what that stands for."""

    is_compressed: bool
    carried: bytes
    content: bytes = b""


class Connection:
    """The bytes of one connection, both ways."""

    def __init__(self):
        self.from_client = bytearray()
        self.from_server = bytearray()

    def header(self, side, name):
        """A header of the client's request or the server's response; None where it is not there."""
        for line in bytes(side).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None

    def messages(self, side):
        """The data messages that one side has sent, inflated one after the other as they have to be."""
        messages = read_messages(bytes(side).partition(b"\r\n\r\n")[2])
        # Where no context is kept nothing refers to the window that this one keeps.
        inflater = zlib.decompressobj(-15)
        for message in messages:
            message.content = message.carried
            if message.is_compressed:
                message.content = inflater.decompress(message.carried + b"\x00\x00\xff\xff")
        return messages


def read_messages(data):
    messages = []
    while data:
        first, second = data[:2]
        start, length = 2, second & 0x7F
        if length == 126:
            start, length = 4, struct.unpack("!H", data[2:4])[0]
        elif length == 127:
            start, length = 10, struct.unpack("!Q", data[2:10])[0]
        key = b"\x00" * 4
        if second & 0x80:
            key, start = data[start : start + 4], start + 4
        payload, data = unmask(data[start : start + length], key), data[start + length :]
        match first & 0x0F:
            case 0:
                messages[-1].carried += payload
            case 1 | 2:
                messages.append(Message(bool(first & COMPRESSED), payload))
    return messages


def unmask(payload, key):
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return masked.to_bytes(len(payload), "big")


class Wire:
    """A port that leads to another, and keeps what passes. Browsers take it for the server's own."""

    def __init__(self, port):
        self.target = port
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept_all, daemon=True).start()

    def accept_all(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(("127.0.0.1", self.target))
            connection = Connection()
            self.connections.append(connection)
            for source, sink, kept in (
                (client, server, connection.from_client),
                (server, client, connection.from_server),
            ):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=pass_on, args=(source, sink, kept), daemon=True).start()

    def sockets(self):
        """The connections that are WebSockets, in order."""
        return [one for one in self.connections if one.header(one.from_client, "Upgrade")]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def pass_on(source, sink, kept):
    try:
        while data := source.recv(65536):
            # Kept first: what the other end has seen is here by then.
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # whoever has gone, the other direction will notice
