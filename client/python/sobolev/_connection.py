"""One channel to a server with the services on it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
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
    sampling_pb2_grpc,
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
    "SamplingService": [
        "StartSampling",
        "GetSampling",
        "UpdateSampling",
        "GetSamplingBoxes",
        "ListSamplingPoints",
        "Ask",
        "Tell",
        "Heartbeat",
        "PauseSampling",
        "ResumeSampling",
        "StopSampling",
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
                # A full server names the pause, and says where a repetition is of no use.
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
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


@dataclasses.dataclass(frozen=True)
class Security:
    """How a channel is encrypted, and who calls. The files are PEM, as Client says."""

    tls: bool = False
    ca: str | os.PathLike[str] | None = None
    cert: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    token: str | None = None


def full_name(collection: str, name: str) -> str:
    """The resource name of what a user calls `name`: "datasets/x" of "x" or of itself."""
    return name if name.startswith(collection + "/") else f"{collection}/{name}"


class _Authorization(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Puts a token into every call."""

    def __init__(self, token: str) -> None:
        self._entry = ("authorization", f"Bearer {token}")

    def _intercept(self, continuation: Any, details: Any, requests: Any) -> Any:
        metadata = [*(details.metadata or ()), self._entry]
        return continuation(_with_metadata(details, metadata), requests)

    intercept_unary_unary = _intercept
    intercept_unary_stream = _intercept
    intercept_stream_stream = _intercept


class _CallDetails(grpc.ClientCallDetails):
    """What grpc wants to know of a call."""


def _with_metadata(details: Any, metadata: list[tuple[str, str]]) -> Any:
    changed = _CallDetails()
    for name in ("method", "timeout", "credentials", "wait_for_ready", "compression"):
        setattr(changed, name, getattr(details, name))
    changed.metadata = metadata
    return changed


def _open_channel(target: str, security: Security) -> grpc.Channel:
    if (security.cert is None) != (security.key is None):
        missing = "cert" if security.cert is None else "key"
        raise errors.invalid_argument("MISSING_ARGUMENT", missing, "expected both cert and key")
    files = [_read(path) for path in (security.ca, security.key, security.cert)]
    if security.tls or any(files):
        credentials = grpc.ssl_channel_credentials(*files)
        channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
    else:
        channel = grpc.insecure_channel(target, options=_OPTIONS)
    if security.token is not None:
        channel = grpc.intercept_channel(channel, _Authorization(security.token))
    return channel


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else pathlib.Path(path).read_bytes()


def _sleep_before_retry(failures: int) -> None:
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, 10))
    time.sleep(pause * random.uniform(0.5, 1.0))


class Connection:
    """A channel and its stubs. Thread-safe.

    timeout is in seconds: the deadline of each unary call, and how long a broken stream is taken up
    again without progress.
    """

    def __init__(self, target: str, timeout: float, security: Security) -> None:
        self.target = target
        self.timeout = timeout
        self._channel = _open_channel(target, security)
        self.datasets: Any = datasets_pb2_grpc.DatasetServiceStub(self._channel)
        self.training: Any = training_pb2_grpc.TrainingServiceStub(self._channel)
        self.models: Any = models_pb2_grpc.ModelServiceStub(self._channel)
        self.jobs: Any = jobs_pb2_grpc.JobServiceStub(self._channel)
        self.prediction: Any = prediction_pb2_grpc.PredictionServiceStub(self._channel)
        self.programs: Any = programs_pb2_grpc.ProgramServiceStub(self._channel)
        self.sampling: Any = sampling_pb2_grpc.SamplingServiceStub(self._channel)

    def close(self) -> None:
        """Ends calls under way and closes the channel."""
        self._channel.close()

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """The reply of a unary call. Raises SobolevError."""
        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from None

    def persist(self, method: Callable[..., Any], request: Any) -> Any:
        """The reply of a unary call that may be repeated, which it is while no server answers.

        Raises SobolevError: that of a broken connection once `timeout` seconds went by.
        """
        start = time.monotonic()
        failures = 0
        while True:
            try:
                return self.call(method, request)
            except (*_BROKEN, errors.DeadlineExceededError, errors.ResourceExhaustedError) as error:
                is_refused = isinstance(error, errors.ResourceExhaustedError)
                if (is_refused and error.retry_delay is None) or (
                    time.monotonic() - start > self.timeout
                ):
                    raise
            _sleep_before_retry(failures)
            failures += 1

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
            _sleep_before_retry(failures)
            failures += 1
