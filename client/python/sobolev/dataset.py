"""Datasets: upload samples, read them back."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import grpc
import numpy as np
import numpy.typing as npt

from sobolev import _arrays, records
from sobolev._connection import Connection
from sobolev._stubs import datasets_pb2
from sobolev.errors import DataLossError, InternalError, from_rpc_error, invalid_argument

_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_ROWS = 65536


@dataclass(frozen=True)
class Samples:
    """N samples of a function from R^n to R^m.

    Attributes:
      x: [N, n].
      y: [N, m].
      jacobian: [N, m, n], jacobian[s, i, j] = dy_i/dx_j at sample s. NaN in the rows that carry
        none; None if no row carries one.
      weight: [N], 1 in the rows that carry none; None if no row carries one.
    """

    x: _arrays.FloatArray
    y: _arrays.FloatArray
    jacobian: _arrays.FloatArray | None = None
    weight: _arrays.FloatArray | None = None

    def __len__(self) -> int:
        return len(self.x)


class Dataset:
    """An append-only set of samples on the server.

    The attributes are those at the time of the last answer; refresh() asks again. Thread-safe.
    """

    def __init__(self, connection: Connection, message: datasets_pb2.Dataset) -> None:
        self._connection = connection
        self._message = message

    @classmethod
    def create(
        cls,
        connection: Connection,
        name: str,
        inputs: Sequence[records.VariableLike],
        outputs: Sequence[records.VariableLike],
    ) -> Dataset:
        """What Client.create_dataset answers."""
        request = datasets_pb2.CreateDatasetRequest(
            dataset_id=name,
            dataset=datasets_pb2.Dataset(
                schema=datasets_pb2.Schema(
                    inputs=map(records.to_variable, inputs),
                    outputs=map(records.to_variable, outputs),
                )
            ),
        )
        return cls(connection, connection.call(connection.datasets.CreateDataset, request))

    @classmethod
    def fetch(cls, connection: Connection, name: str) -> Dataset:
        """The dataset "datasets/..."."""
        request = datasets_pb2.GetDatasetRequest(name=name)
        return cls(connection, connection.call(connection.datasets.GetDataset, request))

    @property
    def name(self) -> str:
        """The resource name, "datasets/...". Its last part is what Client.dataset takes."""
        return self._message.name

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self._message.name.rpartition("/")[2]

    @property
    def inputs(self) -> tuple[records.Variable, ...]:
        """The n inputs, in the order of the columns of x."""
        return tuple(map(records.from_variable, self._message.schema.inputs))

    @property
    def outputs(self) -> tuple[records.Variable, ...]:
        """The m outputs, in the order of the columns of y."""
        return tuple(map(records.from_variable, self._message.schema.outputs))

    @property
    def state(self) -> str:
        """ "active", or "damaged" if stored bytes failed their checksum."""
        return records.enum_name(datasets_pb2.Dataset.State, self._message.state)

    @property
    def damage(self) -> str:
        """What is damaged; empty if nothing is."""
        return self._message.damage

    @property
    def version(self) -> int:
        """The number of committed uploads, which names the snapshot of now."""
        return self._message.version

    @property
    def statistics(self) -> records.Statistics:
        """Of the samples in `version`."""
        return records.from_statistics(self._message.statistics)

    def __len__(self) -> int:
        return self._message.statistics.sample_count

    def __repr__(self) -> str:
        return (
            f"Dataset({self.id!r}, inputs={len(self._message.schema.inputs)}, "
            f"outputs={len(self._message.schema.outputs)}, samples={len(self)}, "
            f"version={self.version}, state={self.state!r})"
        )

    def refresh(self) -> Dataset:
        """Asks the server for the present attributes; returns this object."""
        self._message = Dataset.fetch(self._connection, self.name)._message
        return self

    def append(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        jacobian: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
        *,
        upload_id: str | None = None,
    ) -> int:
        """Uploads samples: all of them become visible at once, or none.

        A connection that breaks is taken up where it stopped, for as long as Client's timeout
        passes without progress.

        Args:
          x: [N, n], or [N] if n = 1, or [n] for one sample. A DataFrame's columns are matched by
            name.
          y: [N, m], or [N] if m = 1, or [m] for one sample.
          jacobian: [N, m, n]; the axis of outputs or inputs may be left out where it is 1.
          weight: [N], each > 0.
          upload_id: Repeating an upload under the same id, with the same samples, changes nothing.
            Default: a new one.

        Returns:
          The dataset version that the upload made.

        Raises:
          InvalidArgumentError: Wrong shape, NaN or infinity, values outside the schema's bounds.
          DataLossError, ResourceExhaustedError, UnavailableError: From the server.
        """
        input_names = [variable.name for variable in self._message.schema.inputs]
        output_names = [variable.name for variable in self._message.schema.outputs]
        n = len(input_names)
        m = len(output_names)
        x = _arrays.as_samples(_arrays.select_columns(x, input_names, "x"), "x", n)
        y = _arrays.as_samples(_arrays.select_columns(y, output_names, "y"), "y", m)
        if len(x) != len(y) or len(x) == 0:
            raise invalid_argument(
                "SHAPE_MISMATCH",
                "y",
                f"expected as many rows as x, at least 1, got x "
                f"{list(x.shape)} and y {list(y.shape)}",
            )
        samples = Samples(
            x,
            y,
            None if jacobian is None else _arrays.as_jacobian(jacobian, len(x), m, n),
            None if weight is None else _arrays.as_weight(weight, len(x)),
        )
        upload = _Upload(self._connection, self.name, upload_id or str(uuid.uuid4()), samples)
        version = upload.run()
        self.refresh()
        return version

    def read(self, version: int = 0, *, dtype: npt.DTypeLike = np.float64) -> Samples:
        """Downloads the samples of a version, 0 for the current one, in the order of upload."""
        request = datasets_pb2.ReadSamplesRequest(
            name=self.name, version=version, data_type=_arrays.to_data_type(dtype)
        )
        try:
            blocks = [
                _from_block(response.block)
                for response in self._connection.datasets.ReadSamples(request)
            ]
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        n = len(self._message.schema.inputs)
        m = len(self._message.schema.outputs)
        return _concatenate(blocks, n, m, np.dtype(dtype))

    def delete(self) -> None:
        """Deletes the dataset with its samples.

        Raises FailedPreconditionError while a queued or running job reads it.
        """
        self._connection.call(
            self._connection.datasets.DeleteDataset,
            datasets_pb2.DeleteDatasetRequest(name=self.name),
        )


def _crc32c(*parts: bytes) -> int:
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return crc


def _from_block(block: datasets_pb2.SampleBlock) -> Samples:
    parts = (block.x.data, block.y.data, block.jacobian.data, block.weight.data)
    if _crc32c(*parts) != block.crc32c:
        raise DataLossError(f"block {block.block_id} was garbled on its way; read again")
    return Samples(
        _arrays.from_tensor(block.x),
        _arrays.from_tensor(block.y),
        _arrays.from_tensor(block.jacobian) if block.HasField("jacobian") else None,
        _arrays.from_tensor(block.weight) if block.HasField("weight") else None,
    )


def _concatenate(blocks: list[Samples], n: int, m: int, dtype: np.dtype[Any]) -> Samples:
    num_samples = sum(len(block) for block in blocks)
    x = np.empty((num_samples, n), dtype)
    y = np.empty((num_samples, m), dtype)
    has_jacobian = any(block.jacobian is not None for block in blocks)
    has_weight = any(block.weight is not None for block in blocks)
    jacobian = np.full((num_samples, m, n), np.nan, dtype) if has_jacobian else None
    weight = np.ones(num_samples, dtype) if has_weight else None
    first = 0
    for block in blocks:
        rows = slice(first, first + len(block))
        x[rows] = block.x
        y[rows] = block.y
        if jacobian is not None and block.jacobian is not None:
            jacobian[rows] = block.jacobian
        if weight is not None and block.weight is not None:
            weight[rows] = block.weight
        first += len(block)
    return Samples(x, y, jacobian, weight)


class _Upload:
    """One upload, which may take several streams.

    A stream is two conversations at once: gRPC pulls requests from _requests in a thread of its
    own, while run() reads the acknowledgements. The queue hands over the one thing that the
    requests wait for: the ids of the blocks that are in, or None if the stream is over.
    """

    def __init__(
        self, connection: Connection, dataset: str, upload_id: str, samples: Samples
    ) -> None:
        self._connection = connection
        self._dataset = dataset
        self._upload_id = upload_id
        self._samples = samples
        arrays = (samples.x, samples.y, samples.jacobian, samples.weight)
        row_bytes = sum(a.nbytes for a in arrays if a is not None) // len(samples)
        self._rows = min(max(1, _BLOCK_BYTES // row_bytes), _MAX_BLOCK_ROWS)
        self._num_blocks = -(-len(samples) // self._rows)
        self._crcs = np.zeros(self._num_blocks, "<u4")
        self._opened: queue.Queue[set[int] | None] = queue.Queue()

    def run(self) -> int:
        """Uploads everything; returns the dataset version. Raises SobolevError."""
        version = 0
        try:
            stream = self._connection.stream(
                self._open, is_progress=lambda response: not response.HasField("opened")
            )
            for response in stream:
                kind = response.WhichOneof("message")
                if kind == "opened":
                    self._opened.put(
                        {
                            block_id
                            for ids in response.opened.stored_blocks
                            for block_id in range(ids.first, ids.last + 1)
                        }
                    )
                elif kind == "committed":
                    version = response.committed.dataset_version
        finally:
            self._opened.put(None)
        if version == 0:
            raise InternalError("the upload ended without the answer to its commit")
        return version

    def _open(self) -> Any:
        self._opened.put(None)  # The requests of the stream before, if they still wait.
        self._opened = queue.Queue()
        return self._connection.datasets.AppendSamples(self._requests(self._opened))

    def _requests(
        self, opened: queue.Queue[set[int] | None]
    ) -> Iterator[datasets_pb2.AppendSamplesRequest]:
        request = datasets_pb2.AppendSamplesRequest
        yield request(open=request.Open(dataset=self._dataset, upload_id=self._upload_id))
        stored = opened.get()
        if stored is None:
            return
        for block_id in range(self._num_blocks):
            if block_id not in stored or self._crcs[block_id] == 0:
                block = self._block(block_id)
                self._crcs[block_id] = block.crc32c
                if block_id not in stored:
                    yield request(block=block)
        yield request(
            commit=request.Commit(
                block_count=self._num_blocks,
                sample_count=len(self._samples),
                crc32c=_crc32c(self._crcs.tobytes()),
            )
        )

    def _block(self, block_id: int) -> datasets_pb2.SampleBlock:
        rows = slice(block_id * self._rows, (block_id + 1) * self._rows)
        samples = self._samples
        block = datasets_pb2.SampleBlock(
            block_id=block_id,
            x=_arrays.to_tensor(samples.x[rows]),
            y=_arrays.to_tensor(samples.y[rows]),
            jacobian=None
            if samples.jacobian is None
            else _arrays.to_tensor(samples.jacobian[rows]),
            weight=None if samples.weight is None else _arrays.to_tensor(samples.weight[rows]),
        )
        block.crc32c = _crc32c(block.x.data, block.y.data, block.jacobian.data, block.weight.data)
        return block
