"""Predictions that cannot be made, or that nobody waits for, end with their named status."""

from __future__ import annotations

import math

import grpc
import numpy as np
import pytest
from wire import (
    predict,
    refusal,
    tensor,
)

import sobolev
from sobolev._stubs import derivatives_pb2, jobs_pb2, prediction_pb2
from sobolev._stubs.tensor_pb2 import Tensor

JVP = {"quantities": [derivatives_pb2.QUANTITY_JVP]}
VJP = {"quantities": [derivatives_pb2.QUANTITY_VJP]}

BAD_PREDICTIONS = {
    "wrong width": (predict(tensor(np.ones((3, 3)))), "SHAPE_MISMATCH", "x", "[N, 2]"),
    "no batch axis": (predict(tensor([1.0, 2.0])), "SHAPE_MISMATCH", "x", "got [2]"),
    "no shape": (predict(Tensor()), "SHAPE_MISMATCH", "x", "got []"),
    "too few bytes": (
        predict(tensor(np.ones((3, 2)), data=bytes(47))),
        "SHAPE_MISMATCH",
        "x.data",
        "expected 48 bytes",
    ),
    "too many bytes": (
        predict(tensor(np.ones((3, 2)), data=bytes(56))),
        "SHAPE_MISMATCH",
        "x.data",
        "got 56",
    ),
    "float64 bytes as float32": (
        predict(Tensor(data_type=Tensor.DATA_TYPE_FLOAT32, shape=[1, 2], data=bytes(16))),
        "SHAPE_MISMATCH",
        "x.data",
        "expected 8 bytes",
    ),
    "negative extent": (
        predict(tensor([[1.0, 2.0]], shape=[-1, 2])),
        "SHAPE_MISMATCH",
        "x.shape[0]",
        "got -1",
    ),
    "two negative extents": (
        predict(tensor([[1.0, 2.0]], shape=[-1, -2])),
        "SHAPE_MISMATCH",
        "x.shape[0]",
        "got -1",
    ),
    "overflowing shape": (
        predict(tensor([[1.0, 2.0]], shape=[2**62, 2])),
        "SHAPE_MISMATCH",
        "x.shape",
        str(2**62),
    ),
    "overflow that wraps to zero": (
        predict(tensor([], shape=[2**60, 2])),
        "SHAPE_MISMATCH",
        "x.shape",
        str(2**60),
    ),
    "largest extent": (
        predict(tensor([[1.0, 2.0]], shape=[2**63 - 1, 2])),
        "SHAPE_MISMATCH",
        "x.shape",
        str(2**63 - 1),
    ),
    "huge shape that does not overflow": (
        predict(tensor([[1.0, 2.0]], shape=[2**40, 2])),
        "SHAPE_MISMATCH",
        "x.data",
        "got 16",
    ),
    "NaN": (
        predict(tensor([[1.0, 2.0], [math.nan, 4.0]])),
        "NON_FINITE",
        "x[1][0]",
        "row 1, column 0",
    ),
    "infinity": (predict(tensor([[1.0, -math.inf]])), "NON_FINITE", "x[0][1]", "-Inf"),
    "NaN as float32": (
        predict(
            Tensor(
                data_type=Tensor.DATA_TYPE_FLOAT32,
                shape=[1, 2],
                data=np.float32([0, math.nan]).tobytes(),
            )
        ),
        "NON_FINITE",
        "x[0][1]",
        "NaN",
    ),
    "unknown element type": (
        predict(Tensor(data_type=7, shape=[1, 2], data=bytes(16))),
        "UNKNOWN_ENUM_VALUE",
        "x.data_type",
        "got 7",
    ),
    "unknown reply type": (predict(data_type=7), "UNKNOWN_ENUM_VALUE", "data_type", "got 7"),
    "unknown quantity": (predict(quantities=[1, 99]), "UNKNOWN_ENUM_VALUE", "quantities[1]", "99"),
    "quantity zero": (predict(quantities=[0]), "UNKNOWN_ENUM_VALUE", "quantities[0]", "number 0"),
    "second-order adjoint without tangents": (
        predict(quantities=[derivatives_pb2.QUANTITY_HVP], adjoints=tensor([[1.0]])),
        "SHAPE_MISMATCH",
        "tangents",
        "[N, 2]",
    ),
    "second-order adjoint without adjoints": (
        predict(quantities=[derivatives_pb2.QUANTITY_HVP], tangents=tensor([[1.0, 0.0]])),
        "SHAPE_MISMATCH",
        "adjoints",
        "[N, 1]",
    ),
    "output beyond the model": (predict(outputs=[0, 1]), "OUT_OF_RANGE", "outputs[1]", "0 to 0"),
    "input twice": (predict(inputs=[1, 1]), "OUT_OF_RANGE", "inputs[1]", "got 1 twice"),
    "tangents of inputs outside the block": (
        predict(inputs=[1], tangents=tensor([[1.0, 0.0]]), **JVP),
        "SHAPE_MISMATCH",
        "tangents",
        "[N, 1]",
    ),
    "spread of a network": (
        predict(quantities=[derivatives_pb2.QUANTITY_SPREAD]),
        "UNSUPPORTED_QUANTITY",
        "quantities",
        "Gaussian processes and ensembles do",
    ),
    "spread of a network's Jacobian": (
        predict(quantities=[derivatives_pb2.QUANTITY_JACOBIAN_SPREAD]),
        "UNSUPPORTED_QUANTITY",
        "quantities",
        "Gaussian processes and ensembles do",
    ),
    "too many points": (
        predict(tensor(np.zeros((16385, 2)))),
        "TOO_MANY_ROWS",
        "x",
        "at most 16384",
    ),
    "no tangents": (predict(**JVP), "SHAPE_MISMATCH", "tangents", "[N, 2]"),
    "wrong tangents": (
        predict(tangents=tensor([[1.0, 2.0, 3.0]]), **JVP),
        "SHAPE_MISMATCH",
        "tangents",
        "got [1, 3]",
    ),
    "tangents of other points": (
        predict(tangents=tensor(np.ones((3, 1, 2))), **JVP),
        "SHAPE_MISMATCH",
        "tangents",
        "got [3, 1, 2]",
    ),
    "too many tangents": (
        predict(tangents=tensor(np.ones((4097, 2))), **JVP),
        "OUT_OF_RANGE",
        "tangents",
        "1 to 4096",
    ),
    "zero tangents": (
        predict(tangents=tensor(np.ones((0, 2))), **JVP),
        "OUT_OF_RANGE",
        "tangents",
        "got 0",
    ),
    "NaN tangent": (
        predict(tangents=tensor([[1.0, math.nan]]), **JVP),
        "NON_FINITE",
        "tangents[0][1]",
        "NaN",
    ),
    "wrong adjoints": (
        predict(adjoints=tensor([[1.0, 2.0]]), **VJP),
        "SHAPE_MISMATCH",
        "adjoints",
        "[N, 1]",
    ),
}


