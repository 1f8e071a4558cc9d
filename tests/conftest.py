"""Runs the real server for the Python and end-to-end tests.

The binary is SOBOLEV_SERVER_BINARY, or server/sobolev-server in SOBOLEV_BUILD_DIR.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

import sobolev

START_SECONDS = 60
STOP_SECONDS = 60


def server_binary() -> str:
    binary = os.environ.get("SOBOLEV_SERVER_BINARY")
    if binary is None and "SOBOLEV_BUILD_DIR" in os.environ:
        binary = os.path.join(os.environ["SOBOLEV_BUILD_DIR"], "server", "sobolev-server")
    if binary is None:
        pytest.fail("set SOBOLEV_SERVER_BINARY to the sobolev-server to test")
    return binary


class ServerProcess:
    """A server on its own data directory, which survives stop and start."""

    def __init__(self, directory: pathlib.Path, *flags: str) -> None:
        self.data_dir = directory / "data"
        self.log_file = directory / "log"
        self._port_file = directory / "ports"
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        self.grpc = "127.0.0.1:0"
        self.metrics = "127.0.0.1:0"
        self.gateway = "127.0.0.1:0"  # "off" for none, "" for the default.

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the process without waiting for it to serve."""
        self._port_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    server_binary(),
                    *("--listen", self.grpc),
                    *("--metrics", self.metrics),
                    *(("--gateway", self.gateway) if self.gateway else ()),
                    *("--data-dir", str(self.data_dir)),
                    *("--port-file", str(self._port_file)),
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
            )
        return self._process

    def start(self) -> ServerProcess:
        """Starts and waits until it serves; on the ports of the last time, if there was one."""
        process = self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self._port_file.exists():
            assert process.poll() is None, f"the server ended at start:\n{self.log()}"
            assert time.monotonic() < deadline, f"the server did not start:\n{self.log()}"
            time.sleep(0.01)
        ports = dict(line.split("=") for line in self._port_file.read_text().split())
        self.grpc = ports["grpc"]
        self.metrics = ports["metrics"]
        self.gateway = ports.get("gateway", "off")
        return self

    def kill(self) -> None:
        """Ends it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def terminate(self) -> int:
        """Asks it to drain and end; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_SECONDS)
        self._process = None
        return code

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it as they found it, but for their own names."""
    process = ServerProcess(tmp_path_factory.mktemp("server")).start()
    yield process
    assert process.is_running(), f"the server ended during the tests:\n{process.log()}"
    assert process.terminate() == 0


@pytest.fixture
def make_server(tmp_path: pathlib.Path) -> Iterator[Callable[..., ServerProcess]]:
    """Makes servers that are not started yet; takes flags. Kills what is left at the end."""
    made: list[ServerProcess] = []

    def make(*flags: str) -> ServerProcess:
        directory = tmp_path / f"server{len(made)}"
        directory.mkdir()
        made.append(ServerProcess(directory, *flags))
        return made[-1]

    yield make
    for process in made:
        process.kill()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[sobolev.Client]:
    with sobolev.Client(server.grpc, timeout=30) as connected:
        yield connected
