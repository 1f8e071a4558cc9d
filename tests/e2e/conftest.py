"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from access import Tokens
from command_line import Cli
from wire import Wire

import sobolev


@pytest.fixture(scope="session")
def wire(server) -> Iterator[Wire]:
    """A server that holds the dataset DATASET, 2 inputs and 1 output, and MODEL trained on it."""
    rng = np.random.default_rng(1)
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset("bad-input", ["a", "b"], ["u"])
        x = rng.standard_normal((50, 2))
        dataset.append(x, x[:, 0] * x[:, 1])
        client.create_dataset("no-samples", ["a"], ["u"])
        client.create_dataset("one-sample", ["a"], ["u"]).append([1.0], [2.0])
        client.train(dataset=dataset, model="bad-input", hidden=[4], epochs=2).wait(progress=False)
    connected = Wire(server.grpc)
    yield connected
    connected.channel.close()


@pytest.fixture
def cli(server, tmp_path) -> Cli:
    """`sobolev` in an empty directory, talking to the server that all tests share."""
    return Cli(server.grpc, tmp_path)


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "tokens.jsonl")
