"""Datasets that are larger than the memory of a job are trained on all the same."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sobolev

MIB = 2**20
INPUTS = 20
SAMPLES = 250_000  # 80 MiB, and 41 MiB as rows in float32.
LIMIT = 28 * MIB


def samples(count: int) -> dict[str, Any]:
    """y = sin(w x) with its gradient."""
    rng = np.random.default_rng(1)
    w = np.sin(1.0 + np.arange(INPUTS))
    x = rng.uniform(-1, 1, (count, INPUTS))
    z = x @ w
    return {"x": x, "y": np.sin(z), "jacobian": np.cos(z)[:, None, None] * w}


class PeakMemory:
    """The most private memory of a process, in bytes, sampled while the block runs."""

    def __init__(self, process_id: int) -> None:
        self._status = pathlib.Path(f"/proc/{process_id}/status")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.start = self._now()
        self.peak = self.start

    def _now(self) -> int:
        lines = self._status.read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, self._now())

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_dataset_larger_than_the_memory_of_a_job_is_streamed(make_server: Callable[..., Any]):
    server = make_server(f"--job-memory-bytes={LIMIT}").start()
    with sobolev.Client(server.grpc, timeout=120) as client:
        arrays = samples(SAMPLES)
        dataset = client.create_dataset(
            "large", inputs=[f"x{j}" for j in range(INPUTS)], outputs=["y"]
        )
        dataset.append(**arrays)
        with PeakMemory(server.process_id) as memory:
            job = client.train(
                dataset=dataset, optimizer="adam", hidden=[16, 16], epochs=2, batch_size=500
            )
            model = job.wait()
        assert model.report.training_samples == SAMPLES * 9 // 10
        # Half as much again for the server's own threads, checks and journals.
        assert memory.peak - memory.start < LIMIT * 1.5
        test = samples(1000)
        error = model.predict(test["x"])[:, 0] - test["y"]
        assert np.sqrt(np.mean(error**2)) < 0.05
        with pytest.raises(sobolev.ResourceExhaustedError, match="a smaller network or batch"):
            client.train(dataset=dataset, optimizer="adam", batch_size=200_000)
