"""Messages that are wrong as a whole, in every call that could take them: bytes that are none, text
that is no UTF-8, nothing at all, tensors whose shape, bytes and numbers disagree, and names of what
does not exist.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from contract import GOOD, TENSOR, Call, Fields, dotted, fields_of, is_message, put
from google.protobuf.descriptor import FieldDescriptor as Field
from wire import refusal

from sobolev._stubs.tensor_pb2 import Tensor

# ---- Bytes ---------------------------------------------------------------------------------------

GARBAGE = {
    "a broken tag": b"\xff",
    "an endless number": b"\x08" + b"\xff" * 12,
    "a length beyond the end": b"\x0a\xff\xff\xff\xff\x0f",
    "a length of 2^63": b"\x0a" + b"\xff" * 8 + b"\x7f",
    "a truncated string": b"\x0a\x05ab",
    "groups without end": b"\x0b" * 100,
    "an end of no group": b"\x0c",
    "nesting deeper than 32": b"\x7b" * 40 + b"\x7c" * 40,  # Field 15 is unknown everywhere.
    "every byte": bytes(range(256)),
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("call", GOOD)
def test_bytes_that_are_no_message_are_refused(wire, call, garbage):
    asked = Call(call, wire.jobs)
    found = refusal(lambda: asked.send(wire.channel, GARBAGE[garbage]))
    found.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", says="expected the bytes of a ")
    assert found.field.removeprefix("request[0].") == "request"


@pytest.mark.parametrize("call", GOOD)
def test_bytes_after_a_good_message_are_refused(wire, call):
    asked = Call(call, wire.jobs)
    trailing = asked.request().SerializeToString() + b"\x00"
    found = refusal(lambda: asked.send(wire.channel, trailing))
    found.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE")


STRINGS = [
    (call, fields)
    for call in GOOD
    for fields in fields_of(call)
    if fields[-1].type == Field.TYPE_STRING
]


def case(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], Field):
        return dotted(value)
    return str(value)


@pytest.mark.parametrize(("call", "fields"), STRINGS, ids=case)
def test_text_that_is_no_utf8_is_refused(wire, call, fields):
    asked = Call(call, wire.jobs)
    request = asked.request()
    put(request, fields, "@@@@@@")
    good = request.SerializeToString()
    assert good.count(b"@@@@@@") == 1
    for bad in (b"\xff\xfe\xfd\xfc\xfb\xfa", b"ab\xed\xa0\x80c", b"abc\xc0\xafd", b"abcde\xe2"):
        encoded = good.replace(b"@@@@@@", bad)
        found = refusal(lambda e=encoded: asked.send(wire.channel, e))
        found.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", says="UTF-8")


# ---- Nothing -------------------------------------------------------------------------------------

NAMELESS = ("INVALID_ARGUMENT", "INVALID_NAME")
EMPTY: dict[str, tuple[str, str] | None] = {
    **dict.fromkeys(GOOD, NAMELESS),
    "DatasetService.AppendSamples open": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "DatasetService.AppendSamples block": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "DatasetService.AppendSamples commit": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "ModelService.AnalyzeSignificance": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "PredictionService.Bound": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "PredictionService.Certify": ("INVALID_ARGUMENT", "MISSING_FIELD"),
    "ProgramService.CheckProgram": ("INVALID_ARGUMENT", "SYNTAX_ERROR"),
    # These ask for nothing in particular.
    "DatasetService.ListDatasets": None,
    "JobService.ListJobs": None,
    "ModelService.ListModels": None,
    "ProgramService.ListPrograms": None,
    "GRPCInferenceService.ServerLive": None,
    "GRPCInferenceService.ServerReady": None,
    "GRPCInferenceService.ServerMetadata": None,
    "GRPCInferenceService.RepositoryIndex": None,
}


@pytest.mark.parametrize("call", GOOD)
def test_an_empty_request_is_refused_unless_it_says_all(wire, call):
    asked = Call(call, wire.jobs)
    if EMPTY[call] is None:
        assert len(asked.send(wire.channel, b"")) == 1
    else:
        refusal(lambda: asked.send(wire.channel, b"")).require(*EMPTY[call])


# ---- Tensors -------------------------------------------------------------------------------------


class TensorRow(NamedTuple):
    """What is done to a good tensor, and what must come of it. {0} stands for its good shape."""

    change: str
    reason: str
    field: str  # Below the tensor.
    says: str


TENSOR_ROWS = [
    TensorRow("data_type: 7", "UNKNOWN_ENUM_VALUE", ".data_type", "got 7"),
    TensorRow("shape: []", "SHAPE_MISMATCH", "", "got []"),
    TensorRow("one column more", "SHAPE_MISMATCH", "", "expected shape ["),
    TensorRow("one dimension more", "SHAPE_MISMATCH", "", "expected shape ["),
    TensorRow("shape[0]: -1", "SHAPE_MISMATCH", ".shape[0]", "got -1"),
    TensorRow("shape[0]: -2^63", "SHAPE_MISMATCH", ".shape[0]", "got -9223372036854775808"),
    TensorRow("shape[0]: 2^63 - 1", "SHAPE_MISMATCH", "", "9223372036854775807"),
    TensorRow("shape[0]: 2^61", "SHAPE_MISMATCH", "", "2305843009213693952"),
    TensorRow("one byte less", "SHAPE_MISMATCH", ".data", "bytes for shape"),
    TensorRow("one byte more", "SHAPE_MISMATCH", ".data", "bytes for shape"),
    TensorRow("no bytes", "SHAPE_MISMATCH", ".data", "got 0"),
    TensorRow("as float32", "SHAPE_MISMATCH", ".data", "of 4-byte elements"),
    TensorRow("last number: nan", "NON_FINITE", "[last]", "got NaN"),
    TensorRow("last number: inf", "NON_FINITE", "[last]", "got +Inf"),
    TensorRow("last number: -inf", "NON_FINITE", "[last]", "got -Inf"),
]

TENSORS = [
    (call, fields)
    for call in GOOD
    for fields in fields_of(call)
    if is_message(fields[-1]) and fields[-1].message_type.full_name == TENSOR
]


def changed(good: Tensor, change: str) -> Tensor:
    tensor = Tensor()
    tensor.CopyFrom(good)
    if change.startswith("shape[0]: "):
        tensor.shape[0] = eval(change.removeprefix("shape[0]: ").replace("^", "**"))
    elif change.startswith("last number: "):
        numbers = np.frombuffer(good.data, "<f8").copy()
        numbers[-1] = float(change.removeprefix("last number: "))
        tensor.data = numbers.tobytes()
    elif change == "data_type: 7":
        tensor.data_type = 7
    elif change == "shape: []":
        tensor.shape[:] = []
    elif change == "one column more":
        tensor.shape[-1] += 1
        tensor.data = bytes(8 * math.prod(tensor.shape))
    elif change == "one dimension more":
        tensor.shape.extend([1, 1])
    elif change == "as float32":
        tensor.data_type = Tensor.DATA_TYPE_FLOAT32
    else:
        tensor.data = {
            "one byte less": good.data[:-1],
            "one byte more": good.data + b"\0",
            "no bytes": b"",
        }[change]
    return tensor


@pytest.mark.parametrize("row", TENSOR_ROWS, ids=lambda row: row.change)
@pytest.mark.parametrize(("call", "fields"), TENSORS, ids=case)
def test_a_bad_tensor_is_refused_by_name(wire, call, fields: Fields, row: TensorRow):
    asked = Call(call, wire.jobs)
    request = asked.request()
    holder = request
    for field in fields[:-1]:
        holder = getattr(holder, field.name)
    good = Tensor.FromString(getattr(holder, fields[-1].name).SerializeToString())
    bad = changed(good, row.change)
    getattr(holder, fields[-1].name).ParseFromString(bad.SerializeToString())
    found = refusal(lambda: asked.send(wire.channel, request))
    if "variance" in fields[-1].name and row.reason == "NON_FINITE":
        found.require("INVALID_ARGUMENT", "OUT_OF_RANGE", says="expected a finite variance > 0")
    else:
        found.require("INVALID_ARGUMENT", row.reason, says=row.says)
    last = "".join(f"[{extent - 1}]" for extent in good.shape)
    name = dotted(fields) + row.field.replace("[last]", last)
    reported = found.field.removeprefix("request[0].")
    # Where the number of rows is free, the bytes are what is wrong.
    allowed = {name, name + ".shape", name + ".data"} if row.change.startswith("shape") else {name}
    assert reported in allowed, found.message
    if row.change.startswith("one "):  # Both shapes, or both numbers of bytes.
        assert re.search(r"expected .*\d.*, got \[?\d", found.message), found.message
