"""Callers that abuse HTTP/2, before the HAProxy configuration of deploy/: whatever they send, the
server behind it answers others at once, and its memory stays small.

Each abuse sends what it is named after until the proxy has had enough, or for as many times as are
written here. The abuser calls from 127.0.0.2, so that the proxy's counters by address tell it from
those who mean well.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import pathlib
import re
import ssl
import struct
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from h2 import (
    CONTINUATION,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    Connection,
    frame,
    header,
    integer,
    message,
)

import sobolev

MIB = 1 << 20
PREDICT = "/sobolev.v1.PredictionService/Predict"
CANCEL = struct.pack(">I", 8)
Connect = Callable[[], Connection]


def streams_before_the_settings_are_acknowledged(connect: Connect) -> None:
    with connect() as connection:
        for _ in range(10_000):
            connection.open(PREDICT)


def rapid_reset(connect: Connect) -> None:
    with connect() as connection:
        for _ in range(20_000):
            stream = connection.open(PREDICT)
            connection.send(frame(RST_STREAM, 0, stream, CANCEL))


def rapid_reset_with_messages(connect: Connect) -> None:
    with connect() as connection:
        for _ in range(500):
            stream = connection.open(PREDICT)
            connection.send(frame(0, 0, stream, message(bytes(64), length=4 * MIB)))
            connection.send(frame(RST_STREAM, 0, stream, CANCEL))


def settings_flood(connect: Connect) -> None:
    with connect() as connection:
        for _ in range(2_000):
            connection.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 20)


def ping_flood(connect: Connect) -> None:
    with connect() as connection:
        for _ in range(2_000):
            connection.send(frame(PING, 0, 0, bytes(8)) * 20)


def continuation_flood(connect: Connect) -> None:
    """One header block that does not end."""
    with connect() as connection:
        connection.send(frame(HEADERS, 0, 1, connection.headers(PREDICT)))
        for k in range(20_000):
            connection.send(frame(CONTINUATION, 0, 1, header(f"x-{k}", "v" * 500)))


def header_bomb(connect: Connect) -> None:
    """A few bytes of the block are a reference to 3 KiB in the table of headers."""
    with connect() as connection:
        large = header("x-bomb", "v" * 3000, first=0x40)
        for _ in range(200):
            repeated = integer(62, 7, 0x80) * 10_000
            connection.open_with(connection.headers(PREDICT) + large + repeated)


def padded_integers(connect: Connect) -> None:
    """A length of zero in thousands of bytes (CVE-2023-33953)."""
    with connect() as connection:
        length = b"\x7f" + b"\x80" * 16_000
        connection.send(frame(HEADERS, 0, 1, b"\x00" + length))
        for _ in range(300):
            connection.send(frame(CONTINUATION, 0, 1, b"\x80" * 16_000))


def long_headers(connect: Connect) -> None:
    for _ in range(50):
        with connect() as connection:
            stream = connection.open(PREDICT, {"x-long": "v" * 15_000})
            list(connection.frames_until_end(stream))


def gzip_bombs(connect: Connect) -> None:
    """A gibibyte of zeros in a mebibyte, twenty times."""
    bomb = gzip.compress(bytes(64 * MIB), 9) * 16
    for _ in range(20):
        with connect() as connection:
            stream = connection.open(PREDICT, {"grpc-encoding": "gzip"})
            connection.write(stream, message(bomb, compressed=True), last=True)
            list(connection.frames_until_end(stream))


def a_length_of_four_gibibytes(connect: Connect) -> None:
    for _ in range(20):
        with connect() as connection:
            stream = connection.open(PREDICT)
            connection.write(stream, message(bytes(4 * MIB), length=2**32 - 1))
            connection.write(stream, b"", last=True)


def half_sent_messages(connect: Connect) -> None:
    """A hundred connections, each with ten calls that stop in the midst of a message."""
    with contextlib.ExitStack() as open_connections:
        for _ in range(100):
            connection = open_connections.enter_context(connect())
            for _ in range(10):
                stream = connection.open(PREDICT)
                connection.write(stream, message(bytes(1000), length=MIB))
        time.sleep(1)


ABUSES = [
    streams_before_the_settings_are_acknowledged,
    rapid_reset,
    rapid_reset_with_messages,
    settings_flood,
    ping_flood,
    continuation_flood,
    header_bomb,
    padded_integers,
    long_headers,
    gzip_bombs,
    a_length_of_four_gibibytes,
    half_sent_messages,
]


def memory(process_id: int, kind: str) -> int:
    """VmRSS, what the process has in memory now, or VmHWM, the most it ever had; in bytes."""
    status = pathlib.Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) * 1024


@pytest.fixture
def behind(proxy) -> Iterator[tuple[Connect, sobolev.Model, int]]:
    """How an abuser connects, a model as others see it, and the server's process."""
    address, authority, token, server = proxy
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.set_alpn_protocols(["h2"])
    x = np.linspace(0, 1, 100)
    with sobolev.Client(address, ca=authority.ca, token=token, timeout=30) as client:
        client.train(x, x**2, model="m", hidden=[4], epochs=2).wait(progress=False)
    # Of its own: a call that fails is tried again until then.
    with sobolev.Client(address, ca=authority.ca, token=token, timeout=1) as client:
        model = client.model("m")
        for _ in range(100):
            model.predict(x)
        connect = functools.partial(Connection, address, context, "127.0.0.2", f"Bearer {token}")
        with connect() as connection:  # It can call, if it only wants to.
            stream = connection.open(PREDICT)
            connection.write(stream, message(b"\xff"), last=True)
            reply = b"".join(each.payload for each in connection.frames_until_end(stream))
            assert b"expected the bytes of a sobolev.v1.PredictRequest" in reply
        yield connect, model, server.process_id
    assert server.is_running()


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.__name__)
def test_the_server_behind_the_proxy_does_not_notice(behind, abuse):
    connect, model, process_id = behind
    before = memory(process_id, "VmRSS")
    with contextlib.suppress(OSError):  # The proxy has had enough.
        abuse(connect)
    deadline = time.monotonic() + 10  # The machine that tests has others to serve, too.
    while True:
        try:
            model.predict([0.5])  # Within a second.
            break
        except sobolev.Error:
            assert time.monotonic() < deadline
    # Calls that are reset at once pile up for a moment, within the quota of the library (256 MiB).
    most = 256 + 64 if abuse is rapid_reset else 64
    assert memory(process_id, "VmHWM") - before < most * MIB
