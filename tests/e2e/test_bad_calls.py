"""Calls that are wrong as such, of every method: too large, compressed, late, given up. And what is
left of a server after many thousands of bad requests.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import pathlib
import re
import time

import grpc
import pytest
from contract import GOOD, METHODS, Call, path, put
from h2 import Connection, message
from test_bad_input import rows
from test_bad_messages import GARBAGE
from wire import Wire, refusal, stock

KIB = 1024
MIB = 1024 * KIB


def padding(size: int) -> bytes:
    """A field that no message knows, so that it may be in any; below 2 MiB."""
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    return b"\x7a" + length + bytes(size)  # Number 15, bytes.


def resident_bytes(process_id: int) -> int:
    status = pathlib.Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * KIB


def test_messages_over_the_limit_are_refused_by_every_call(make_server):
    server = make_server(
        "--max-message-bytes", "64KiB", "--max-predict-reply-bytes", "64KiB"
    ).start()
    wire = Wire(server.grpc)
    wire.jobs = stock(server.grpc)
    for name in GOOD:
        call = Call(name, wire.jobs)
        large = call.request().SerializeToString() + padding(65 * KIB)
        found = refusal(lambda c=call, m=large: c.send(wire.channel, m))
        found.require("RESOURCE_EXHAUSTED", says="larger than max")
    Call("DatasetService.ListDatasets").send(wire.channel, padding(32 * KIB))


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("name", GOOD)
def test_compressed_messages_are_refused(wire, name, compression):
    call = Call(name, wire.jobs)
    large = call.request().SerializeToString() + padding(8 * KIB)
    found = refusal(lambda: call.send(wire.channel, large, compression=compression))
    found.require("UNIMPLEMENTED", says="disabled")


@pytest.mark.parametrize("name", GOOD)
def test_a_call_whose_deadline_passes_ends(wire, server, name):
    """The client's own clock would end the call first, so this client has none."""
    call = Call(name, wire.jobs)
    with Connection(server.grpc) as connection:
        stream = connection.open(path(call.method), {"grpc-timeout": "1n", ":scheme": "http"})
        time.sleep(0.02)  # gRPC rounds it up to milliseconds.
        with contextlib.suppress(OSError):  # The connection may be gone already.
            connection.write(stream, message(call.request().SerializeToString()), last=True)
        frames = [each for each in connection.frames_until_end(stream) if each.stream == stream]
    assert re.search(rb"grpc-status\x01(\d)", frames[-1].payload)[1] == b"4", frames


@pytest.mark.parametrize("name", GOOD)
def test_calls_that_are_given_up_leave_nothing_behind(wire, name):
    call = Call(name, wire.jobs)
    ended = (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.NOT_FOUND)
    for _ in range(5):
        running = call.start(wire.channel, call.request())
        running.cancel()
        with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
            list(running) if METHODS[call.method].server_streaming else running.result()
        assert running.code() in ended
    assert wire.unary("DatasetService.ListDatasets", b"")


def bad_requests(jobs: dict[str, str]) -> list[tuple[Call, bytes]]:
    """Every row of the table of fields, and all garbage, as bytes."""
    made = []
    for name in GOOD:
        made += [(Call(name, jobs), garbage) for garbage in GARBAGE.values()]
    for row in rows():
        if row.code == "OK":
            continue
        call = Call(row.call, jobs)
        request = call.request()
        put(request, row.fields, row.value)
        made.append((call, request.SerializeToString()))
    return made


def test_the_memory_of_a_server_does_not_grow_with_bad_requests(make_server):
    server = make_server().start()
    wire = Wire(server.grpc)
    requests = bad_requests(stock(server.grpc))

    def send(request: tuple[Call, bytes]) -> None:
        call, encoded = request
        with contextlib.suppress(grpc.RpcError):
            call.send(wire.channel, encoded)
            pytest.fail(f"{call.name} answered {encoded!r}")

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            list(threads.map(send, requests))
        before = resident_bytes(server.process_id)
        for _ in range(6):
            list(threads.map(send, requests))
    assert resident_bytes(server.process_id) < before + 8 * MIB
    assert server.is_running()
    call = Call("PredictionService.Predict")
    assert call.send(wire.channel, call.request())
