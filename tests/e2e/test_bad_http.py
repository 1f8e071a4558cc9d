"""Bad requests to the HTTP doors, UM-Bridge and Tesseract: status, and what the message says.

The unit tests of server/gateway and server/http go through every field and header; here a real
server gets what its callers and its attackers send, and stays as it was.
"""

from __future__ import annotations

import http.client
import json
import pathlib
import re
import socket
import time
from typing import Any

import pytest
from wire import stock

MIB = 1 << 20
NAME = '"name": "bad-input"'
DIRECTIONS = '"outWrt": 0, "inWrt": 0'
JVP = '"jvp_inputs": ["x"], "jvp_outputs": ["y"]'
HUGE = "1" * 1_000_000


def evaluate(numbers: str, more: str = "") -> str:
    return f'{{{NAME}, "input": [[{numbers}]]{more}}}'


def inputs(x: str, more: str = "") -> str:
    return f'{{"inputs": {{"x": {x}}}{more}}}'


def encoded(shape: str, buffer: str = '""', dtype: str = "float64") -> str:
    data = f'{{"encoding": "base64", "buffer": {buffer}}}'
    return inputs(f'{{"shape": {shape}, "dtype": "{dtype}", "data": {data}}}')


# Path, body, status, what the message says.
UM_BRIDGE_ROWS: list[tuple[str, str | bytes, int, str]] = [
    # What is no JSON object.
    ("/Evaluate", "", 400, "byte 1"),
    ("/Evaluate", evaluate("0, 1")[:-1], 400, "byte"),
    ("/Evaluate", evaluate("0, 1") + "{}", 400, "byte"),
    ("/Evaluate", evaluate("NaN, 1"), 400, "no NaN or Infinity"),
    ("/Evaluate", evaluate("-Infinity, 1"), 400, "no NaN or Infinity"),
    ("/Evaluate", evaluate("1e400, 1"), 400, "range of float64"),
    ("/Evaluate", evaluate(f"{HUGE}, 1"), 400, "range of float64"),
    ("/Evaluate", evaluate("0x10, 1"), 400, "byte"),
    ("/Evaluate", b'{"name": "bad-\xff"}', 400, "UTF-8"),
    ("/Evaluate", b'{"name": "\\ud800"}', 400, "UTF-8"),
    ("/Evaluate", evaluate("0, 1").encode("utf-16"), 400, "UTF-8"),
    ("/Evaluate", "[" * 1_000_000, 400, "at most 32 levels"),
    ("/Evaluate", '{"a": ' * 1_000_000, 400, "at most 32 levels"),
    ("/Evaluate", evaluate("0, 1", f", {NAME}"), 400, "each name once"),
    ("/Evaluate", evaluate("0, 1", ', "input": [[5, 5]]'), 400, "each name once"),
    ("/Evaluate", evaluate("0, 1", ', "config": {"version": 1, "version": 1}'), 400, "once"),
    ("/Evaluate", evaluate("0, 1", ', "\\u006eame": "x"'), 400, "each name once"),
    # What is no model.
    ("/Evaluate", '{"name": "../bad-input"}', 400, "no model has such a name"),
    ("/Evaluate", '{"name": "models/bad-input"}', 400, "no model has such a name"),
    ("/Evaluate", '{"name": "bad-input:1e0"}', 400, "no model has such a name"),
    ("/Evaluate", '{"name": "bad-input\\u0000"}', 400, "no model has such a name"),
    ("/Evaluate", f'{{"name": "{"a" * MIB}"}}', 400, "no model has such a name"),
    ("/Evaluate", '{"name": {"$ne": 1}}', 400, "name: expected a string"),
    ("/Evaluate", evaluate("0, 1", ', "config": {"version": 1e300}'), 400, "a whole number"),
    # What does not fit the model.
    ("/Evaluate", evaluate("0"), 400, "input[0]: expected a list of 2 numbers"),
    ("/Evaluate", evaluate("0, 1, 2"), 400, "got a list of 3"),
    ("/Evaluate", evaluate("0, null"), 400, "input[0][1]: expected a number, got null"),
    ("/Gradient", evaluate("0, 1", f', {DIRECTIONS}, "sens": [1, 1]'), 400, "sens: expected"),
    ("/ApplyJacobian", evaluate("0, 1", f', {DIRECTIONS}, "vec": [1]'), 400, "vec: expected"),
    # Numbers that leave float64 on the way.
    (
        "/ApplyJacobian",
        evaluate("0, 1", f', {DIRECTIONS}, "vec": [1.7e308, 1.7e308]'),
        500,
        "beyond the range of float64",
    ),
    # Paths.
    ("//Evaluate", evaluate("0, 1"), 404, "no such path"),
    ("/Evaluate/", evaluate("0, 1"), 404, "no such path"),
    ("/../Evaluate", evaluate("0, 1"), 404, "no such path"),
    ("/%45valuate%00", evaluate("0, 1"), 404, "expected a path of"),
]

