"""HTTP/2 by hand, with what the standard library has: clients that keep to no rules."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    *(0, 1, 3, 4, 6, 7, 8, 9),
)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
FIRST_WINDOW = 65535


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer with a prefix of so many bits (RFC 7541, section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    encoded = bytearray([first | most])
    value -= most
    while value >= 128:
        encoded.append(value % 128 | 128)
        value //= 128
    encoded.append(value)
    return bytes(encoded)


def text(value: bytes) -> bytes:
    return integer(len(value), 7) + value


def header(name: str, value: str | bytes, first: int = 0) -> bytes:
    """A literal with a new name; `first` 0x40 also puts it into the peer's table."""
    encoded = value if isinstance(value, bytes) else value.encode()
    return bytes([first]) + text(name.encode()) + text(encoded)


def call_headers(path: str, more: dict[str, str] | None = None) -> bytes:
    """The header block of a gRPC call."""
    lines = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
        **(more or {}),
    }
    return b"".join(header(name, value) for name, value in lines.items())


def message(payload: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """A gRPC message, which may lie about its length."""
    announced = len(payload) if length is None else length
    return struct.pack(">BI", compressed, announced) + payload


class Connection:
    """Every method throws OSError once the peer has had enough."""

    def __init__(
        self,
        address: str,
        context: ssl.SSLContext | None = None,
        source: str = "127.0.0.1",
        authorization: str = "",
    ) -> None:
        host, port = address.rsplit(":", 1)
        raw = socket.create_connection((host, int(port)), 30, source_address=(source, 0))
        self.socket = context.wrap_socket(raw, server_hostname=host) if context else raw
        self.next_stream = 1
        self.authorization = authorization  # Of every call.
        self._received = b""
        self._window = FIRST_WINDOW
        self._stream_windows: dict[int, int] = {}
        self._first_window = FIRST_WINDOW
        self.send(PREFACE + frame(SETTINGS, 0, 0))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def open(self, path: str, more: dict[str, str] | None = None) -> int:
        """The number of a new call, whose headers have been sent."""
        return self.open_with(self.headers(path, more))

    def headers(self, path: str, more: dict[str, str] | None = None) -> bytes:
        """The header block of a call that may be made."""
        login = {"authorization": self.authorization} if self.authorization else {}
        return call_headers(path, {**login, **(more or {})})

    def open_with(self, block: bytes) -> int:
        """As `open`, with this header block."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(frame(HEADERS, END_HEADERS, stream, block))
        return stream

    def write(self, stream: int, data: bytes, *, last: bool = False) -> None:
        """Sends DATA as far as the peer's windows allow, and waits for more of them."""
        while data:
            room = min(self._window, self._stream_windows.get(stream, self._first_window), 16384)
            if room <= 0:
                if self._take(self.read()):
                    return
                continue
            part, data = data[:room], data[room:]
            self._window -= len(part)
            held = self._stream_windows.get(stream, self._first_window)
            self._stream_windows[stream] = held - len(part)
            flags = END_STREAM if last and not data else 0
            self.send(frame(DATA, flags, stream, part))

    def _take(self, got: Frame) -> bool:
        """Notes windows, acknowledges; whether the peer ends a call or all of them."""
        if got.kind == WINDOW_UPDATE:
            more = struct.unpack(">I", got.payload)[0]
            if got.stream == 0:
                self._window += more
            else:
                held = self._stream_windows.get(got.stream, self._first_window)
                self._stream_windows[got.stream] = held + more
        elif got.kind == SETTINGS and not got.flags & ACK:
            for name, value in struct.iter_unpack(">HI", got.payload):
                if name == 4:  # SETTINGS_INITIAL_WINDOW_SIZE
                    self._first_window = value
            self.send(frame(SETTINGS, ACK, 0))
        return got.kind in (RST_STREAM, GOAWAY) or (
            got.kind == HEADERS and bool(got.flags & END_STREAM)
        )

    def read(self) -> Frame:
        """The next frame. Throws ConnectionError at the end."""
        head = self._read(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        return Frame(kind, flags, stream & 0x7FFFFFFF, self._read(size))

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the peer closed")
            self._received += more
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def frames_until_end(self, stream: int) -> Iterator[Frame]:
        """What comes until the call has ended, settings acknowledged."""
        while True:
            got = self.read()
            yield got
            if self._take(got) and got.stream in (0, stream):
                return
