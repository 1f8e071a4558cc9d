"""Every kind of bad input gets its named status, a message that names the field, and details."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterator
from typing import Any, Callable

import grpc
import numpy as np
import pytest
from wire import AppendRequest, Refusal, Wire, block, commit, open_upload, tensor

import sobolev
from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2, prediction_pb2, training_pb2
from sobolev._stubs.tensor_pb2 import Tensor

DATASET = "datasets/bad-input"
MODEL = "models/bad-input"
MIB = 1 << 20

_counter = itertools.count()


@pytest.fixture(scope="module")
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


def refusal(call: Callable[[], Any]) -> Refusal:
    with pytest.raises(grpc.RpcError) as info:
        call()
    return Refusal(info.value)


# ---- Predict ------------------------------------------------------------------------------------


def predict(x: Tensor | None = None, **fields: Any) -> prediction_pb2.PredictRequest:
    request = {"model": MODEL, "x": tensor([[0.0, 0.0]]) if x is None else x, **fields}
    return prediction_pb2.PredictRequest(**request)


JVP = {"quantities": [prediction_pb2.PredictRequest.QUANTITY_JVP]}
VJP = {"quantities": [prediction_pb2.PredictRequest.QUANTITY_VJP]}

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


def test_an_infinite_extent_times_eight_is_refused_in_uploads_too(wire, server):
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("eight", [f"x{i}" for i in range(8)], ["u"])
    bad = block(0, tensor([], shape=[2**62, 8]), tensor([], shape=[2**62, 1]))
    refused = refusal(lambda: wire.append([open_upload("datasets/eight", "u"), as_block(bad)]))
    refused.require("INVALID_ARGUMENT", "SHAPE_MISMATCH", says=str(2**62))


def test_a_reply_over_the_limit_is_refused(wire):
    request = predict(tensor(np.zeros((16384, 2))), tangents=tensor(np.ones((4096, 2))), **JVP)
    refused = refusal(lambda: wire.unary("PredictionService.Predict", request))
    refused.require("RESOURCE_EXHAUSTED", "REPLY_TOO_LARGE", "x", "fewer points")


def test_a_message_over_the_limit_is_refused(wire):
    request = predict(tensor(np.zeros((5 * MIB, 2))))
    refused = refusal(lambda: wire.unary("PredictionService.Predict", request))
    refused.require("RESOURCE_EXHAUSTED")
    assert wire.unary("PredictionService.Predict", predict())


# ---- Calls that nobody waits for ----------------------------------------------------------------


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
        job = client.jobs()[0]
        stream = wire.channel.unary_stream(wire.path("JobService.WatchJob"))(
            jobs_pb2.WatchJobRequest(name=job.name).SerializeToString()
        )
        next(stream)
        stream.cancel()
        assert job.refresh().state == "succeeded"


def test_a_cancelled_upload_stays_open_and_invisible(wire, server):
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset("cancelled", ["a"], ["u"])
    first = block(0, [[1.0]], [[2.0]])
    sent = iter([open_upload(dataset.name, "u"), as_block(first)])

    def requests() -> Iterator[bytes]:
        for request in sent:
            yield request.SerializeToString()
        while True:
            yield b""  # Refused, if it were ever read before the cancellation.

    stream = wire.channel.stream_stream(
        wire.path("DatasetService.AppendSamples"),
        response_deserializer=datasets_pb2.AppendSamplesResponse.FromString,
    )(itertools.islice(requests(), 2))
    assert next(stream).HasField("opened")
    stream.cancel()
    assert dataset.refresh().version == 0


# ---- AppendSamples ------------------------------------------------------------------------------


def as_block(message: datasets_pb2.SampleBlock) -> AppendRequest:
    return AppendRequest(block=message)


GOOD_X = np.arange(6.0).reshape(3, 2)
GOOD_Y = np.arange(3.0).reshape(3, 1)


def with_nan(array: np.ndarray, row: int, column: int, value: float = math.nan) -> np.ndarray:
    array = array.copy()
    array[row, column] = value
    return array


def with_crc(message: datasets_pb2.SampleBlock, crc: int) -> datasets_pb2.SampleBlock:
    message.crc32c = crc
    return message


BAD_BLOCKS = {
    "wrong width of x": (block(0, np.ones((3, 3)), GOOD_Y), "SHAPE_MISMATCH", "block.x", "[N, 2]"),
    "wrong width of y": (block(0, GOOD_X, np.ones((3, 2))), "SHAPE_MISMATCH", "block.y", "[3, 1]"),
    "rows of y": (block(0, GOOD_X, np.ones((2, 1))), "SHAPE_MISMATCH", "block.y", "got [2, 1]"),
    "no y": (block(0, GOOD_X, Tensor()), "SHAPE_MISMATCH", "block.y", "got []"),
    "no rows": (
        block(0, np.ones((0, 2)), np.ones((0, 1))),
        "OUT_OF_RANGE",
        "block.x",
        "expected 1 to 65536 rows, got 0",
    ),
    "too many rows": (
        block(0, np.ones((65537, 2)), np.ones((65537, 1))),
        "OUT_OF_RANGE",
        "block.x",
        "got 65537",
    ),
    "bytes of x": (
        block(0, tensor(GOOD_X, data=bytes(40)), GOOD_Y),
        "SHAPE_MISMATCH",
        "block.x.data",
        "expected 48 bytes",
    ),
    "negative extent": (
        block(0, tensor(GOOD_X, shape=[-3, 2]), GOOD_Y),
        "SHAPE_MISMATCH",
        "block.x.shape[0]",
        "got -3",
    ),
    "transposed Jacobian": (
        block(0, GOOD_X, GOOD_Y, jacobian=np.ones((3, 2, 1))),
        "SHAPE_MISMATCH",
        "block.jacobian",
        "expected shape [3, 1, 2]",
    ),
    "NaN in x": (
        block(0, with_nan(GOOD_X, 2, 1), GOOD_Y),
        "NON_FINITE",
        "block.x[2][1]",
        "row 2, column 1",
    ),
    "infinity in y": (
        block(0, GOOD_X, with_nan(GOOD_Y, 1, 0, math.inf)),
        "NON_FINITE",
        "block.y[1][0]",
        "row 1, column 0",
    ),
    "NaN in the Jacobian": (
        block(0, GOOD_X, GOOD_Y, jacobian=np.full((3, 1, 2), math.nan)),
        "NON_FINITE",
        "block.jacobian[0][0][0]",
        "NaN",
    ),
    "zero weight": (
        block(0, GOOD_X, GOOD_Y, weight=[1.0, 0.0, 1.0]),
        "OUT_OF_RANGE",
        "block.weight[1]",
        "> 0",
    ),
    "shape of the weight": (
        block(0, GOOD_X, GOOD_Y, weight=[[1.0], [1.0], [1.0]]),
        "SHAPE_MISMATCH",
        "block.weight",
        "expected shape [3]",
    ),
    "wrong checksum": (
        with_crc(block(0, GOOD_X, GOOD_Y), 12345),
        "CHECKSUM_MISMATCH",
        "block.crc32c",
        "got 12345",
    ),
    "negative block id": (block(-1, GOOD_X, GOOD_Y), "OUT_OF_RANGE", "block.block_id", "got -1"),
}


@pytest.mark.parametrize("case", BAD_BLOCKS)
def test_a_bad_block_is_refused_and_nothing_becomes_visible(wire, server, case):
    bad, reason, field, says = BAD_BLOCKS[case]
    upload = open_upload(DATASET, f"bad-{next(_counter)}")
    refused = refusal(lambda: wire.append([upload, as_block(bad)]))
    refused.require("INVALID_ARGUMENT", reason, field, says)
    with sobolev.Client(server.grpc) as client:
        assert client.dataset(DATASET).version == 1


def test_messages_out_of_order_are_refused(wire):
    good = block(0, GOOD_X, GOOD_Y)
    upload = open_upload(DATASET, "order")
    for requests, field in (
        ([as_block(good)], "block"),
        ([commit([good])], "commit"),
        ([upload, upload], "open"),
        ([AppendRequest()], "message"),
    ):
        refused = refusal(lambda r=requests: wire.append(r))
        refused.require("INVALID_ARGUMENT", field=field)


def test_a_stream_that_ends_without_commit_is_aborted(wire):
    upload = open_upload(DATASET, f"no-commit-{next(_counter)}")
    refused = refusal(lambda: wire.append([upload, as_block(block(0, GOOD_X, GOOD_Y))]))
    refused.require("ABORTED", "UPLOAD_NOT_COMMITTED", "commit", "resume")


def test_a_garbled_message_in_a_stream_is_no_commit(wire, server):
    good = block(0, GOOD_X, GOOD_Y)
    whole = as_block(good).SerializeToString()
    for garbage in (b"\xff\xff\xff", whole[:-3]):
        upload = open_upload(DATASET, f"garbled-{next(_counter)}")
        refused = refusal(lambda u=upload, g=garbage: wire.append([u, as_block(good), g]))
        refused.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request")
    with sobolev.Client(server.grpc) as client:
        assert client.dataset(DATASET).version == 1


@pytest.mark.parametrize("change", ["block_count", "sample_count", "crc32c"])
def test_a_commit_that_disagrees_commits_nothing_and_can_be_mended(wire, server, change):
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset(f"commit-{change.replace('_', '-')}", ["a", "b"], ["u"])
        blocks = [block(0, GOOD_X, GOOD_Y), block(1, GOOD_X + 1, GOOD_Y)]
        bad = commit(blocks)
        setattr(bad.commit, change, getattr(bad.commit, change) + 1)
        upload = open_upload(dataset.name, "u")
        refused = refusal(lambda: wire.append([upload, *map(as_block, blocks), bad]))
        refused.require("INVALID_ARGUMENT", field=f"commit.{change}")
        assert dataset.refresh().version == 0
        assert len(dataset) == 0
        responses = wire.append([upload, commit(blocks)])
        assert responses[-1].committed.sample_count == 6
        assert len(dataset.refresh()) == 6


def test_an_empty_commit_is_refused(wire):
    upload = open_upload(DATASET, f"empty-{next(_counter)}")
    refused = refusal(lambda: wire.append([upload, commit([])]))
    refused.require("INVALID_ARGUMENT")


def test_a_block_id_with_other_content_is_refused(wire):
    upload = open_upload(DATASET, f"other-{next(_counter)}")
    first = block(0, GOOD_X, GOOD_Y)
    other = block(0, GOOD_X + 1, GOOD_Y)
    refused = refusal(lambda: wire.append([upload, as_block(first), as_block(other)]))
    refused.require("ALREADY_EXISTS", field="block.block_id")


def test_a_block_over_the_message_limit_is_refused(wire):
    upload = open_upload(DATASET, f"large-{next(_counter)}")
    large = block(0, np.ones((4 * MIB, 2)), np.ones((4 * MIB, 1)))
    refused = refusal(lambda: wire.append([upload, as_block(large)]))
    refused.require("RESOURCE_EXHAUSTED")


def test_values_outside_the_schema_are_refused_with_the_row(wire, server):
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("bounded", [sobolev.Variable("a", lower=0)], ["u"])
    bad = block(0, [[1.0], [-1.0]], [[1.0], [1.0]])
    refused = refusal(lambda: wire.append([open_upload("datasets/bounded", "u"), as_block(bad)]))
    refused.require("INVALID_ARGUMENT", "OUT_OF_BOUNDS", "block.x[1][0]", "a >= 0")


# ---- Names --------------------------------------------------------------------------------------

BAD_IDS = [
    "",
    "../x",
    "a/b",
    "a\\b",
    "%2e",
    "%2e%2e%2f",
    "Upper",
    "a" * 64,
    ".",
    "..",
    "a..b",
    "-a",
    "a-",
    "a b",
    "a\x00b",
    "a\nb",
    "é",
]


def named_requests(name: str) -> list[tuple[str, Any, str]]:
    """Every request that names a resource: method, message, field."""
    dataset, model, job = f"datasets/{name}", f"models/{name}", f"jobs/{name}"
    schema = datasets_pb2.Schema(
        inputs=[datasets_pb2.Variable(name="a")], outputs=[datasets_pb2.Variable(name="u")]
    )
    return [
        (
            "DatasetService.CreateDataset",
            datasets_pb2.CreateDatasetRequest(
                dataset_id=name, dataset=datasets_pb2.Dataset(schema=schema)
            ),
            "dataset_id",
        ),
        ("DatasetService.GetDataset", datasets_pb2.GetDatasetRequest(name=dataset), "name"),
        ("DatasetService.DeleteDataset", datasets_pb2.DeleteDatasetRequest(name=dataset), "name"),
        ("DatasetService.ReadSamples", datasets_pb2.ReadSamplesRequest(name=dataset), "name"),
        ("TrainingService.Train", training_pb2.TrainRequest(dataset=dataset), "dataset"),
        ("ModelService.GetModel", models_pb2.GetModelRequest(name=model), "name"),
        ("ModelService.DeleteModel", models_pb2.DeleteModelRequest(name=model), "name"),
        (
            "ModelService.GetModelVersion",
            models_pb2.GetModelVersionRequest(name=f"{model}/versions/1"),
            "name",
        ),
        (
            "ModelService.ListModelVersions",
            models_pb2.ListModelVersionsRequest(parent=model),
            "parent",
        ),
        ("PredictionService.Predict", prediction_pb2.PredictRequest(model=model), "model"),
        ("JobService.GetJob", jobs_pb2.GetJobRequest(name=job), "name"),
        ("JobService.WatchJob", jobs_pb2.WatchJobRequest(name=job), "name"),
        ("JobService.CancelJob", jobs_pb2.CancelJobRequest(name=job), "name"),
    ]


def call_any(wire: Wire, method: str, request: Any) -> Any:
    if method in ("DatasetService.ReadSamples", "JobService.WatchJob"):
        return wire.server_stream(method, request)
    return wire.unary(method, request)


@pytest.mark.parametrize("name", BAD_IDS, ids=ascii)
def test_names_with_other_characters_are_refused_everywhere(wire, name):
    for method, request, field in named_requests(name):
        refused = refusal(lambda m=method, r=request: call_any(wire, m, r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", field)
    if name:
        request = training_pb2.TrainRequest(dataset=DATASET, model_id=name)
        refused = refusal(lambda: wire.unary("TrainingService.Train", request))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "model_id")
    refused = refusal(lambda: wire.append([open_upload(f"datasets/{name}", "u")]))
    refused.require("INVALID_ARGUMENT", "INVALID_NAME", "open.dataset")


def test_names_without_their_collection_are_refused(wire):
    for name in ("x", "/x", "models/x", "datasets", "datasets/", "datasets/x/y", " datasets/x"):
        request = datasets_pb2.GetDatasetRequest(name=name)
        refused = refusal(lambda r=request: wire.unary("DatasetService.GetDataset", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "name")
    for version in ("0", "-1", "x", "", "1x", "99999999999999999999"):
        request = models_pb2.GetModelVersionRequest(name=f"{MODEL}/versions/{version}")
        refused = refusal(lambda r=request: wire.unary("ModelService.GetModelVersion", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "name")


@pytest.mark.parametrize("token", ["", "a/b", "../x", "a" * 64, "é", "a b"], ids=ascii)
def test_upload_ids_with_other_characters_are_refused(wire, token):
    refused = refusal(lambda: wire.append([open_upload(DATASET, token)]))
    refused.require("INVALID_ARGUMENT", "INVALID_NAME", "open.upload_id")


def test_unknown_ids_are_not_found(wire):
    for method, request, _ in named_requests("nobody"):
        if method not in ("DatasetService.CreateDataset", "PredictionService.Predict"):
            refused = refusal(lambda m=method, r=request: call_any(wire, m, r))
            refused.require("NOT_FOUND", says="nobody")
            assert refused.info.reason, method
    refused = refusal(lambda: wire.append([open_upload("datasets/nobody", "u")]))
    refused.require("NOT_FOUND", says="nobody")
    for model in ("models/nobody", f"{MODEL}/versions/99"):
        request = predict(model=model)
        refused = refusal(lambda r=request: wire.unary("PredictionService.Predict", r))
        refused.require("NOT_FOUND", says=model.split("/")[1])
    request = datasets_pb2.ReadSamplesRequest(name=DATASET, version=99)
    refusal(lambda: wire.server_stream("DatasetService.ReadSamples", request)).require("NOT_FOUND")


# ---- Bytes that are no message ------------------------------------------------------------------


def methods_of(wire: Wire) -> list[str]:
    return [method for method, _, _ in named_requests("x")] + [
        "DatasetService.ListDatasets",
        "ModelService.ListModels",
        "JobService.ListJobs",
    ]


@pytest.mark.parametrize(
    "garbage",
    [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 100, bytes(range(256)), b"\x0a\x05ab"],
    ids=["tag", "length", "groups", "bytes", "truncated"],
)
def test_garbage_is_refused_by_every_method(wire, garbage):
    for method in methods_of(wire):
        refused = refusal(lambda m=method: call_any(wire, m, garbage))
        refused.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request")
    refusal(lambda: wire.append([garbage])).require("INVALID_ARGUMENT", "MALFORMED_MESSAGE")


def test_invalid_utf8_is_refused(wire):
    name = b"datasets/\xff\xfe\xed\xa0\x80"
    request = b"\x0a" + bytes([len(name)]) + name
    for method in ("DatasetService.GetDataset", "TrainingService.Train", "JobService.GetJob"):
        refused = refusal(lambda m=method: wire.unary(m, request))
        refused.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request", "UTF-8")


def test_an_unknown_method_is_unimplemented(wire):
    refusal(lambda: wire.unary("DatasetService.Nothing", b"")).require("UNIMPLEMENTED")


# ---- CreateDataset ------------------------------------------------------------------------------


def variables(*names: str) -> list[datasets_pb2.Variable]:
    return [datasets_pb2.Variable(name=name) for name in names]


BAD_SCHEMAS = {
    "no inputs": ([], variables("u"), "OUT_OF_RANGE", "inputs"),
    "no outputs": (variables("a"), [], "OUT_OF_RANGE", "outputs"),
    "too many inputs": (
        variables(*(f"x{i}" for i in range(4097))),
        variables("u"),
        "OUT_OF_RANGE",
        "inputs",
    ),
    "two of a name": (variables("a", "a"), variables("u"), "DUPLICATE_NAME", "inputs[1].name"),
    "empty name": (variables("a", ""), variables("u"), "INVALID_NAME", "inputs[1].name"),
    "name with a slash": (variables("a"), variables("a/b"), "INVALID_NAME", "outputs[0].name"),
    "name with a digit first": (variables("1a"), variables("u"), "INVALID_NAME", "inputs[0].name"),
    "NaN bound": (
        [datasets_pb2.Variable(name="a", lower=math.nan)],
        variables("u"),
        "NON_FINITE",
        "inputs[0].lower",
    ),
    "empty interval": (
        [datasets_pb2.Variable(name="a", lower=1, upper=1)],
        variables("u"),
        "OUT_OF_RANGE",
        "inputs[0].lower",
    ),
}


@pytest.mark.parametrize("case", BAD_SCHEMAS)
def test_a_bad_schema_is_refused(wire, case):
    inputs, outputs, reason, field = BAD_SCHEMAS[case]
    schema = datasets_pb2.Schema(inputs=inputs, outputs=outputs)
    request = datasets_pb2.CreateDatasetRequest(
        dataset_id="bad-schema", dataset=datasets_pb2.Dataset(schema=schema)
    )
    refused = refusal(lambda: wire.unary("DatasetService.CreateDataset", request))
    refused.require("INVALID_ARGUMENT", reason, f"dataset.schema.{field}")


# ---- Train --------------------------------------------------------------------------------------


def network(*hidden: int, activation: int = 0) -> dict[str, Any]:
    return {"network": models_pb2.Network(hidden=hidden, activation=activation)}


BAD_SPECS = {
    "too wide": (network(8193), "OUT_OF_RANGE", "spec.network.hidden[0]", "8192"),
    "absurdly wide": (network(2**31 - 1), "OUT_OF_RANGE", "spec.network.hidden[0]", "8192"),
    "no width": (network(4, 0), "OUT_OF_RANGE", "spec.network.hidden[1]", "got 0"),
    "negative width": (network(-5), "OUT_OF_RANGE", "spec.network.hidden[0]", "got -5"),
    "too deep": (network(*[4] * 65), "OUT_OF_RANGE", "spec.network.hidden", "64"),
    "absurdly deep": (network(*[4] * 100_000), "OUT_OF_RANGE", "spec.network.hidden", "64"),
    "too many parameters": (
        network(8192, 8192),
        "OUT_OF_RANGE",
        "spec.network.hidden",
        "50000000 parameters",
    ),
    "unknown activation": (
        network(4, activation=77),
        "UNKNOWN_ENUM_VALUE",
        "spec.network.activation",
        "77",
    ),
    "unknown derivative scale": (
        {"derivative_scale": 9},
        "UNKNOWN_ENUM_VALUE",
        "spec.derivative_scale",
        "9",
    ),
    "unknown precision": ({"precision": 9}, "UNKNOWN_ENUM_VALUE", "spec.precision", "9"),
    "negative alpha": ({"alpha": -1}, "OUT_OF_RANGE", "spec.alpha", "-1"),
    "alpha NaN": ({"alpha": math.nan}, "OUT_OF_RANGE", "spec.alpha", "nan"),
    "beta infinite": ({"beta": math.inf}, "OUT_OF_RANGE", "spec.beta", "inf"),
    "no loss": ({"alpha": 0, "beta": 0}, "OUT_OF_RANGE", "spec.alpha", "alpha + beta"),
    "no epochs": ({"epochs": 0}, "OUT_OF_RANGE", "spec.epochs", "got 0"),
    "too many epochs": ({"epochs": 2**31 - 1}, "OUT_OF_RANGE", "spec.epochs", "1000000"),
    "no batch": ({"batch_size": 0}, "OUT_OF_RANGE", "spec.batch_size", "got 0"),
    "negative batch": ({"batch_size": -(2**31)}, "OUT_OF_RANGE", "spec.batch_size", "got -2"),
    "no learning rate": ({"learning_rate": 0}, "OUT_OF_RANGE", "spec.learning_rate", "got 0"),
    "learning rate NaN": (
        {"learning_rate": math.nan},
        "OUT_OF_RANGE",
        "spec.learning_rate",
        "nan",
    ),
    "learning rate too large": (
        {"learning_rate": 11},
        "OUT_OF_RANGE",
        "spec.learning_rate",
        "at most 10",
    ),
    "nothing held out": (
        {"validation_fraction": 0},
        "OUT_OF_RANGE",
        "spec.validation_fraction",
        "more than 0",
    ),
    "all held out": (
        {"validation_fraction": 1},
        "OUT_OF_RANGE",
        "spec.validation_fraction",
        "0.9",
    ),
    "negative patience": ({"patience": -1}, "OUT_OF_RANGE", "spec.patience", "got -1"),
}


def train(dataset: str = DATASET, spec: dict[str, Any] | None = None, **fields: Any) -> Any:
    return training_pb2.TrainRequest(
        dataset=dataset, spec=training_pb2.TrainingSpec(**(spec or {})), **fields
    )


@pytest.mark.parametrize("case", BAD_SPECS)
@pytest.mark.parametrize("validate_only", [True, False], ids=["validate", "train"])
def test_a_bad_spec_is_refused_and_no_job_is_made(wire, server, case, validate_only):
    spec, reason, field, says = BAD_SPECS[case]
    with sobolev.Client(server.grpc) as client:
        before = [job.name for job in client.jobs()]
        request = train(spec=spec, validate_only=validate_only)
        refused = refusal(lambda: wire.unary("TrainingService.Train", request))
        refused.require("INVALID_ARGUMENT", reason, field, says)
        assert [job.name for job in client.jobs()] == before


@pytest.mark.parametrize(
    ("dataset", "spec", "reason"),
    [
        ("datasets/no-samples", {}, "TOO_FEW_SAMPLES"),
        ("datasets/one-sample", {}, "TOO_FEW_SAMPLES"),
        (DATASET, {"beta": 1.0}, "NO_JACOBIANS"),
    ],
)
def test_training_without_what_it_needs_fails_its_precondition(wire, dataset, spec, reason):
    refused = refusal(lambda: wire.unary("TrainingService.Train", train(dataset, spec)))
    refused.require("FAILED_PRECONDITION", reason)
    assert "append" in refused.message


def test_a_dataset_version_that_does_not_exist_is_refused(wire):
    request = train(dataset_version=99)
    refusal(lambda: wire.unary("TrainingService.Train", request)).require("NOT_FOUND", says="99")
    request = train(dataset_version=-1)
    refused = refusal(lambda: wire.unary("TrainingService.Train", request))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "dataset_version")


def test_a_request_id_with_other_content_is_refused(wire):
    good = {"spec": {"epochs": 1, **network(4)}, "request_id": "once", "model_id": "once"}
    first = jobs_pb2.Job.FromString(wire.unary("TrainingService.Train", train(**good)))
    again = jobs_pb2.Job.FromString(wire.unary("TrainingService.Train", train(**good)))
    assert first.name == again.name
    other = train(**{**good, "spec": {"epochs": 2, **network(4)}})
    refused = refusal(lambda: wire.unary("TrainingService.Train", other))
    refused.require("INVALID_ARGUMENT", "REQUEST_ID_REUSED", "request_id")
    for bad in ("a/b", "a" * 64):
        request = train(**{**good, "request_id": bad})
        refused = refusal(lambda r=request: wire.unary("TrainingService.Train", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "request_id")


def test_validating_starts_nothing(wire, server):
    with sobolev.Client(server.grpc) as client:
        before = [job.name for job in client.jobs()]
        job = jobs_pb2.Job.FromString(
            wire.unary("TrainingService.Train", train(validate_only=True))
        )
        assert job.name == ""
        assert [job.name for job in client.jobs()] == before


# ---- Lists and streams --------------------------------------------------------------------------

LISTS = {
    "DatasetService.ListDatasets": datasets_pb2.ListDatasetsRequest,
    "ModelService.ListModels": models_pb2.ListModelsRequest,
    "ModelService.ListModelVersions": lambda **fields: models_pb2.ListModelVersionsRequest(
        parent=MODEL, **fields
    ),
    "JobService.ListJobs": jobs_pb2.ListJobsRequest,
}


@pytest.mark.parametrize("method", LISTS)
def test_a_negative_page_size_is_refused(wire, method):
    refused = refusal(lambda: wire.unary(method, LISTS[method](page_size=-1)))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "page_size", "got -1")


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("text", ["AAAA", "!", "1:x", "' OR 1=1 --", "../x", "A" * 10_000])
def test_a_forged_page_token_is_refused(wire, method, text):
    for token in (text, base64.urlsafe_b64encode(text.encode()).decode()):
        request = LISTS[method](page_token=token)
        refused = refusal(lambda r=request: wire.unary(method, r))
        refused.require("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token")


def test_a_page_token_of_another_list_is_refused(wire):
    page = datasets_pb2.ListDatasetsResponse.FromString(
        wire.unary("DatasetService.ListDatasets", datasets_pb2.ListDatasetsRequest(page_size=1))
    )
    assert page.next_page_token
    request = models_pb2.ListModelsRequest(page_token=page.next_page_token)
    refused = refusal(lambda: wire.unary("ModelService.ListModels", request))
    refused.require("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token")


def test_a_negative_event_number_is_refused(wire, server):
    with sobolev.Client(server.grpc) as client:
        job = client.jobs()[0]
    request = jobs_pb2.WatchJobRequest(name=job.name, after_event=-1)
    refused = refusal(lambda: wire.server_stream("JobService.WatchJob", request))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "after_event")


def test_reading_as_an_unknown_type_is_refused(wire):
    request = datasets_pb2.ReadSamplesRequest(name=DATASET, data_type=9)
    refused = refusal(lambda: wire.server_stream("DatasetService.ReadSamples", request))
    refused.require("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "data_type")