TESSERACT_ROWS: list[tuple[str, str | bytes, int, str]] = [
    ("bad-input/apply", "", 422, "byte 1"),
    ("bad-input/apply", inputs("[NaN, 1]"), 422, "no NaN or Infinity"),
    ("bad-input/apply", inputs("[1e400, 1]"), 422, "range of float64"),
    ("bad-input/apply", b'{"inputs": {"x": [0, 1]}, "\xff": 1}', 422, "UTF-8"),
    ("bad-input/apply", inputs("[" * 100_000 + "]" * 100_000), 422, "at most 32 levels"),
    ("bad-input/apply", inputs("[0, 1]", ', "inputs": {"x": [5, 5]}'), 422, "each name once"),
    ("bad-input/apply", inputs("[]"), 422, "expected shape [..., 2]"),
    ("bad-input/apply", inputs("[[0, 1], [0]]"), 422, "equal lengths"),
    ("bad-input/apply", inputs('"/etc/passwd"'), 422, "expected a number, got a string"),
    ("bad-input/apply", encoded("[-1, 2]"), 422, "extents from 0"),
    ("bad-input/apply", encoded("[1e18, 2]"), 422, "a whole number"),
    ("bad-input/apply", encoded("[4294967296, 4294967296]"), 422, "extents from 0"),
    ("bad-input/apply", encoded("[1, 2]"), 422, "expected 16 bytes"),
    ("bad-input/apply", encoded("[1, 2]", dtype="object"), 422, "got 'object'"),
    ("bad-input/apply", encoded("[1, 2]", '"AAA"'), 422, "base64 with padding"),
    ("bad-input/apply", encoded("[1]", '"AAAAAAAA+H8="'), 422, "[..., 2]"),
    ("bad-input/jacobian", inputs("[0, 1]"), 422, "jac_inputs: expected"),
    (
        "bad-input/jacobian_vector_product",
        inputs("[0, 1]", f', {JVP}, "tangent_vector": {{"x": [1.7e308, 1.7e308]}}'),
        422,
        "beyond the range of float64",
    ),
    ("nobody/apply", inputs("[0, 1]"), 404, "nobody"),
    ("BAD-INPUT/apply", inputs("[0, 1]"), 404, "no model has such a name"),
    ("bad-input:1e0/apply", inputs("[0, 1]"), 404, "no model has such a name"),
    ("..%2f..%2fetc/apply", inputs("[0, 1]"), 404, "expected /tesseract/{model}/"),
    ("bad-input/../bad-input/apply", inputs("[0, 1]"), 404, "expected /tesseract/{model}/"),
    ("..%5cbad-input/apply", inputs("[0, 1]"), 404, "expected a path of"),
    ("bad-input%00/apply", inputs("[0, 1]"), 404, "expected a path of"),
]


