"""Rates, calls at once and connections: who is turned away, how, and that the others are not."""

from __future__ import annotations

import concurrent.futures
import socket
import time

import grpc
import numpy as np
import pytest
from access import metrics
from slow import SlowCalls
from wire import Refusal, Wire, as_block, block, commit, open_upload, refusal, tensor

import sobolev
from sobolev._stubs import datasets_pb2, jobs_pb2, programs_pb2


def pushback(refused):
    """The milliseconds after which to try again, as the trailing metadata say."""
    values = [v for k, v in refused.trailing if k == "grpc-retry-pushback-ms"]
    assert len(values) == 1
    return int(values[0])


def refused(call):
    """The refusal of a call, with its trailing metadata."""
    with pytest.raises(grpc.RpcError) as info:
        call()
    found = Refusal(info.value)
    found.trailing = list(info.value.trailing_metadata())
    return found


@pytest.fixture
def guarded(make_server, tokens):
    """Makes and starts a server that asks for these tokens; takes flags."""

    def make(*flags):
        return make_server("--auth-tokens", str(tokens.path), *flags).start()

    return make


def lister(server, token):
    """A function that lists datasets on the bare wire, without retries."""
    channel = grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)])
    method = channel.unary_unary(Wire.path("DatasetService.ListDatasets"))
    metadata = [("authorization", f"Bearer {token}")]
    return lambda: method(b"", metadata=metadata, timeout=20)


def test_whoever_is_too_fast_learns_when_to_try_again_and_others_are_not_held_up(guarded, tokens):
    fast, slow = tokens.add("viewer"), tokens.add("viewer")
    server = guarded("--control-rate", "5")
    call = lister(server, fast)
    refusals = []
    for _ in range(100):
        try:
            call()
        except grpc.RpcError as error:
            refusals.append(error)
    assert refusals
    found = refused(call)
    found.require("RESOURCE_EXHAUSTED", "RATE_EXCEEDED", says="try again in")
    assert 1 <= pushback(found) <= 201
    lister(server, slow)()
    time.sleep(pushback(found) / 1000)
    call()
    assert 'sobolev_rejections_total{reason="RATE_EXCEEDED"}' in metrics(server)


def test_a_client_obeys_and_gets_through(guarded, tokens):
    token = tokens.add("viewer")
    server = guarded("--control-rate", "4")
    with sobolev.Client(server.grpc, token=token, timeout=30) as client:
        for _ in range(7):
            assert client.datasets() == []
    assert 'sobolev_rejections_total{reason="RATE_EXCEEDED"}' in metrics(server)


def test_tokens_of_one_principal_share_its_rate(guarded, tokens):
    one = tokens.add("viewer", principal="ann")
    two = tokens.add("viewer", principal="ann")
    namesake = tokens.add("viewer", tenant="acme", principal="ann")
    server = guarded("--control-rate", "0.01")
    lister(server, one)()  # One call in a hundred seconds.
    refused(lister(server, two)).require("RESOURCE_EXHAUSTED", "RATE_EXCEEDED")
    lister(server, namesake)()
    refused(lister(server, namesake)).require("RESOURCE_EXHAUSTED", "RATE_EXCEEDED")


def test_without_login_there_are_no_rates(make_server):
    server = make_server("--control-rate", "1").start()
    with sobolev.Client(server.grpc) as client:
        for _ in range(20):
            client.datasets()
    assert "RATE_EXCEEDED" not in metrics(server)


def test_a_fast_upload_is_slowed_down_and_arrives(guarded, tokens):
    token = tokens.add("writer")
    server = guarded("--byte-rate", "1MiB")
    x = np.zeros((4096, 15))
    blocks = [block(i, x, x[:, :1]) for i in range(6)]  # Half a MiB each.
    with sobolev.Client(server.grpc, token=token) as client:
        client.create_dataset("d", [f"x{i}" for i in range(15)], ["u"])
    wire = Wire(server.grpc)
    call = wire.channel.stream_stream(
        wire.path("DatasetService.AppendSamples"),
        response_deserializer=datasets_pb2.AppendSamplesResponse.FromString,
    )
    messages = [open_upload("datasets/d", "u"), *map(as_block, blocks), commit(blocks)]
    start = time.monotonic()
    replies = list(
        call(
            iter([message.SerializeToString() for message in messages]),
            metadata=[("authorization", f"Bearer {token}")],
            timeout=60,
        )
    )
    # 3 MiB, of which one is free, and the last block does not wait for its own debt.
    assert time.monotonic() - start > 1.2
    assert replies[-1].committed.sample_count == 6 * 4096


