"""A server that notices when its listener is dead."""

from __future__ import annotations

import pathlib
import resource
import shutil
import socket
import time

import pytest
from certificates import Authority

import sobolev


def test_a_listener_that_ran_out_of_files_ends_the_process(make_server):
    server = make_server("--min-open-files", "64", "--self-probe-seconds", "0.5").start()
    host, port = server.grpc.rsplit(":", 1)
    deadline = time.monotonic() + 60
    time.sleep(1)
    assert server.is_running()
    with sobolev.Client(server.grpc) as client:
        assert client.datasets() == []
    files = len(list(pathlib.Path(f"/proc/{server.process_id}/fd").iterdir()))
    resource.prlimit(server.process_id, resource.RLIMIT_NOFILE, (files + 3, files + 3))
    held = [socket.create_connection((host, int(port)), timeout=30) for _ in range(20)]
    while server.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for connection in held:
        connection.close()
    assert "the listener is dead; the process ends" in server.log()


@pytest.mark.parametrize("security", ["plaintext", "TLS", "mutual TLS"])
def test_a_listener_that_lives_is_left_alone(make_server, tmp_path, security):
    if security != "plaintext" and shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    flags = []
    if security != "plaintext":
        authority = Authority(tmp_path / "ours")
        cert, key = authority.sign("server")
        flags += ["--tls-cert", str(cert), "--tls-key", str(key)]
    if security == "mutual TLS":
        flags += ["--tls-client-ca", str(authority.ca)]
    server = make_server("--self-probe-seconds", "1", *flags).start()
    time.sleep(2.5)
    assert "does not react" not in server.log()
    assert server.terminate() == 0
    assert len(server.log().splitlines()) < 20
