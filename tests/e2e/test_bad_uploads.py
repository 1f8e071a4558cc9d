"""A bad block, a bad commit or a broken stream is refused, and nothing becomes visible."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from wire import (
    DATASET,
    AppendRequest,
    as_block,
    block,
    commit,
    open_upload,
    refusal,
    tensor,
)

import sobolev
from sobolev._stubs import datasets_pb2
from sobolev._stubs.tensor_pb2 import Tensor

_counter = itertools.count()


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
    "unset y": (
        block(0, GOOD_X, None),
        "MISSING_FIELD",
        "block.y",
        'output "u" may not be missing',
    ),
    "NaN in y": (
        block(0, GOOD_X, with_nan(GOOD_Y, 1, 0)),
        "NON_FINITE",
        "block.y[1][0]",
        "allow_missing on this output",
    ),
    "NaN in a jvp": (
        block(
            0,
            GOOD_X,
            GOOD_Y,
            tangents=np.ones((3, 1, 2)),
            jvp=np.full((3, 1, 1), math.nan),
        ),
        "NON_FINITE",
        "block.jvp[0][0][0]",
        "allow_missing_derivatives",
    ),
    "tangents alone": (
        block(0, GOOD_X, GOOD_Y, tangents=np.ones((3, 1, 2))),
        "MISSING_FIELD",
        "block.jvp",
        "together with block.tangents",
    ),
    "shape of the jvp": (
        block(0, GOOD_X, GOOD_Y, tangents=np.ones((3, 2, 2)), jvp=np.ones((3, 1, 1))),
        "SHAPE_MISMATCH",
        "block.jvp",
        "expected shape [3, 2, 1]",
    ),
    "too many adjoints": (
        block(0, GOOD_X, GOOD_Y, adjoints=np.ones((3, 65, 1)), vjp=np.ones((3, 65, 2))),
        "OUT_OF_RANGE",
        "block.adjoints",
        "expected 1 to 64 directions in each row, got 65",
    ),
    "zero variance": (
        block(0, GOOD_X, GOOD_Y, y_variance=np.zeros((3, 1))),
        "OUT_OF_RANGE",
        "block.y_variance[0][0]",
        "variance > 0",
    ),
    "variance of no Jacobian": (
        block(0, GOOD_X, GOOD_Y, jacobian_variance=np.ones((3, 1, 2))),
        "MISSING_FIELD",
        "block.jacobian",
        "together with block.jacobian_variance",
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


def test_a_block_id_with_other_content_is_refused(wire):
    upload = open_upload(DATASET, f"other-{next(_counter)}")
    first = block(0, GOOD_X, GOOD_Y)
    other = block(0, GOOD_X + 1, GOOD_Y)
    requests = [upload, as_block(first), as_block(other), commit([first])]
    refusal(lambda: wire.append(requests)).require("ALREADY_EXISTS", field="block.block_id")


def test_a_block_over_the_message_limit_is_refused(wire):
    upload = open_upload(DATASET, f"large-{next(_counter)}")
    large = block(0, np.ones((4 << 20, 2)), np.ones((4 << 20, 1)))
    refused = refusal(lambda: wire.append([upload, as_block(large)]))
    refused.require("RESOURCE_EXHAUSTED")


def test_values_outside_the_schema_are_refused_with_the_row(wire, server):
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("bounded", [sobolev.Variable("a", lower=0)], ["u"])
    bad = block(0, [[1.0], [-1.0]], [[1.0], [1.0]])
    refused = refusal(lambda: wire.append([open_upload("datasets/bounded", "u"), as_block(bad)]))
    refused.require("INVALID_ARGUMENT", "OUT_OF_BOUNDS", "block.x[1][0]", "a >= 0")


def test_a_row_without_any_label_is_refused(wire, server):
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("no-label", ["a"], [sobolev.Variable("u", allow_missing=True)])
    bad = block(0, [[1.0], [2.0]], [[1.0], [math.nan]])
    refused = refusal(lambda: wire.append([open_upload("datasets/no-label", "u"), as_block(bad)]))
    refused.require("INVALID_ARGUMENT", "NO_LABEL", "block.x[1]", "drop the row")


def test_an_infinite_extent_times_eight_is_refused_in_uploads_too(wire, server):
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("eight", [f"x{i}" for i in range(8)], ["u"])
    bad = block(0, tensor([], shape=[2**62, 8]), tensor([], shape=[2**62, 1]))
    refused = refusal(lambda: wire.append([open_upload("datasets/eight", "u"), as_block(bad)]))
    refused.require("INVALID_ARGUMENT", "SHAPE_MISMATCH", says=str(2**62))


def test_a_cancelled_upload_stays_open_and_invisible(wire, server):
    over = threading.Event()
    first = block(0, [[1.0]], [[2.0]])
    upload = open_upload("datasets/cancelled", "u")

    def requests() -> Iterator[bytes]:
        yield upload.SerializeToString()
        yield as_block(first).SerializeToString()
        over.wait()

    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset("cancelled", ["a"], ["u"])
        stream = wire.channel.stream_stream(
            wire.path("DatasetService.AppendSamples"),
            response_deserializer=datasets_pb2.AppendSamplesResponse.FromString,
        )(requests())
        assert next(stream).HasField("opened")
        assert next(stream).HasField("stored")
        stream.cancel()
        over.set()
        assert dataset.refresh().version == 0
        assert len(dataset) == 0
        assert wire.append([upload, commit([first])])[-1].HasField("committed")
        assert len(dataset.refresh()) == 1
