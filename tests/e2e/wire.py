"""Calls on the bare wire: bytes or messages in, bytes or google.rpc errors out."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

import google_crc32c
import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2

import sobolev
from sobolev._stubs import datasets_pb2, jobs_pb2, prediction_pb2, sampling_pb2
from sobolev._stubs.tensor_pb2 import Tensor

AppendRequest = datasets_pb2.AppendSamplesRequest

# What `stock` makes: 2 inputs, 1 output, 50 samples without Jacobians.
DATASET = "datasets/bad-input"
MODEL = "models/bad-input"


# As the comment of SampleBlock.crc32c says.
CHECKSUM_ORDER = [
    *("x", "y", "jacobian", "weight", "tangents", "jvp", "adjoints", "vjp"),
    *("hvp_adjoints", "hvp_tangents", "hvp", "y_variance", "jacobian_variance"),
]


def tensor(values: Any, shape: Iterable[int] | None = None, data: bytes | None = None) -> Tensor:
    """A float64 tensor, whose shape or bytes may be wrong on purpose."""
    array = np.asarray(values, "<f8")
    return Tensor(
        data_type=Tensor.DATA_TYPE_FLOAT64,
        shape=array.shape if shape is None else shape,
        data=array.tobytes() if data is None else data,
    )


def block(block_id: int, x: Any, y: Any, **parts: Any) -> datasets_pb2.SampleBlock:
    """A block with the right checksum; arrays become tensors, None leaves them unset."""
    message = datasets_pb2.SampleBlock(block_id=block_id)
    for name, part in {"x": x, "y": y, **parts}.items():
        if part is not None:
            getattr(message, name).CopyFrom(part if isinstance(part, Tensor) else tensor(part))
    message.crc32c = google_crc32c.value(
        b"".join(getattr(message, name).data for name in CHECKSUM_ORDER)
    )
    return message


def as_block(message: datasets_pb2.SampleBlock) -> AppendRequest:
    return AppendRequest(block=message)


def open_upload(dataset: str, upload_id: str) -> AppendRequest:
    return AppendRequest(open=AppendRequest.Open(dataset=dataset, upload_id=upload_id))


def commit(blocks: list[datasets_pb2.SampleBlock]) -> AppendRequest:
    """The commit message that fits these blocks, which are in ascending order."""
    return AppendRequest(
        commit=AppendRequest.Commit(
            block_count=len(blocks),
            sample_count=sum(b.x.shape[0] for b in blocks),
            crc32c=google_crc32c.value(b"".join(struct.pack("<I", b.crc32c) for b in blocks)),
        )
    )


def predict(x: Tensor | None = None, **fields: Any) -> prediction_pb2.PredictRequest:
    request = {"model": MODEL, "x": tensor([[0.0, 0.0]]) if x is None else x, **fields}
    return prediction_pb2.PredictRequest(**request)


def to_bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


class Wire:
    """A channel to a server. Methods are named "Service.Method"."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.jobs: dict[str, str] = {}  # What `stock` returned, if it was called.
        self.channel = grpc.insecure_channel(
            target,
            options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
        )

    @staticmethod
    def path(method: str) -> str:
        return "/sobolev.v1." + method.replace(".", "/")

    def unary(self, method: str, request: Any, timeout: float = 60) -> bytes:
        return self.channel.unary_unary(self.path(method))(to_bytes(request), timeout=timeout)

    def server_stream(self, method: str, request: Any, timeout: float = 60) -> list[bytes]:
        return list(
            self.channel.unary_stream(self.path(method))(to_bytes(request), timeout=timeout)
        )

    def start_sampling(self, dataset: str, **options: Any) -> str:
        """The id of a job that asks workers for a function of two numbers, both of them 1."""
        with sobolev.Client(self.target) as client:
            client.create_dataset(dataset, ["a", "b"], ["u"])
        spec = sampling_pb2.SamplingSpec(dataset=f"datasets/{dataset}", **options)
        for _ in range(2):
            spec.domain.add(min=1, max=1 + 1e-7)
        request = sampling_pb2.StartSamplingRequest(spec=spec)
        reply = self.unary("SamplingService.StartSampling", request)
        return jobs_pb2.Job.FromString(reply).name.removeprefix("jobs/")

    def ask(self, request: sampling_pb2.AskRequest) -> sampling_pb2.AskResponse:
        return sampling_pb2.AskResponse.FromString(self.unary("SamplingService.Ask", request))

    def append(
        self, requests: Iterable[Any], timeout: float = 60
    ) -> list[datasets_pb2.AppendSamplesResponse]:
        """All requests of one AppendSamples, and all its responses."""
        call = self.channel.stream_stream(
            self.path("DatasetService.AppendSamples"),
            response_deserializer=datasets_pb2.AppendSamplesResponse.FromString,
        )
        return list(call((to_bytes(request) for request in requests), timeout=timeout))


