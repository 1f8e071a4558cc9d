"""What an operator sees of the HTTP gateway; what it answers is tested in tests/interop."""

from __future__ import annotations

import json
import socket
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


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


def test_an_open_connection_does_not_keep_it_from_stopping(make_server):
    server = make_server().start()
    host, port = server.gateway.split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /Info HTTP/1.1\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.terminate() == 0
