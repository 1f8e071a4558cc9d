"""What an operator sees of the HTTP gateway; what it answers is tested in tests/interop."""

from __future__ import annotations

import json
import socket
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families
from slow import SlowCalls
from wire import Wire

from sobolev._stubs import models_pb2


def get(address: str, path: str) -> bytes:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as response:
        return response.read()


def test_without_models_none_are_listed(make_server):
    server = make_server().start()
    assert json.loads(get(server.gateway, "/Info")) == {"protocolVersion": 1.0, "models": []}


def test_it_can_be_turned_off(make_server):
    server = make_server()
    server.gateway = "off"
    assert server.start().gateway == "off"
    assert get(server.metrics, "/healthz") == b'{"status":"SERVING"}'


def test_a_taken_port_is_named(make_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = make_server()
        server.gateway = f"127.0.0.1:{taken.getsockname()[1]}"
        assert server.launch().wait(60) == 1
        assert f"gateway: cannot listen on {server.gateway}" in server.log()


def test_the_port_comes_from_the_variable_of_clusters(make_server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("PORT", str(port))
    server = make_server()
    server.gateway = ""
    assert server.start().gateway == f"127.0.0.1:{port}"


def test_requests_are_counted_under_a_name_of_ours(server):
    get(server.gateway, "/Info")
    families = {
        family.name: family
        for family in text_string_to_metric_families(get(server.metrics, "/metrics").decode())
    }
    samples = families["sobolev_http_requests"].samples
    labels = {"protocol": "umbridge", "path": "/Info", "code": "200"}
    assert any(sample.labels == labels and sample.value >= 1 for sample in samples)


def under_way(server):
    """Predictions of the gateway that hold a place."""
    text = get(server.metrics, "/metrics").decode()
    (line,) = [
        line for line in text.splitlines() if line.startswith("sobolev_request_memory_bytes ")
    ]
    return float(line.split()[-1])


def test_a_caller_who_goes_away_leaves_no_work_behind(make_server):
    server = make_server("--max-predict-calls", "1").start()
    SlowCalls(server)
    stage = models_pb2.PipelineStage(program="programs/slow")
    pipeline = models_pb2.CreatePipelineRequest(model_id="slow", stages=[stage])
    Wire(server.grpc).unary("ModelService.CreatePipeline", pipeline)
    host, port = server.gateway.split(":")

    def ask(points):
        body = json.dumps(
            {
                "inputs": {
                    "x": {
                        "object_type": "array",
                        "shape": [points, 1],
                        "dtype": "float64",
                        "data": {"encoding": "json", "buffer": [0.5] * points},
                    }
                }
            }
        ).encode()
        connection = socket.create_connection((host, int(port)), timeout=60)
        head = f"POST /tesseract/slow/apply HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection

    deadline = time.monotonic() + 60
    with ask(16384):
        while under_way(server) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # There is one place, which it has.
        with ask(1) as other:
            assert other.recv(1000).startswith(b"HTTP/1.1 429")
    # It was not answered but stopped.
    while 'code="503"' not in get(server.metrics, "/metrics").decode():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert under_way(server) == 0
    with ask(1) as patient:
        assert patient.recv(1000).startswith(b"HTTP/1.1 200")


def test_an_open_connection_does_not_keep_it_from_stopping(make_server):
    server = make_server().start()
    host, port = server.gateway.split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /Info HTTP/1.1\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.terminate() == 0
