"""Datasets: upload samples, read them back."""

from __future__ import annotations

import queue
import uuid
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import google_crc32c
import grpc
import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _labels, _training, records
from sobolev._connection import Connection
from sobolev._labels import Samples as Samples
from sobolev._stubs import datasets_pb2
from sobolev.errors import InternalError, SuspectLabelsWarning, from_rpc_error
from sobolev.job import Job

_BLOCK_BYTES = 1 << 20
_MAX_BLOCK_ROWS = 65536


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
        allow_missing_derivatives: bool = False,
    ) -> Dataset:
        """What Client.create_dataset answers."""
        request = datasets_pb2.CreateDatasetRequest(
            dataset_id=name,
            dataset=datasets_pb2.Dataset(
                schema=datasets_pb2.Schema(
                    inputs=map(records.to_variable, inputs),
                    outputs=map(records.to_variable, outputs),
                    allow_missing_derivatives=allow_missing_derivatives,
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
    def allow_missing_derivatives(self) -> bool:
        """Whether derivatives may be missing; of values, Variable.allow_missing says so."""
        return self._message.schema.allow_missing_derivatives

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
        y: npt.ArrayLike | None = None,
        jacobian: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
        *,
        tangents: npt.ArrayLike | None = None,
        jvp: npt.ArrayLike | None = None,
        adjoints: npt.ArrayLike | None = None,
        vjp: npt.ArrayLike | None = None,
        hvp_adjoints: npt.ArrayLike | None = None,
        hvp_tangents: npt.ArrayLike | None = None,
        hvp: npt.ArrayLike | None = None,
        y_variance: npt.ArrayLike | None = None,
        jacobian_variance: npt.ArrayLike | None = None,
        upload_id: str | None = None,
    ) -> int:
        """Uploads samples: all of them become visible at once, or none.

        Each sample needs some label: values, derivatives, or products with chosen directions. None
        and NaN in y mean that a value is missing, for outputs with allow_missing; in jacobian, jvp,
        vjp and hvp, that a derivative is, if the dataset allows missing derivatives.

        A connection that breaks is taken up where it stopped, for as long as Client's timeout
        passes without progress.

        Args:
          x: [N, n], or [N] if n = 1, or [n] for one sample. A DataFrame's columns are matched by
            name.
          y: [N, m], or [N] if m = 1, or [m] for one sample. None: no value is known; every output
            must be one that may be missing.
          jacobian: [N, m, n]; the axis of outputs or inputs may be left out where it is 1.
          weight: [N], each > 0.
          tangents: [N, p, n], p <= 64 directions in the inputs of each sample; [N, n] for one each,
            [n] or [1, p, n] for the same ones at all samples. Needs jvp.
          jvp: [N, p, m], the Jacobian times each of the tangents; axes of length 1 may be left out.
          adjoints: [N, q, m], weights of the outputs, in the shapes of tangents. Needs vjp.
          vjp: [N, q, n], the transposed Jacobian times each of the adjoints.
          hvp_adjoints: [N, h, m], weights of the outputs in hvp. None: 1, if m = 1.
          hvp_tangents: [N, h, n], directions in the inputs, in the shapes of tangents. Needs hvp.
          hvp: [N, h, n], the Hessian of the weighted sum of outputs times each direction.
          y_variance: [N, m], of the noise in y, each > 0 where y is known.
          jacobian_variance: [N, m, n], of the noise in jacobian, likewise.
          upload_id: Repeating an upload under the same id, with the same samples, changes nothing.
            Default: a new one.

        Returns:
          The dataset version that the upload made.

        Warns with SuspectLabelsWarning of each partial derivative whose labels contradict the
        differences of values between neighbours: wrong signs, units or orders of columns.

        Raises:
          InvalidArgumentError: Wrong shape, infinity, NaN that may not be missing, directions
            without results, values outside the schema's bounds, a sample without any label.
          DataLossError, ResourceExhaustedError, UnavailableError: From the server.
        """
        parts = _labels.as_parts(
            self._message.schema,
            {
                "x": x,
                "y": y,
                "jacobian": jacobian,
                "weight": weight,
                "tangents": tangents,
                "jvp": jvp,
                "adjoints": adjoints,
                "vjp": vjp,
                "hvp_adjoints": hvp_adjoints,
                "hvp_tangents": hvp_tangents,
                "hvp": hvp,
                "y_variance": y_variance,
                "jacobian_variance": jacobian_variance,
            },
        )
        upload = _Upload(self._connection, self.name, upload_id or str(uuid.uuid4()), parts)
        committed = upload.run()
        for warning in committed.warnings:
            warnings.warn(warning.message, SuspectLabelsWarning, stacklevel=2)
        self.refresh()
        return committed.dataset_version

    def read(self, version: int = 0, *, dtype: npt.DTypeLike = np.float64) -> Samples:
        """Downloads the samples of a version, 0 for the current one, in the order of upload."""
        request = datasets_pb2.ReadSamplesRequest(
            name=self.name, version=version, data_type=_arrays.to_data_type(dtype)
        )
        try:
            blocks = [
                _labels.from_block(response.block)
                for response in self._connection.datasets.ReadSamples(request)
            ]
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        n = len(self._message.schema.inputs)
        m = len(self._message.schema.outputs)
        return _labels.concatenate(blocks, n, m, dtype)

    def train(
        self,
        *,
        dataset_version: int = 0,
        model: str = "",
        request_id: str | None = None,
        **options: Any,
    ) -> Job:
        """Starts training a new version of a model on these samples, as Client.train does.

        Args:
          dataset_version: The snapshot to train on; 0 for the current one.
          model: The model that gets the new version, made if missing. Empty: the server chooses.
          request_id: Repeating a call with the same id returns the first call's job.
          options: What to fit and how: those of Client.train from `kind` on.
        """
        return _training.start(
            self._connection,
            self.name,
            dataset_version=dataset_version,
            model=model,
            request_id=request_id,
            spec=_training.to_spec(**options),
        )

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


class _Upload:
    """One upload, which may take several streams.

    A stream is two conversations at once: gRPC pulls requests from _requests in a thread of its
    own, while run() reads the acknowledgements. The queue hands over the one thing that the
    requests wait for: the ids of the blocks that are in, or None if the stream is over.
    """

    def __init__(
        self,
        connection: Connection,
        dataset: str,
        upload_id: str,
        parts: dict[str, _arrays.FloatArray],
    ) -> None:
        self._connection = connection
        self._dataset = dataset
        self._upload_id = upload_id
        self._parts = parts
        self._num_samples = len(parts["x"])
        row_bytes = sum(part.nbytes for part in parts.values()) // self._num_samples
        self._rows = min(max(1, _BLOCK_BYTES // row_bytes), _MAX_BLOCK_ROWS)
        self._num_blocks = -(-self._num_samples // self._rows)
        self._crcs = np.zeros(self._num_blocks, "<u4")
        self._opened: queue.Queue[set[int] | None] = queue.Queue()

    def run(self) -> datasets_pb2.AppendSamplesResponse.Committed:
        """Uploads everything; returns the answer to the commit. Raises SobolevError."""
        committed = None
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
                    committed = response.committed
        finally:
            self._opened.put(None)
        if committed is None:
            raise InternalError("the upload ended without the answer to its commit")
        return committed

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
                sample_count=self._num_samples,
                crc32c=google_crc32c.value(self._crcs.tobytes()),
            )
        )

    def _block(self, block_id: int) -> datasets_pb2.SampleBlock:
        rows = slice(block_id * self._rows, (block_id + 1) * self._rows)
        return _labels.to_block(block_id, self._parts, rows)
