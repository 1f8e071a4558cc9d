"""What the end-to-end tests share."""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from access import Tokens
from certificates import Authority
from command_line import Cli
from wire import Wire, stock

CONFIG = pathlib.Path(__file__).parents[2] / "deploy" / "haproxy.cfg"


@pytest.fixture(scope="session")
def wire(server) -> Iterator[Wire]:
    """The server that all tests share, with what `stock` puts there."""
    connected = Wire(server.grpc)
    connected.jobs = stock(server.grpc)
    yield connected
    connected.channel.close()


@pytest.fixture
def cli(server, tmp_path) -> Cli:
    """`sobolev` in an empty directory, talking to the server that all tests share."""
    return Cli(server.grpc, tmp_path)


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "tokens.jsonl")


@pytest.fixture
def proxy(make_server, tmp_path):
    """HAProxy before a server that asks for a token: address, authority, token, the server."""
    if shutil.which("haproxy") is None or shutil.which("openssl") is None:
        pytest.skip("needs haproxy and openssl")
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
        yield address, authority, token, server
    finally:
        process.terminate()
        process.wait(30)
