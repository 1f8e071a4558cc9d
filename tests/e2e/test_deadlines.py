"""Calls that last too long, and uploads whose callers rest."""

from __future__ import annotations

import contextlib
import queue
import time

import grpc
import numpy as np
import pytest
from slow import SlowCalls
from wire import Wire, as_block, block, commit, open_upload, refusal

import sobolev
from sobolev._stubs import datasets_pb2, jobs_pb2

AppendResponse = datasets_pb2.AppendSamplesResponse


def test_a_call_without_deadline_gets_that_of_the_server(make_server):
    server = make_server("--call-timeout-seconds", "0.3", "--max-predict-calls", "1").start()
    slow = SlowCalls(server)
    refused = refusal(lambda: slow.evaluate(points=16384))
    refused.require("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", says="before the work was done")
    # Its work ended, too: its place is free.
    slow.evaluate(points=1, timeout=60)


def test_the_deadline_of_the_caller_counts_if_there_is_one(make_server):
    server = make_server("--call-timeout-seconds", "0.01").start()
    slow = SlowCalls(server, timeout=60)
    started = time.monotonic()
    slow.evaluate(points=256, timeout=300)
    assert time.monotonic() - started > 0.01


def test_a_call_that_waits_past_its_deadline_is_dropped_undone(make_server):
    server = make_server("--call-timeout-seconds", "0.3", "--threads", "4").start()
    slow = SlowCalls(server, timeout=60)
    request = datasets_pb2.CreateDatasetRequest(dataset_id="late")
    request.dataset.schema.inputs.add(name="a")
    request.dataset.schema.outputs.add(name="u")
    with slow.filling_the_pool(threads=4):
        create = slow.wire.channel.unary_unary(slow.wire.path("DatasetService.CreateDataset"))
        waiting = create.future(request.SerializeToString())
        time.sleep(0.5)
        assert not waiting.done()
    refused = refusal(waiting.result)
    refused.require("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", says="before the work began")
    with sobolev.Client(server.grpc, timeout=60) as client:
        assert client.datasets() == []


def test_watches_have_no_deadline(make_server):
    server = make_server("--call-timeout-seconds", "0.2").start()
    x = np.linspace(0, 1, 200)
    with sobolev.Client(server.grpc, timeout=60) as client:
        dataset = client.create_dataset("d", ["a"], ["u"])
        dataset.append(x, x**2)
        job = client.train(dataset=dataset, model="m", hidden=[8], epochs=10**6, patience=0)
        wire = Wire(server.grpc)
        watch = wire.channel.unary_stream(wire.path("JobService.WatchJob"))
        end = time.monotonic() + 1
        for _ in watch(jobs_pb2.WatchJobRequest(name=job.name).SerializeToString()):
            if time.monotonic() > end:
                break
        else:
            pytest.fail("the watch ended before its job")
        job.cancel()


class Upload:
    """An upload whose messages are sent one by one."""

    def __init__(self, server):
        self.wire = Wire(server.grpc)
        self._messages = queue.SimpleQueue()
        call = self.wire.channel.stream_stream(
            self.wire.path("DatasetService.AppendSamples"),
            response_deserializer=AppendResponse.FromString,
        )
        self.replies = call(iter(self._messages.get, None))

    def send(self, message):
        self._messages.put(message.SerializeToString())


@pytest.fixture
def impatient(make_server):
    """A server that waits a second for the next message of an upload, with a dataset."""
    server = make_server("--upload-idle-seconds", "1").start()
    with sobolev.Client(server.grpc, timeout=60) as client:
        client.create_dataset("d", ["a"], ["u"])
    return server


BLOCKS = [block(i, [[float(i)]], [[2.0 * i]]) for i in range(8)]


def test_an_upload_whose_caller_rests_is_ended_and_resumes(impatient):
    upload = Upload(impatient)
    upload.send(open_upload("datasets/d", "u"))
    next(upload.replies)
    upload.send(as_block(BLOCKS[0]))
    assert next(upload.replies).stored.block_id == 0
    refused = refusal(lambda: next(upload.replies))
    refused.require("DEADLINE_EXCEEDED", "UPLOAD_IDLE", says="call again with the same upload_id")
    replies = upload.wire.append(
        [open_upload("datasets/d", "u"), as_block(BLOCKS[1]), commit(BLOCKS[:2])]
    )
    assert [(r.first, r.last) for r in replies[0].opened.stored_blocks] == [(0, 0)]
    assert replies[-1].committed.sample_count == 2


def test_an_upload_that_says_nothing_at_all_is_ended(impatient):
    refused = refusal(lambda: next(Upload(impatient).replies))
    refused.require("DEADLINE_EXCEEDED", "UPLOAD_IDLE")


def test_a_slow_upload_is_not_idle(impatient):
    upload = Upload(impatient)
    upload.send(open_upload("datasets/d", "u"))
    next(upload.replies)
    for message in BLOCKS:
        time.sleep(0.2)
        upload.send(as_block(message))
        next(upload.replies)
    upload.send(commit(BLOCKS))
    assert next(upload.replies).committed.sample_count == len(BLOCKS)
    with contextlib.suppress(StopIteration, grpc.RpcError):
        next(upload.replies)
