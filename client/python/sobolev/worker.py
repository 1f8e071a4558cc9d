"""Workers: a Python function that evaluates the points of a sampling job."""

from __future__ import annotations

import contextlib
import math
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from sobolev.errors import Infeasible
from sobolev.sampling import Asked, Failure, Sampling, SamplingPoint

# x [n] to y, or to the tuple (y, Jacobian).
Function = Callable[[Any], Any]

_REASON_BYTES = 1024
# How often a worker with room looks for more points, and whether stop() was called, while it
# evaluates some.
_TICK = 0.2


@dataclass(frozen=True)
class WorkSummary:
    """What a worker told, by what it was: points with values, infeasible ones, failures."""

    evaluated: int
    infeasible: int
    failed: int


class Worker:
    """Evaluates the points of a sampling job with a function of x.

    Calling it calls the function; run() works until the job ends. Made by Client.worker.
    """

    def __init__(
        self, sampling: Sampling, function: Function, parallel: int, name: str | None
    ) -> None:
        if parallel < 1:
            raise ValueError(f"parallel: expected 1 or more, got {parallel}")
        self.sampling = sampling
        self.function = function
        self.parallel = parallel
        self.name = name or _unique_name()
        self._stopped = threading.Event()

    def __call__(self, x: Any) -> Any:
        """The function at x."""
        return self.function(x)

    def stop(self) -> None:
        """Makes run() return once the evaluations under way are told. From any thread."""
        self._stopped.set()

    def run(self) -> WorkSummary:
        """Asks, evaluates in `parallel` threads and tells, until the job ends.

        Leases are renewed while the function runs. A server that goes away is waited for as long as
        Client's timeout says; then UnavailableError is raised.
        """
        return _Shift(self).run()

    def is_stopped(self) -> bool:
        """Whether stop() was called."""
        return self._stopped.is_set()

    def wait_for_stop(self, seconds: float) -> None:
        """Sleeps, at most until stop() is called."""
        self._stopped.wait(seconds)


class _Shift:
    """One run of a worker: what is being evaluated, and when to call the server next."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._sampling = worker.sampling
        self._running: dict[Future[Any], SamplingPoint] = {}
        self._tally = {"evaluated": 0, "infeasible": 0, "failed": 0}
        self._next_ask = 0.0
        self._next_heartbeat = math.inf

    def run(self) -> WorkSummary:
        finished = False
        with _threads(self._worker.parallel) as pool:
            while True:
                finished = finished or self._worker.is_stopped()
                now = time.monotonic()
                has_room = len(self._running) < self._worker.parallel
                if not finished and has_room and now >= self._next_ask:
                    asked = self._sampling.ask(self._worker.name, self._worker.parallel)
                    self._take_on(asked, pool)
                    finished = asked.finished
                if now >= self._next_heartbeat:
                    self._sampling.heartbeat(self._worker.name)
                    self._next_heartbeat = now + self._heartbeat
                if finished and not self._running:
                    return WorkSummary(**self._tally)
                self._collect()

    def _take_on(self, asked: Asked, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        self._heartbeat = asked.heartbeat
        self._next_heartbeat = min(self._next_heartbeat, now + asked.heartbeat)
        self._next_ask = now + asked.retry_after
        under_way = {point.id for point in self._running.values()}
        for point in asked.points:
            if point.id not in under_way:
                self._running[pool.submit(self._worker.function, point.x.copy())] = point

    def _collect(self) -> None:
        """Waits a little for evaluations to end, and tells those that have."""
        if not self._running:
            self._worker.wait_for_stop(max(0.0, self._next_ask - time.monotonic()))
            return
        done, _ = wait(self._running, timeout=_TICK, return_when=FIRST_COMPLETED)
        for future in done:
            self._tell(self._running.pop(future), future)
            self._next_ask = 0.0

    def _tell(self, point: SamplingPoint, future: Future[Any]) -> None:
        try:
            value = future.result()
        except Infeasible as error:
            self._tell_failure(point, str(error), infeasible=True)
            return
        except Exception as error:
            self._tell_failure(point, f"{type(error).__name__}: {error}")
            return
        try:
            y, jacobian = _as_rows(value)
            self._sampling.tell(self._worker.name, [point], y, jacobian)
            self._tally["evaluated"] += 1
        except (TypeError, ValueError) as error:  # InvalidArgumentError is one of these.
            is_infeasible = getattr(error, "reason", "") == "NON_FINITE"
            self._tell_failure(point, str(error), infeasible=is_infeasible)

    def _tell_failure(self, point: SamplingPoint, reason: str, infeasible: bool = False) -> None:
        told = reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore")
        failure = Failure(point.id, told, infeasible, point.attempt)
        self._sampling.tell(self._worker.name, [], failures=[failure])
        self._tally["infeasible" if infeasible else "failed"] += 1


def _as_rows(value: Any) -> tuple[Any, Any]:
    """Value and Jacobian of one point as arrays of one row."""
    y, jacobian = value if isinstance(value, tuple) else (value, None)
    if y is None and jacobian is None:
        raise TypeError("expected the function to return y or (y, Jacobian), got None")
    return (
        None if y is None else np.reshape(y, (1, -1)),
        None if jacobian is None else np.asarray(jacobian)[np.newaxis],
    )


@contextlib.contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that does not hold up an exception until what it runs has ended."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="sobolev-worker")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _unique_name() -> str:
    """Tells the machine and the process, for those who read SamplingPoint.worker."""
    host = re.sub("[^A-Za-z0-9_.-]", "-", socket.gethostname())[:40]
    return f"{host or 'worker'}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
