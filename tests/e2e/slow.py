"""Calls that take long, to fill a server with."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
from access import metrics
from wire import Wire, tensor

import sobolev
from sobolev._stubs import programs_pb2

# Seconds of work on a machine of today, for as many points as one call may have.
SLOW_PROGRAM = """
input a in [0, 1]
var z = a
evolve t in 0..100000 {
  z += 0.001 * sin(z + t)
}
output z
"""


class SlowCalls:
    """Evaluations on `server`, which holds the program from now on."""

    def __init__(self, server: Any, timeout: float | None = None) -> None:
        self.server = server
        self.wire = Wire(server.grpc)
        self._evaluate = self.wire.channel.unary_unary(self.wire.path("ProgramService.Evaluate"))
        with sobolev.Client(server.grpc, timeout=timeout or 60) as client:
            client.create_program("slow", SLOW_PROGRAM)

    @staticmethod
    def request(points: int) -> bytes:
        return programs_pb2.EvaluateRequest(
            program="programs/slow", x=tensor(np.zeros((points, 1))), quantities=[1]
        ).SerializeToString()

    def evaluate(self, points: int, timeout: float | None = None) -> bytes:
        return self._evaluate(self.request(points), timeout=timeout)

    def start(self, points: int = 16384) -> grpc.Future:
        return self._evaluate.future(self.request(points), timeout=300)

    def under_way(self) -> int:
        """Evaluations that began and did not end."""
        begun = ended = 0.0
        for line in metrics(self.server).splitlines():
            if '"Evaluate"' not in line:
                continue
            if line.startswith("grpc_server_started_total"):
                begun += float(line.split()[-1])
            if line.startswith("grpc_server_handled_total"):
                ended += float(line.split()[-1])
        return int(begun - ended)

    def _fill(self, number: int) -> list[grpc.Future]:
        calls: list[grpc.Future] = []
        deadline = time.monotonic() + 60
        while self.under_way() < number:
            assert time.monotonic() < deadline, self.under_way()
            # While threads wake up some may be turned away.
            calls = [call for call in calls if not call.done()]
            if len(calls) < number:
                calls.append(self.start())
            time.sleep(0.02)
        return calls

    def _drain(self, calls: list[grpc.Future]) -> None:
        for call in calls:
            call.cancel()
        deadline = time.monotonic() + 60
        while self.under_way() > 0:
            assert time.monotonic() < deadline, self.under_way()
            time.sleep(0.02)

    @contextlib.contextmanager
    def running(self, number: int) -> Iterator[list[grpc.Future]]:
        """So many are under way meanwhile; cancelled at the end, and then gone."""
        calls = self._fill(number)
        try:
            yield calls
        finally:
            self._drain(calls)

    def filling_the_pool(self, threads: int) -> contextlib.AbstractContextManager[Any]:
        """Meanwhile every thread of the server has work, and more waits."""
        return self.running(threads + 1)