def stock(target: str) -> dict[str, str]:
    """Gives a server the dataset DATASET, MODEL trained on it, and what else the bad requests name.

    Returns ids of jobs: "job", a training that is over, "sampling", a sampling job whose points 1
    and 2 are with worker "w", and "stopped", one that has ended.
    """
    rng = np.random.default_rng(1)
    with sobolev.Client(target) as client:
        dataset = client.create_dataset("bad-input", ["a", "b"], ["u"])
        x = rng.standard_normal((50, 2))
        dataset.append(x, x[:, 0] * x[:, 1])
        client.create_dataset("appended", ["a", "b"], ["u"])
        client.create_dataset("no-samples", ["a"], ["u"])
        client.create_dataset("one-sample", ["a"], ["u"]).append([1.0], [2.0])
        source = "input a in [-1, 1]\ninput b in [-1, 2]\noutput u = a * b + sin(a)"
        client.create_program("bad-input", source)
        client.train(dataset=dataset, model="bad-input", hidden=[4], epochs=2).wait(progress=False)
        jobs = {"job": client.jobs()[0].id}
    wire = Wire(target)
    with wire.channel:
        jobs["sampling"] = wire.start_sampling("told", initial_points=8)
        jobs["stopped"] = wire.start_sampling("never-told")
        wire.unary(
            "JobService.CancelJob", jobs_pb2.CancelJobRequest(name=f"jobs/{jobs['stopped']}")
        )
        ask = sampling_pb2.AskRequest(name=f"jobs/{jobs['sampling']}", worker="w", count=2)
        deadline = time.monotonic() + 60
        while len(wire.ask(ask).points) < 2:
            assert time.monotonic() < deadline, "the sampling job placed no points"
            time.sleep(0.02)
    return jobs


class Refusal:
    """What a grpc.RpcError says, with its google.rpc details taken apart."""

    def __init__(self, error: Any) -> None:
        self.code: grpc.StatusCode = error.code()
        self.message: str = error.details()
        self.info = error_details_pb2.ErrorInfo()
        self.bad_request = error_details_pb2.BadRequest()
        self.status = status_pb2.Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.status.MergeFromString(value)
        for detail in self.status.details:
            detail.Unpack(self.info)
            detail.Unpack(self.bad_request)

    @property
    def field(self) -> str:
        return self.info.metadata.get("field", "")

    def require(
        self, code: str, reason: str | None = None, field: str | None = None, says: str = ""
    ) -> None:
        """Fails unless status, details and message agree with each other and with what is given."""
        described = f"{self.code.name} {self.info.reason} {self.field!r}: {self.message}"
        assert self.code.name == code, described
        assert says in self.message, described
        if reason is not None:
            assert self.info.reason == reason, described
            assert self.info.domain == "sobolev", described
            assert self.status.code == self.code.value[0], described
            assert self.status.message == self.message, described
        if field is not None:
            assert self.field == field, described
            assert field in self.message, described
            if code == "INVALID_ARGUMENT":
                assert [v.field for v in self.bad_request.field_violations] == [field], described


def refusal(call: Callable[[], Any]) -> Refusal:
    """The refusal with which `call` ends; fails if it succeeds."""
    with pytest.raises(grpc.RpcError) as info:
        call()
    return Refusal(info.value)