@pytest.mark.parametrize("case", BAD_PREDICTIONS)
def test_a_bad_prediction_is_refused(wire, case):
    request, reason, field, says = BAD_PREDICTIONS[case]
    refused = refusal(lambda: wire.unary("PredictionService.Predict", request))
    refused.require("INVALID_ARGUMENT", reason, field, says)


def test_a_reply_over_the_limit_is_refused(wire):
    request = predict(tensor(np.zeros((16384, 2))), tangents=tensor(np.ones((4096, 2))), **JVP)
    refused = refusal(lambda: wire.unary("PredictionService.Predict", request))
    refused.require("RESOURCE_EXHAUSTED", "REPLY_TOO_LARGE", "x", "fewer points")


def test_a_message_over_the_limit_is_refused(wire):
    request = predict(tensor(np.zeros((5 << 20, 2))))
    refused = refusal(lambda: wire.unary("PredictionService.Predict", request))
    refused.require("RESOURCE_EXHAUSTED")
    assert wire.unary("PredictionService.Predict", predict())


# ---- Calls that nobody waits for -----------------------------------------------------------------


def long_prediction() -> prediction_pb2.PredictRequest:
    rows = np.zeros((4000, 2))
    return predict(tensor(rows), tangents=tensor(np.ones((2000, 2))), **JVP)


def test_an_expired_call_ends_with_deadline_exceeded(wire):
    request = long_prediction()
    for timeout in (0.0, 0.001, 0.01):
        refused = refusal(lambda t=timeout: wire.unary("PredictionService.Predict", request, t))
        refused.require("DEADLINE_EXCEEDED")
    assert wire.unary("PredictionService.Predict", predict())


def test_a_cancelled_call_ends_with_cancelled(wire):
    call = wire.channel.unary_unary(wire.path("PredictionService.Predict"))
    for _ in range(5):
        future = call.future(long_prediction().SerializeToString())
        future.cancel()
        with pytest.raises(grpc.FutureCancelledError):
            future.result()
    assert wire.unary("PredictionService.Predict", predict())


def test_a_cancelled_watch_leaves_the_job_alone(wire, server):
    with sobolev.Client(server.grpc) as client:
        job = client.job(wire.jobs["job"])
        stream = wire.channel.unary_stream(wire.path("JobService.WatchJob"))(
            jobs_pb2.WatchJobRequest(name=job.name).SerializeToString()
        )
        next(stream)
        stream.cancel()
        assert job.refresh().state == "succeeded"