def post(address: str, path: str, body: str | bytes, **headers: str) -> tuple[int, Any]:
    """Status and reply, which is JSON whatever was asked."""
    connection = http.client.HTTPConnection(address, timeout=60)
    sent = body if isinstance(body, bytes) else body.encode()
    connection.request("POST", path, sent, {k.replace("_", "-"): v for k, v in headers.items()})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply.status, json.loads(text)


def case(value: Any) -> str | None:
    return ascii(value)[:60] if isinstance(value, str | bytes) else None


@pytest.mark.parametrize(("path", "body", "status", "says"), UM_BRIDGE_ROWS, ids=case)
def test_um_bridge_refuses(server, wire, path, body, status, says):
    got, reply = post(server.gateway, path, body)
    assert got == status, reply
    assert set(reply) == {"error"} and set(reply["error"]) == {"type", "message"}
    assert says in reply["error"]["message"], reply
    assert len(reply["error"]["message"]) < 2000


@pytest.mark.parametrize(("path", "body", "status", "says"), TESSERACT_ROWS, ids=case)
def test_tesseract_refuses(server, wire, path, body, status, says):
    got, reply = post(server.gateway, f"/tesseract/{path}", body)
    assert got == status, reply
    if status == 422:
        assert set(reply["detail"][0]) == {"type", "loc", "msg"}
    assert says in json.dumps(reply), reply


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "\x01", "a" * 1000],
)
def test_the_content_type_does_not_matter(server, wire, content_type):
    headers = {"Content_Type": content_type} if content_type else {}
    assert post(server.gateway, "/Evaluate", evaluate("0, 1"), **headers)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Transfer_Encoding": "gzip"}, 400),
        ({"X_Long": "v" * 9000}, 400),
    ],
    ids=str,
)
def test_headers_that_would_change_the_body_are_refused(server, wire, headers, status):
    got, reply = post(server.gateway, "/Evaluate", evaluate("0, 1"), **headers)
    assert got == status and set(reply["error"]) == {"type", "message"}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
@pytest.mark.parametrize("path", ["/Evaluate", "/tesseract/bad-input/apply"])
def test_other_methods_are_refused(server, wire, method, path):
    connection = http.client.HTTPConnection(server.gateway, timeout=60)
    connection.request(method, path, b"")
    assert connection.getresponse().status == 405


def test_huge_and_strange_requests_leave_the_server_as_it_was(make_server):
    server = make_server("--max-http-body-bytes", "4MiB").start()
    stock(server.grpc)
    host, port = server.gateway.rsplit(":", 1)

    def resident_bytes() -> int:
        status = pathlib.Path(f"/proc/{server.process_id}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def abuse() -> None:
        room = 4 * MIB - 100
        for body in (
            inputs("[" + "0," * (room // 2 - 1) + "0]"),
            inputs("[" + "[]," * (room // 3 - 1) + "[]]"),
            '{"a": "' + "x" * room + '"}',
        ):
            assert post(server.gateway, "/tesseract/bad-input/apply", body)[0] == 422
            assert post(server.gateway, "/Evaluate", body)[0] == 400
        for head in (
            b"POST /Evaluate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00" + bytes(500) + b"\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            with socket.create_connection((host, int(port)), timeout=60) as connection:
                connection.sendall(head)
                assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(64))
        # Connections that say half of something and wait, more than there are threads.
        half = [socket.create_connection((host, int(port)), timeout=60) for _ in range(100)]
        for connection in half:
            connection.sendall(b"POST /Evaluate HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
        for connection in half:
            connection.close()

    before = resident_bytes()
    for _ in range(5):
        abuse()
    # Without what JSON took, some 100 MiB a body and thread. The buffers of bodies stay.
    assert resident_bytes() < before + 160 * MIB
    deadline = time.monotonic() + 60
    while post(server.gateway, "/Evaluate", evaluate("0, 1"))[0] != 200:
        assert time.monotonic() < deadline
