"""One channel to a server with the services on it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any, Callable

import grpc

from sobolev import errors
from sobolev._stubs import (
    datasets_pb2_grpc,
    jobs_pb2_grpc,
    models_pb2_grpc,
    prediction_pb2_grpc,
    programs_pb2_grpc,
    training_pb2_grpc,
)

# Calls that give the same result when repeated after a lost answer. Deletions do not (NOT_FOUND),
# and uploads and job watches resume by themselves.
_RETRIED = {
    "DatasetService": ["CreateDataset", "GetDataset", "ListDatasets", "ReadSamples"],
    "TrainingService": ["Train"],
    "ModelService": ["GetModel", "ListModels", "GetModelVersion", "ListModelVersions"],
    "JobService": ["GetJob", "ListJobs", "CancelJob"],
    "PredictionService": ["Predict"],
    "ProgramService": [
        "CreateProgram",
        "CheckProgram",
        "GetProgram",
        "ListPrograms",
        "Evaluate",
        "Enclose",
        "AnalyzeCurvature",
    ],
}

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [
                {"service": f"sobolev.v1.{service}", "method": method}
                for service, methods in _RETRIED.items()
                for method in methods
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A dead peer is noticed within 80 s, while calls are open.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

# An attempt that lasted longer than this was connected.
_CONNECT_SECONDS = 30.0

# How a stream ends when the connection or the server went away.
_BROKEN = (errors.UnavailableError, errors.AbortedError)


def full_name(collection: str, name: str) -> str:
    """The resource name of what a user calls `name`: "datasets/x" of "x" or of itself."""
    return name if name.startswith(collection + "/") else f"{collection}/{name}"


class Connection:
    """A channel and its stubs. Thread-safe.

    timeout is in seconds: the deadline of each unary call, and how long a broken stream is taken up
    again without progress.
    """

    def __init__(self, target: str, timeout: float) -> None:
        self.target = target
        self.timeout = timeout
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self.datasets: Any = datasets_pb2_grpc.DatasetServiceStub(self._channel)
        self.training: Any = training_pb2_grpc.TrainingServiceStub(self._channel)
        self.models: Any = models_pb2_grpc.ModelServiceStub(self._channel)
        self.jobs: Any = jobs_pb2_grpc.JobServiceStub(self._channel)
        self.prediction: Any = prediction_pb2_grpc.PredictionServiceStub(self._channel)
        self.programs: Any = programs_pb2_grpc.ProgramServiceStub(self._channel)

    def close(self) -> None:
        """Ends calls under way and closes the channel."""
        self._channel.close()

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """The reply of a unary call. Raises SobolevError."""
        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from None

    def pages(self, method: Callable[..., Any], request: Any) -> Iterator[Any]:
        """The replies of a List call, page by page. Raises SobolevError."""
        while True:
            page = self.call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def exchange(self, method: Callable[..., Any], requests: Iterator[Any]) -> Iterator[Any]:
        """The replies to a series of requests. Raises SobolevError, and what `requests` raises."""
        raised: list[Exception] = []

        def guarded() -> Iterator[Any]:
            try:
                yield from requests
            except Exception as error:  # Of the caller; raised below, in the caller's thread.
                raised.append(error)

        call = method(guarded())
        try:
            yield from call
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from None
        finally:
            call.cancel()
        if raised:
            raise raised[0]

    def stream(
        self, open_call: Callable[[], Any], is_progress: Callable[[Any], bool] = lambda _: True
    ) -> Iterator[Any]:
        """The responses of a stream, which is opened again whenever it breaks.

        open_call: Starts the call; from the second time on, where the responses so far left off.
        is_progress: Whether a response shows that the work got further.
        Raises the last SobolevError once `timeout` seconds went by without progress, or at once if
        it was not a broken connection.
        """
        failures = 0
        broken_since = 0.0
        while True:
            start = time.monotonic()
            call = open_call()
            try:
                for response in call:
                    if is_progress(response):
                        failures = 0
                    yield response
                return
            except grpc.RpcError as error:
                exception = errors.from_rpc_error(error)
            finally:
                call.cancel()
            now = time.monotonic()
            if failures == 0 or now - start > _CONNECT_SECONDS:
                failures = 0
                broken_since = now
            if not isinstance(exception, _BROKEN) or now - broken_since > self.timeout:
                raise exception
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, 10))
            failures += 1
            time.sleep(pause * random.uniform(0.5, 1.0))