@pytest.fixture
def watched(make_server):
    """A server that lets two watches in, and a job of it that does not end."""
    server = make_server("--max-watches", "2", "--max-transfers", "1").start()
    x = np.linspace(0, 1, 200)
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset("d", ["a"], ["u"])
        dataset.append(x, x**2)
        job = client.train(dataset=dataset, model="m", hidden=[64], epochs=10**6, patience=0)
        yield server, job
        job.cancel()


def test_a_full_lane_turns_calls_away_until_one_ends(watched):
    server, job = watched
    wire = Wire(server.grpc)
    watch = wire.channel.unary_stream(wire.path("JobService.WatchJob"))
    request = jobs_pb2.WatchJobRequest(name=job.name).SerializeToString()
    open_watches = [watch(request, timeout=60) for _ in range(2)]
    for stream in open_watches:
        next(stream)
    found = refused(lambda: list(watch(request, timeout=20)))
    found.require("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", says="watches of jobs")
    assert pushback(found) == 100
    wire.unary("JobService.GetJob", jobs_pb2.GetJobRequest(name=job.name))  # Another lane.
    open_watches[0].cancel()
    deadline = time.monotonic() + 20
    while True:
        try:
            next(watch(request, timeout=20))
            break
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert 'sobolev_rejections_total{reason="TOO_MANY_CALLS"}' in metrics(server)


def test_an_upload_that_stands_open_keeps_its_place(watched):
    server, _ = watched
    wire = Wire(server.grpc)
    call = wire.channel.stream_stream(wire.path("DatasetService.AppendSamples"))
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        released = concurrent.futures.Future()

        def requests():
            yield open_upload("datasets/d", "one").SerializeToString()
            released.result(60)

        stream = call(requests(), timeout=60)
        executor.submit(lambda: None).result()
        next(stream)
        second = open_upload("datasets/d", "two").SerializeToString()
        found = refused(lambda: list(call(iter([second]), timeout=20)))
        found.require("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", says="uploads and downloads")
        released.set_result(None)
        with pytest.raises(grpc.RpcError):
            list(stream)  # UPLOAD_NOT_COMMITTED.
        # Its place is free: an upload without a commit ends as such.
        refusal(lambda: list(call(iter([second]), timeout=20))).require("ABORTED")


def test_a_cancelled_evaluation_frees_its_place_and_its_thread(make_server):
    server = make_server("--max-predict-calls", "1").start()
    slow = SlowCalls(server)
    with slow.running(1) as (running,):
        found = refused(lambda: slow.evaluate(points=1, timeout=60))
        found.require("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", says="predictions and evaluations")
        assert not running.done()
    slow.evaluate(points=1, timeout=60)


def test_requests_share_a_bound_of_memory(make_server):
    server = make_server(
        *("--request-memory-bytes", "1MiB", "--max-message-bytes", "1MiB"),
        *("--max-predict-reply-bytes", "1MiB"),
    ).start()
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("d", ["a"], ["u"])
    slow = SlowCalls(server)
    x = np.zeros((45_000, 1))
    blocks = [block(i, x, x) for i in range(2)]
    upload = [open_upload("datasets/d", "u"), *map(as_block, blocks), commit(blocks)]
    # Of 128 KiB each; one of the four threads stays free. What is refused has 700 KiB.
    with slow.running(3):
        held = metric(server, "sobolev_request_memory_bytes")
        assert 3 * 2**17 < held < 3.1 * 2**17
        found = refused(lambda: slow.evaluate(points=90_000, timeout=60))
        found.require("RESOURCE_EXHAUSTED", "REQUEST_MEMORY_FULL", says="try again")
        assert pushback(found) == 100
        found = refused(lambda: slow.wire.append(upload))
        found.require("RESOURCE_EXHAUSTED", "REQUEST_MEMORY_FULL")
        assert pushback(found) == 100
        found = refused(lambda: stream_of_predictions(slow.wire, slow.request(90_000)))
        found.require("RESOURCE_EXHAUSTED", "REQUEST_MEMORY_FULL")
        # What is small passes.
        slow.wire.unary("DatasetService.ListDatasets", b"")
    assert metric(server, "sobolev_request_memory_bytes") == 0
    assert slow.wire.append(upload)[-1].committed.sample_count == 90_000
    assert 'sobolev_rejections_total{reason="REQUEST_MEMORY_FULL"}' in metrics(server)
    assert metric(server, "sobolev_request_memory_bytes") == 0


