"""The HAProxy configuration of deploy/, if haproxy is installed."""

from __future__ import annotations

import http.client
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

import numpy as np
import pytest
from access import Tokens
from certificates import Authority

import sobolev

pytestmark = pytest.mark.skipif(
    shutil.which("haproxy") is None or shutil.which("openssl") is None,
    reason="needs haproxy and openssl",
)
CONFIG = pathlib.Path(__file__).parents[2] / "deploy" / "haproxy.cfg"


@pytest.fixture
def proxy(make_server, tmp_path):
    """A proxy before a server that asks for a token: its address, the authority and the token."""
    authority = Authority(tmp_path / "ours")
    cert, key = authority.sign("proxy")
    pem = tmp_path / "proxy.pem"
    pem.write_text(cert.read_text() + key.read_text())
    tokens = Tokens(tmp_path / "tokens.jsonl")
    token = tokens.add("writer")
    server = make_server("--auth-tokens", str(tokens.path)).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "SOBOLEV_PEM": str(pem),
        "SOBOLEV_LISTEN": address,
        "SOBOLEV_BACKEND": server.grpc,
        "SOBOLEV_HEALTH_PORT": server.metrics.rsplit(":", 1)[1],
    }
    subprocess.run(["haproxy", "-c", "-f", str(CONFIG)], check=True, env=environment)
    process = subprocess.Popen(["haproxy", "-f", str(CONFIG)], env=environment)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(address.split(":"), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield address, authority, token
    finally:
        process.terminate()
        process.wait(30)


def test_everything_goes_through_the_proxy(proxy):
    address, authority, token = proxy
    x = np.linspace(0, 1, 100)
    with sobolev.Client(address, ca=authority.ca, token=token, timeout=30) as client:
        dataset = client.create_dataset("d", ["a"], ["u"])
        dataset.append(x, x**2)
        model = client.train(dataset=dataset, model="m", hidden=[4], epochs=2).wait(progress=False)
        assert np.isfinite(model.predict(x)).all()
    with sobolev.Client(address, ca=authority.ca, timeout=5) as stranger:
        with pytest.raises(sobolev.UnauthenticatedError):
            stranger.datasets()


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("POST", 415)])
def test_what_is_not_grpc_stops_at_the_proxy(proxy, method, status):
    address, authority, _ = proxy
    context = ssl.create_default_context(cafile=str(authority.ca))
    connection = http.client.HTTPSConnection(address, timeout=20, context=context)
    connection.request(method, "/metrics")
    assert connection.getresponse().status == status
