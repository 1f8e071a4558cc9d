"""Sampling jobs whose function is behind UM-Bridge servers: good ones, and hostile ones."""

from __future__ import annotations

import http.server
import json
import math
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

import sobolev
from sobolev._stubs import (
    jobs_pb2,
    jobs_pb2_grpc,
    sampling_pb2,
    sampling_pb2_grpc,
    training_pb2,
)

POLYNOMIAL = training_pb2.TrainingSpec(kind=training_pb2.TrainingSpec.KIND_POLYNOMIAL)
ENDED = (
    jobs_pb2.Job.STATE_SUCCEEDED,
    jobs_pb2.Job.STATE_FAILED,
    jobs_pb2.Job.STATE_CANCELLED,
)


def value(x: list[float]) -> float:
    return x[0] ** 2 + 3 * x[0] * x[1]


def gradient(x: list[float]) -> list[float]:
    return [2 * x[0] + 3 * x[1], 3 * x[0]]


class Simulator(http.server.BaseHTTPRequestHandler):
    """A conforming server of `value`; subclasses misbehave in `evaluate`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["name"] == "forward"
        if self.path == "/InputSizes":
            self.reply({"inputSizes": [1, 1]})
        elif self.path == "/OutputSizes":
            self.reply({"outputSizes": [1]})
        elif self.path == "/ModelInfo":
            self.reply({"support": {"Evaluate": True, "Gradient": True}})
        elif self.path == "/Evaluate":
            self.evaluate([number for block in body["input"] for number in block])
        else:
            assert self.path == "/Gradient"
            x = [number for block in body["input"] for number in block]
            assert body["outWrt"] == 0 and body["sens"] == [1.0]
            self.reply({"output": [gradient(x)[body["inWrt"]]]})

    def evaluate(self, x: list[float]) -> None:
        self.reply({"output": [[value(x)]]})

    def reply(self, answer: object) -> None:
        self.send(json.dumps(answer).encode())

    def send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


class Hole(Simulator):
    """No number in a part of the square, as Python writes it."""

    def evaluate(self, x: list[float]) -> None:
        self.reply({"output": [[math.nan if x[0] > 0.7 else value(x)]]})


class Malformed(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.reply({"output": [["one", "two"]]})


class NoJson(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.send(b"\x00\xff not JSON")


class Refusing(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.send(b'{"error": {"type": "ModelError", "message": "mesh broke"}}', 500)


class Redirecting(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.send(b"", 307, Location="http://127.0.0.1:1/Evaluate")


class Huge(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            pass


class Trickling(Simulator):
    """Never silent long enough for a limit of single reads, never done."""

    def evaluate(self, x: list[float]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass


class Deep(Simulator):
    def evaluate(self, x: list[float]) -> None:
        self.send(b"[" * 100_000)


@pytest.fixture
def serve() -> Iterator[Callable[[type[Simulator]], str]]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(handler: type[Simulator]) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Campaign:
    """A server that may call these hosts, with a dataset for two inputs and an output."""

    def __init__(self, make_server, hosts: list[str]) -> None:
        self.server = make_server("--um-bridge-hosts", ",".join(hosts)).start()
        with sobolev.Client(self.server.grpc) as client:
            client.create_dataset("square", ["a", "b"], ["y"])
        self.channel = grpc.insecure_channel(self.server.grpc)
        self.sampling = sampling_pb2_grpc.SamplingServiceStub(self.channel)
        self.jobs = jobs_pb2_grpc.JobServiceStub(self.channel)

    def start(self, hosts: list[str], **spec) -> str:
        unit = {"min": 0, "max": 1}
        request = sampling_pb2.SamplingSpec(
            dataset="datasets/square",
            model_id="square",
            domain=[unit, unit],
            um_bridge={"urls": [f"http://{host}" for host in hosts]},
            training=POLYNOMIAL,
            stop_rules=[{"evaluations": 20}],
            **spec,
        )
        return self.sampling.StartSampling(sampling_pb2.StartSamplingRequest(spec=request)).name

    def wait(self, name: str, seconds: float = 60) -> jobs_pb2.Job:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.jobs.GetJob(jobs_pb2.GetJobRequest(name=name))
            if job.state in ENDED:
                return job
            time.sleep(0.05)
        raise AssertionError(f"not over after {seconds} s: {job}\n{self.server.log()}")

    def status(self, name: str) -> sampling_pb2.Sampling:
        return self.sampling.GetSampling(sampling_pb2.GetSamplingRequest(name=name))

    def points(self, name: str) -> list[sampling_pb2.SamplingPoint]:
        request = sampling_pb2.ListSamplingPointsRequest(name=name, page_size=10000)
        return list(self.sampling.ListSamplingPoints(request).points)


def test_several_servers_share_the_work(make_server, serve):
    hosts = [serve(Simulator), serve(Simulator), serve(Simulator)]
    campaign = Campaign(make_server, hosts)
    name = campaign.start(hosts)
    job = campaign.wait(name)
    assert job.state == jobs_pb2.Job.STATE_SUCCEEDED, job
    points = campaign.points(name)
    done = [point for point in points if point.state == sampling_pb2.SamplingPoint.STATE_DONE]
    assert len(done) >= 20
    assert len({point.worker for point in done}) > 1
    for point in done:
        assert point.y == pytest.approx([value(point.x)], abs=1e-14)
    with sobolev.Client(campaign.server.grpc) as client:
        model = client.model("square")
        assert model.predict([[0.3, 0.6]])[0, 0] == pytest.approx(value([0.3, 0.6]), abs=1e-9)
        jacobian = model.jacobian([[0.3, 0.6]])
        assert jacobian[0, 0] == pytest.approx(gradient([0.3, 0.6]), abs=1e-8)


def test_numbers_that_are_not_finite_are_infeasible_points(make_server, serve):
    host = serve(Hole)
    campaign = Campaign(make_server, [host])
    name = campaign.start([host])
    assert campaign.wait(name).state == jobs_pb2.Job.STATE_SUCCEEDED
    points = campaign.points(name)
    infeasible = {
        point.id for point in points if point.state == sampling_pb2.SamplingPoint.STATE_INFEASIBLE
    }
    assert infeasible == {point.id for point in points if point.x[0] > 0.7}
    assert all(point.attempt == 1 for point in points if point.id in infeasible)


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (Malformed, "output"),
        (NoJson, "JSON"),
        (Refusing, "answered 500"),
        (Redirecting, "answered 307"),
        (Huge, "sent more than 16777216 bytes"),
        (Trickling, "took longer than 1000 ms"),
        (Deep, "brackets"),
    ],
)
def test_bad_answers_are_failed_evaluations(make_server, serve, handler, words):
    host = serve(handler)
    campaign = Campaign(make_server, [host])
    name = campaign.start([host], lease_seconds=1, max_attempts=1)
    deadline = time.monotonic() + 60
    while campaign.status(name).counts.failed == 0:
        assert time.monotonic() < deadline, campaign.server.log()
        time.sleep(0.05)
    reasons = [point.reason for point in campaign.points(name) if point.reason]
    assert words in reasons[0]
    campaign.jobs.CancelJob(jobs_pb2.CancelJobRequest(name=name))
    assert campaign.wait(name, 10).state == jobs_pb2.Job.STATE_CANCELLED


def test_a_server_that_is_down_burns_no_attempts(make_server, serve):
    host = serve(Simulator)
    campaign = Campaign(make_server, [host, "127.0.0.1:1"])
    name = campaign.start(["127.0.0.1:1", host])
    assert campaign.wait(name).state == jobs_pb2.Job.STATE_SUCCEEDED
    assert {point.attempt for point in campaign.points(name) if point.worker} == {1}


def test_a_model_of_another_size_ends_the_job(make_server, serve):
    class Small(Simulator):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply({"inputSizes": [1], "outputSizes": [1]})

    host = serve(Small)
    campaign = Campaign(make_server, [host])
    job = campaign.wait(campaign.start([host]))
    assert job.state == jobs_pb2.Job.STATE_FAILED
    assert job.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert "spec.um_bridge.model: expected a model with the 2 inputs" in job.error.message


def test_hosts_need_permission(make_server, serve):
    host = serve(Simulator)
    campaign = Campaign(make_server, ["example.org:80"])
    with pytest.raises(grpc.RpcError) as caught:
        campaign.start([host])
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "um_bridge.urls[0]" in caught.value.details()
    assert "um-bridge-hosts" in caught.value.details()


@pytest.mark.parametrize(
    "url", ["https://a:1", "ftp://a", "http://", "http://a:0", "http://a:b", "http://u@a:1", "a:1"]
)
def test_urls_are_checked(make_server, url):
    campaign = Campaign(make_server, [])
    unit = {"min": 0, "max": 1}
    spec = sampling_pb2.SamplingSpec(
        dataset="datasets/square", domain=[unit, unit], um_bridge={"urls": [url]}
    )
    with pytest.raises(grpc.RpcError) as caught:
        campaign.sampling.StartSampling(sampling_pb2.StartSamplingRequest(spec=spec))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "spec.um_bridge.urls[0]" in caught.value.details()