def metric(server, name):
    (line,) = [line for line in metrics(server).splitlines() if line.startswith(name + " ")]
    return float(line.split()[-1])


def stream_of_predictions(wire, request):
    """What a stream with this one request answers."""
    call = wire.channel.stream_stream(wire.path("PredictionService.PredictStream"))
    return list(call(iter([request]), timeout=60))


def test_health_is_told_while_everything_else_is_full(make_server):
    server = make_server(
        *("--threads", "4", "--max-queued-calls", "1"),
        *("--max-control-calls", "1", "--max-predict-calls", "5"),
    ).start()
    slow = SlowCalls(server)
    channel = grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)])
    with slow.filling_the_pool(threads=4):
        listing = channel.unary_unary(Wire.path("DatasetService.ListDatasets"))
        refused(lambda: listing(b"", timeout=20)).require("RESOURCE_EXHAUSTED", "QUEUE_FULL")
        refused(lambda: slow.evaluate(points=1, timeout=20)).require(
            "RESOURCE_EXHAUSTED", "TOO_MANY_CALLS"
        )
        for _ in range(20):
            for method in (
                "/grpc.health.v1.Health/Check",
                "/inference.GRPCInferenceService/ServerLive",
                "/inference.GRPCInferenceService/ServerReady",
            ):
                assert channel.unary_unary(method)(b"", timeout=20) == b"\x08\x01"


def test_health_costs_nobody_a_call(guarded, tokens):
    token = tokens.add("viewer")
    server = guarded("--control-rate", "0.01")
    channel = grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)])
    live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
    lister(server, token)()  # One call in a hundred seconds.
    for _ in range(20):
        live(b"", metadata=[("authorization", f"Bearer {token}")], timeout=20)
    refused(lister(server, token)).require("RESOURCE_EXHAUSTED", "RATE_EXCEEDED")


def test_what_a_repetition_cannot_mend_says_so(make_server):
    server = make_server("--max-predict-reply-bytes", "1KiB").start()
    with sobolev.Client(server.grpc) as client:
        client.create_program("id", "input a in [0, 1]\noutput a")
    wire = Wire(server.grpc)
    evaluate = wire.channel.unary_unary(wire.path("ProgramService.Evaluate"))
    request = programs_pb2.EvaluateRequest(
        program="programs/id", x=tensor(np.zeros((1000, 1))), quantities=[1]
    )
    found = refused(lambda: evaluate(request.SerializeToString(), timeout=20))
    found.require("RESOURCE_EXHAUSTED", "REPLY_TOO_LARGE")
    assert pushback(found) == -1


def test_long_headers_are_refused(server):
    wire = Wire(server.grpc)
    method = wire.channel.unary_unary(wire.path("DatasetService.ListDatasets"))
    method(b"", metadata=[("x-short", "v" * 4000)], timeout=20)
    with pytest.raises(grpc.RpcError) as info:
        method(b"", metadata=[("x-long", "v" * 9000)], timeout=20)
    assert info.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_connections_are_renewed_unnoticed(make_server):
    server = make_server("--max-connection-age-seconds", "1").start()
    with sobolev.Client(server.grpc) as client:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert client.datasets() == []


def test_whoever_connects_and_says_nothing_is_dropped(make_server):
    server = make_server("--handshake-timeout-seconds", "1").start()
    host, port = server.grpc.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as silent:
        while silent.recv(4096):
            pass


def test_too_few_files_stop_the_start(make_server):
    server = make_server("--min-open-files", "1000000000")
    assert server.launch().wait(60) == 1
    assert "min-open-files: expected a limit of at least 1000000000 open files" in server.log()


def test_unknown_methods_leave_the_server_alone(server):
    wire = Wire(server.grpc)
    for path in ("/sobolev.v1.DatasetService/NoSuchMethod", "/no.such.Service/Method"):
        for call in (
            lambda p=path: wire.channel.unary_unary(p)(b"", timeout=20),
            lambda p=path: list(wire.channel.stream_stream(p)(iter([b""]), timeout=20)),
        ):
            refusal(call).require("UNIMPLEMENTED")
    assert server.is_running()
    wire.unary("DatasetService.ListDatasets", b"")
