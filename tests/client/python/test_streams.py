"""Broken streams and errors, against a small server that breaks on purpose."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent import futures

import google_crc32c
import grpc
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

import sobolev
from sobolev._stubs import datasets_pb2, datasets_pb2_grpc, jobs_pb2, jobs_pb2_grpc

NUM_SAMPLES = 40_000  # Eleven blocks of 1 MiB with 3 inputs, 4 outputs and 12 derivatives, or so.


class BreakingDatasets(datasets_pb2_grpc.DatasetServiceServicer):
    """Keeps blocks in memory; ends each stream as `plan` says, one entry for each stream.

    An entry is the number of blocks after which the stream breaks, or None for never.
    """

    def __init__(self, plan: list[int | None]) -> None:
        self.plan = plan
        self.blocks: dict[int, datasets_pb2.SampleBlock] = {}
        self.received: list[int] = []
        self.upload_ids: list[str] = []
        self.committed = False

    def GetDataset(self, request, context):
        schema = datasets_pb2.Schema(
            inputs=[datasets_pb2.Variable(name=f"x{j}") for j in range(3)],
            outputs=[datasets_pb2.Variable(name=f"y{i}") for i in range(4)],
        )
        return datasets_pb2.Dataset(name=request.name, schema=schema, version=int(self.committed))

    def AppendSamples(self, requests, context):
        response = datasets_pb2.AppendSamplesResponse
        limit = self.plan.pop(0)
        count = 0
        for request in requests:
            kind = request.WhichOneof("message")
            if kind == "open":
                self.upload_ids.append(request.open.upload_id)
                if self.committed:
                    yield response(committed=response.Committed(dataset_version=7))
                    return
                ids = [response.BlockRange(first=i, last=i) for i in sorted(self.blocks)]
                yield response(opened=response.Opened(stored_blocks=ids))
            elif kind == "block":
                if count == limit:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
                count += 1
                block = request.block
                self.received.append(block.block_id)
                self.blocks[block.block_id] = block
                yield response(stored=response.Stored(block_id=block.block_id))
            else:
                crcs = b"".join(
                    self.blocks[i].crc32c.to_bytes(4, "little") for i in sorted(self.blocks)
                )
                assert request.commit.crc32c == google_crc32c.value(crcs)
                assert request.commit.block_count == len(self.blocks)
                self.committed = True
                if limit == -1:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "gone after the commit")
                yield response(committed=response.Committed(dataset_version=7))


class BreakingJobs(jobs_pb2_grpc.JobServiceServicer):
    """A job of ten events, of which each stream sends three."""

    def __init__(self) -> None:
        self.asked_after: list[int] = []

    def GetJob(self, request, context):
        return jobs_pb2.Job(name=request.name, state=jobs_pb2.Job.STATE_RUNNING)

    def WatchJob(self, request, context):
        self.asked_after.append(request.after_event)
        for number in range(request.after_event + 1, 11):
            if number > request.after_event + 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
            done = number == 10
            state = jobs_pb2.Job.STATE_SUCCEEDED if done else jobs_pb2.Job.STATE_RUNNING
            response = jobs_pb2.WatchJobResponse(
                event=jobs_pb2.JobEvent(number=number, state=state)
            )
            if done:
                response.job.CopyFrom(jobs_pb2.Job(name=request.name, state=state))
            yield response


class FailedJobs(jobs_pb2_grpc.JobServiceServicer):
    """A job that has failed."""

    def GetJob(self, request, context):
        error = jobs_pb2.JobError(code=9, reason="DIVERGED", message="the loss became non-finite")
        return jobs_pb2.Job(name=request.name, state=jobs_pb2.Job.STATE_FAILED, error=error)

    def WatchJob(self, request, context):
        job = self.GetJob(request, context)
        event = jobs_pb2.JobEvent(number=1, state=jobs_pb2.Job.STATE_FAILED)
        yield jobs_pb2.WatchJobResponse(event=event, job=job)


class Failing(datasets_pb2_grpc.DatasetServiceServicer):
    """Answers every GetDataset with `status`."""

    def __init__(self, status: status_pb2.Status) -> None:
        self.status = status

    def GetDataset(self, request, context):
        context.set_trailing_metadata(
            [("grpc-status-details-bin", self.status.SerializeToString())]
        )
        code = next(code for code in grpc.StatusCode if code.value[0] == self.status.code)
        context.abort(code, self.status.message)


@pytest.fixture
def serve() -> Iterator:
    servers = []

    def start(add, servicer) -> sobolev.Client:
        server = grpc.server(
            futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)]
        )
        add(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = sobolev.Client(f"127.0.0.1:{port}", timeout=20)
        servers.append((server, client))
        return client

    yield start
    for server, client in servers:
        client.close()
        server.stop(None)


def random_samples(seed: int) -> sobolev.Samples:
    rng = np.random.default_rng(seed)
    return sobolev.Samples(
        x=rng.standard_normal((NUM_SAMPLES, 3)),
        y=rng.standard_normal((NUM_SAMPLES, 4)),
        jacobian=rng.standard_normal((NUM_SAMPLES, 4, 3)),
        weight=rng.uniform(0.5, 2, NUM_SAMPLES),
    )


def add_datasets(servicer, server):
    datasets_pb2_grpc.add_DatasetServiceServicer_to_server(servicer, server)


def add_jobs(servicer, server):
    jobs_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)


def test_an_upload_that_breaks_goes_on_where_it_stopped(serve):
    servicer = BreakingDatasets([2, 0, 3, None])
    dataset = serve(add_datasets, servicer).dataset("d")
    samples = random_samples(1)
    assert dataset.append(samples.x, samples.y, samples.jacobian, samples.weight) == 7
    assert dataset.version == 1
    assert servicer.received == list(range(len(servicer.blocks))), "no block is sent twice"
    assert len(set(servicer.upload_ids)) == 1
    for part in ("x", "y", "jacobian", "weight"):
        sent = b"".join(getattr(servicer.blocks[i], part).data for i in sorted(servicer.blocks))
        assert sent == getattr(samples, part).tobytes()
    for block in servicer.blocks.values():
        parts = (block.x.data, block.y.data, block.jacobian.data, block.weight.data)
        assert block.crc32c == google_crc32c.value(b"".join(parts))
        assert sum(map(len, parts)) <= 1 << 20


def test_an_upload_whose_commit_was_not_answered_is_committed_once(serve):
    servicer = BreakingDatasets([-1, None])
    dataset = serve(add_datasets, servicer).dataset("d")
    samples = random_samples(2)
    assert dataset.append(samples.x, samples.y) == 7
    assert servicer.received == list(range(len(servicer.blocks)))


def test_an_upload_gives_up_after_the_timeout_without_progress(serve):
    servicer = BreakingDatasets([0] * 1000)
    client = serve(add_datasets, servicer)
    client._connection.timeout = 1.0
    dataset = client.dataset("d")
    with pytest.raises(sobolev.UnavailableError, match="gone"):
        dataset.append(np.ones((5, 3)), np.ones((5, 4)))


def test_watching_goes_on_after_the_last_event(serve):
    servicer = BreakingJobs()
    job = serve(add_jobs, servicer).job("j")
    assert [event.number for event in job.watch()] == list(range(1, 11))
    assert servicer.asked_after == [0, 3, 6, 9]
    assert job.state == "succeeded"
    servicer.asked_after.clear()
    assert [event.number for event in job.watch(after=8)] == [9, 10]
    assert servicer.asked_after == [8]


def test_waiting_for_a_failed_job_raises_its_reason(serve):
    job = serve(add_jobs, FailedJobs()).job("j")
    with pytest.raises(sobolev.JobFailedError, match="jobs/j: the loss became non-finite") as info:
        job.wait(progress=False)
    assert info.value.reason == "DIVERGED"


def test_errors_carry_code_reason_and_field_violations(serve):
    status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="x: bad")
    for detail in (
        error_details_pb2.ErrorInfo(
            reason="SHAPE_MISMATCH", domain="sobolev", metadata={"field": "x"}
        ),
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="x", description="bad")
            ]
        ),
    ):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    client = serve(add_datasets, Failing(status))
    with pytest.raises(sobolev.InvalidArgumentError, match="x: bad") as info:
        client.dataset("d")
    error = info.value
    assert isinstance(error, ValueError)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "SHAPE_MISMATCH"
    assert error.field == "x"
    assert error.field_violations == (sobolev.FieldViolation("x", "bad"),)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.reason, copy.field) == (error.message, error.reason, error.field)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.NOT_FOUND, sobolev.NotFoundError),
        (grpc.StatusCode.ALREADY_EXISTS, sobolev.AlreadyExistsError),
        (grpc.StatusCode.FAILED_PRECONDITION, sobolev.FailedPreconditionError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, sobolev.ResourceExhaustedError),
        (grpc.StatusCode.ABORTED, sobolev.AbortedError),
        (grpc.StatusCode.CANCELLED, sobolev.CancelledError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, sobolev.DeadlineExceededError),
        (grpc.StatusCode.DATA_LOSS, sobolev.DataLossError),
        (grpc.StatusCode.INTERNAL, sobolev.InternalError),
        (grpc.StatusCode.UNIMPLEMENTED, sobolev.UnimplementedError),
        (grpc.StatusCode.UNAUTHENTICATED, sobolev.UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, sobolev.PermissionDeniedError),
        (grpc.StatusCode.OUT_OF_RANGE, sobolev.SobolevError),
    ],
)
def test_each_status_code_has_its_exception(serve, code, expected):
    client = serve(add_datasets, Failing(status_pb2.Status(code=code.value[0], message="m")))
    with pytest.raises(sobolev.SobolevError) as info:
        client.dataset("d")
    assert type(info.value) is expected
    assert info.value.code == code
    assert info.value.reason == ""


def test_no_server_is_an_unavailable_error():
    with sobolev.Client("127.0.0.1:1", timeout=5) as client:
        with pytest.raises(sobolev.UnavailableError) as info:
            client.datasets()
        assert isinstance(info.value, ConnectionError)
