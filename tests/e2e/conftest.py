"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_line import Cli
from wire import Wire, stock


@pytest.fixture(scope="session")
def wire(server) -> Iterator[Wire]:
    """The server that all tests share, with what `stock` puts there."""
    connected = Wire(server.grpc)
    connected.job = stock(server.grpc)
    yield connected
    connected.channel.close()


@pytest.fixture
def cli(server, tmp_path) -> Cli:
    """`sobolev` in an empty directory, talking to the server that all tests share."""
    return Cli(server.grpc, tmp_path)
