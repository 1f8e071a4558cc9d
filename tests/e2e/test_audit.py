"""The log of who changed what."""

from __future__ import annotations

import json

import grpc
import numpy as np
import pytest
from wire import Wire, as_block, block, commit, open_upload

import sobolev
from sobolev._stubs import models_pb2, training_pb2


def entries(text):
    """What the lines of an audit log say."""
    lines = [json.loads(line) for line in text.splitlines() if '"audit"' in line]
    return [
        (e["principal"], e["tenant"], e["method"].split("/")[-1], e["object"], e["code"])
        for e in lines
    ]


def code(name):
    return grpc.StatusCode[name].value[0]


class Principal:
    """Calls on the bare wire with one token, without retries."""

    def __init__(self, target, token):
        self.channel = grpc.insecure_channel(target, options=[("grpc.enable_retries", 0)])
        self.metadata = [("authorization", f"Bearer {token}")]

    def call(self, method, request=b""):
        try:
            self.channel.unary_unary(Wire.path(method))(
                request if isinstance(request, bytes) else request.SerializeToString(),
                metadata=self.metadata,
                timeout=60,
            )
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


def test_each_change_leaves_a_line_and_nothing_else_does(make_server, tokens, tmp_path):
    file = tmp_path / "audit.jsonl"
    ann = tokens.add("writer", "acme", principal="ann")
    bob = tokens.add("viewer", "acme", principal="bob")
    server = make_server("--auth-tokens", str(tokens.path), "--audit-log", str(file)).start()
    with sobolev.Client(server.grpc, token=ann) as client:
        client.create_dataset("d", ["a"], ["u"]).append([0.0, 0.5, 1.0], [0.123456789, 0.25, 1.0])
        job = client.train(dataset="d", model="m", hidden=[4], epochs=2)
        model = job.wait(progress=False)
        model.predict([0.5])
        client.datasets()
        len(client.dataset("d"))
        job.cancel()
        client.create_program("p", "input a\noutput a")
    pipeline = models_pb2.CreatePipelineRequest(
        model_id="chain", stages=[models_pb2.PipelineStage(program="programs/p")]
    )
    as_ann, as_bob = Principal(server.grpc, ann), Principal(server.grpc, bob)
    assert as_ann.call("ModelService.CreatePipeline", pipeline) == "OK"
    gone = models_pb2.DeleteModelRequest(name="models/nobody\nforged")
    assert as_ann.call("ModelService.DeleteModel", gone) == "INVALID_ARGUMENT"
    assert as_ann.call("ModelService.DeleteModel", b"\xff") == "INVALID_ARGUMENT"
    train = training_pb2.TrainRequest(dataset="datasets/none")
    assert as_ann.call("TrainingService.Train", train) == "NOT_FOUND"
    assert as_bob.call("ModelService.DeleteModel", gone) == "PERMISSION_DENIED"
    assert as_bob.call("ModelService.ListModels") == "OK"
    stranger = Principal(server.grpc, "sbv_wrong")
    assert stranger.call("ProgramService.DeleteProgram") == "UNAUTHENTICATED"
    server.terminate()

    text = file.read_text()
    assert entries(text) == [
        ("ann", "acme", "CreateDataset", "datasets/d", 0),
        ("ann", "acme", "AppendSamples", "datasets/d", 0),
        ("ann", "acme", "Train", "models/m", 0),
        ("ann", "acme", "CancelJob", job.name, 0),
        ("ann", "acme", "CreateProgram", "programs/p", 0),
        ("ann", "acme", "CreatePipeline", "models/chain", 0),
        ("ann", "acme", "DeleteModel", "models/nobody\nforged", code("INVALID_ARGUMENT")),
        ("ann", "acme", "DeleteModel", "", code("INVALID_ARGUMENT")),
        ("ann", "acme", "Train", "datasets/none", code("NOT_FOUND")),
        ("bob", "acme", "DeleteModel", "", code("PERMISSION_DENIED")),
        ("", "", "DeleteProgram", "", code("UNAUTHENTICATED")),
    ]
    assert all("time" in json.loads(line) for line in text.splitlines())
    assert "sbv_" not in text
    assert "0.123456789" not in text
    assert file.stat().st_mode & 0o077 == 0


def test_it_may_go_to_the_log_and_is_off_by_default(make_server):
    for flags, lines in ((("--audit-log", "-"), 1), ((), 0)):
        server = make_server(*flags).start()
        with sobolev.Client(server.grpc) as client:
            client.create_dataset("d", ["a"], ["u"])
        server.terminate()
        assert len(entries(server.log())) == lines


def test_a_file_that_cannot_be_written_stops_the_start(make_server, tmp_path):
    server = make_server("--audit-log", str(tmp_path))
    assert server.launch().wait(60) == 1
    assert "audit-log: cannot write" in server.log()


def test_an_upload_that_fails_is_noted(make_server, tmp_path):
    file = tmp_path / "audit.jsonl"
    server = make_server("--audit-log", str(file)).start()
    wire = Wire(server.grpc)
    good = block(0, np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(grpc.RpcError):
        wire.append([open_upload("datasets/none", "u"), as_block(good), commit([good])])
    server.terminate()
    assert entries(file.read_text()) == [
        ("", "", "AppendSamples", "datasets/none", code("NOT_FOUND"))
    ]
