"""A sampling job whose function is an unmodified UM-Bridge model server."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
import time

import grpc
import numpy as np
import pytest

import sobolev
from sobolev._stubs import jobs_pb2, jobs_pb2_grpc, sampling_pb2, sampling_pb2_grpc

SERVER = """
import sys

import umbridge


class Banana(umbridge.Model):
    def __init__(self):
        super().__init__("forward")

    def get_input_sizes(self, config):
        return [2]

    def get_output_sizes(self, config):
        return [1]

    def supports_evaluate(self):
        return True

    def supports_gradient(self):
        return True

    def __call__(self, parameters, config):
        a, b = parameters[0]
        return [[(1 - a) ** 2 + 5 * (b - a * a) ** 2]]

    def gradient(self, out_wrt, in_wrt, parameters, sens, config):
        a, b = parameters[0]
        return [
            sens[0] * (-2 * (1 - a) - 20 * a * (b - a * a)),
            sens[0] * 10 * (b - a * a),
        ]


umbridge.serve_models([Banana()], int(sys.argv[1]))
"""


@pytest.fixture
def host(tmp_path: pathlib.Path):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, script, str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_surrogate_of_a_model_server(make_server, host):
    server = make_server("--um-bridge-hosts", host).start()
    with sobolev.Client(server.grpc) as client:
        client.create_dataset("banana", ["a", "b"], ["y"])
        channel = grpc.insecure_channel(server.grpc)
        sampling = sampling_pb2_grpc.SamplingServiceStub(channel)
        jobs = jobs_pb2_grpc.JobServiceStub(channel)
        spec = sampling_pb2.SamplingSpec(
            dataset="datasets/banana",
            model_id="banana",
            domain=[{"min": -1.5, "max": 1.5}] * 2,
            um_bridge={"urls": [f"http://{host}"]},
            training={"kind": "KIND_POLYNOMIAL"},
            stop_rules=[{"value_error": 1e-8}, {"evaluations": 100}],
        )
        name = sampling.StartSampling(sampling_pb2.StartSamplingRequest(spec=spec)).name
        deadline = time.monotonic() + 120
        while True:
            job = jobs.GetJob(jobs_pb2.GetJobRequest(name=name))
            if job.state == jobs_pb2.Job.STATE_SUCCEEDED:
                break
            assert job.state != jobs_pb2.Job.STATE_FAILED, job
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.1)
        status = sampling.GetSampling(sampling_pb2.GetSamplingRequest(name=name))
        assert status.stop_rule == 0
        assert status.counts.done < 100
        a, b = x = np.random.default_rng(2).uniform(-1.5, 1.5, (2, 50))
        y, jacobian = client.model("banana").value_and_jacobian(x.T)
        assert y[:, 0] == pytest.approx((1 - a) ** 2 + 5 * (b - a * a) ** 2, abs=1e-7)
        assert jacobian[:, 0, 1] == pytest.approx(10 * (b - a * a), abs=1e-6)
