"""A model for the clients of other projects to ask."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import sobolev

MODEL = "waves"


def function(x: np.ndarray) -> np.ndarray:
    """y = (sin a + a b, b exp(c / 2)), [N, 2]."""
    a, b, c = np.moveaxis(np.asarray(x, float), -1, 0)
    return np.stack([np.sin(a) + a * b, b * np.exp(c / 2)], -1)


def jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobians, [N, 2, 3]."""
    a, b, c = np.moveaxis(np.asarray(x, float), -1, 0)
    zero = np.zeros_like(a)
    first = np.stack([np.cos(a) + b, a, zero], -1)
    second = np.stack([zero, np.exp(c / 2), b * np.exp(c / 2) / 2], -1)
    return np.stack([first, second], -2)


@pytest.fixture(scope="session")
def model(server) -> Iterator[sobolev.Model]:
    """A surrogate of `function` on [-1, 1]^3, within 1e-3 of it."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (200, 3))
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset(MODEL, ["a", "b", "c"], ["u", "v"])
        dataset.append(x, function(x), jacobian(x))
        client.train(
            dataset=dataset,
            model=MODEL,
            kind="network",
            optimizer="levenberg-marquardt",
            hidden=[16, 16],
        ).wait(progress=False)
        yield client.model(MODEL)
