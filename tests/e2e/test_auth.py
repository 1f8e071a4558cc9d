"""Tokens and roles, for every RPC that there is."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import time

import grpc
import pytest
from access import metrics
from command_line import Cli
from wire import Wire, refusal

import sobolev
from sobolev._stubs import (
    datasets_pb2,
    jobs_pb2,
    models_pb2,
    prediction_pb2,
    programs_pb2,
    sampling_pb2,
    training_pb2,
)

FILES = [
    *(datasets_pb2, jobs_pb2, models_pb2, prediction_pb2, programs_pb2, sampling_pb2),
    training_pb2,
]
METHODS = [
    (service.name, method.name)
    for module in FILES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
STREAMS = {"ReadSamples", "WatchJob"}
# What each role may call; a role may call all of those before it.
ALLOWED = {
    "viewer": {
        *("GetDataset", "ListDatasets", "ReadSamples", "GetJob", "ListJobs", "WatchJob"),
        *("GetModel", "ListModels", "GetModelVersion", "ListModelVersions"),
        *("GetProgram", "ListPrograms", "GetSampling", "ListSamplingPoints"),
        "GetSamplingBoxes",
    },
    "predictor": {
        "Predict",
        *("PlanDerivatives", "AnalyzeSignificance", "Bound", "Certify"),
        "PredictStream",
        "Evaluate",
        "Enclose",
        "AnalyzeCurvature",
        "CheckProgram",
    },
    "worker": {"AppendSamples", "Ask", "Tell", "Heartbeat"},
    "writer": {
        *("CreateDataset", "DeleteDataset", "Train", "CancelJob", "DeleteModel", "CreatePipeline"),
        *("Prune", "CreateProgram", "DeleteProgram"),
        *("StartSampling", "PauseSampling", "ResumeSampling", "StopSampling", "UpdateSampling"),
    },
    "admin": set(),
}
RELOAD_SECONDS = 30


@pytest.fixture
def guarded(make_server, tokens):
    """A server that asks for these tokens. Started by the test, once the file is complete."""
    return make_server("--auth-tokens", str(tokens.path), "--reload-seconds", "1")


def call(wire, service, method, authorization=None):
    """Calls a method with an empty request; the name of the status."""
    metadata = [] if authorization is None else [("authorization", authorization)]
    path = wire.path(f"{service}.{method}")
    try:
        if method in ("AppendSamples", "PredictStream"):
            list(wire.channel.stream_stream(path)(iter([b""]), timeout=20, metadata=metadata))
        elif method in STREAMS:
            list(wire.channel.unary_stream(path)(b"", timeout=20, metadata=metadata))
        else:
            wire.channel.unary_unary(path)(b"", timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def test_there_are_methods():
    assert len(METHODS) >= 25
    assert {m for ms in ALLOWED.values() for m in ms} == {method for _, method in METHODS}


def test_without_a_good_token_every_method_says_unauthenticated(guarded, tokens):
    good = tokens.add("admin")
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    expired = tokens.add("admin", expires=past)
    guarded.start()
    wire = Wire(guarded.grpc)
    digest = tokens.lines[0]["sha256"]
    wrong = [None, "", "Bearer ", good, f"Basic {good}", f"bearer{good}", f"Bearer {good}x"]
    wrong += [f"Bearer {good[:-1]}", f"Bearer {digest}", f"Bearer {expired}", f"Bearer  {good}"]
    for service, method in METHODS:
        for authorization in wrong:
            answer = call(wire, service, method, authorization)
            assert answer == "UNAUTHENTICATED", (method, authorization)
        assert call(wire, service, method, f"Bearer {good}") != "UNAUTHENTICATED", method


def test_refusals_say_what_is_wrong(guarded, tokens):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    viewer, expired = tokens.add("viewer"), tokens.add("viewer", expires=past)
    guarded.start()
    wire = Wire(guarded.grpc)

    def train(token):
        metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        path = wire.path("TrainingService.Train")
        return refusal(lambda: wire.channel.unary_unary(path)(b"", metadata=metadata))

    train(None).require("UNAUTHENTICATED", "TOKEN_MISSING", says="authorization: Bearer sbv_")
    train("sbv_x").require("UNAUTHENTICATED", "TOKEN_UNKNOWN", says="does not know")
    train(expired).require("UNAUTHENTICATED", "TOKEN_EXPIRED", says="expired")
    train(viewer).require("PERMISSION_DENIED", "ROLE_LACKS_PERMISSION", says="viewer may not call")
    text = metrics(guarded)
    assert 'sobolev_rejections_total{reason="TOKEN_MISSING"} 1' in text
    assert 'sobolev_rejections_total{reason="ROLE_LACKS_PERMISSION"} 1' in text
    assert "sbv_" not in guarded.log()


def test_roles_may_call_what_the_table_says_and_nothing_else(guarded, tokens):
    made = {role: tokens.add(role) for role in ALLOWED}
    guarded.start()
    wire = Wire(guarded.grpc)
    allowed = set()
    for role, token in made.items():
        allowed |= ALLOWED[role]
        for service, method in METHODS:
            answer = call(wire, service, method, f"Bearer {token}")
            assert answer != "UNAUTHENTICATED"
            assert (answer != "PERMISSION_DENIED") == (method in allowed), (role, method, answer)


REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
LIST_SERVICES = b"\x3a\x00"
FILE_OF_DATASETS = b"\x22\x19sobolev.v1.DatasetService"


def reflect(target, request, token=None):
    """The reply to a request, as bytes."""
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    with grpc.insecure_channel(target) as channel:
        call = channel.stream_stream(REFLECTION)
        return b"".join(call(iter([request]), metadata=metadata, timeout=20))


def test_health_is_open_and_reflection_is_for_administrators(guarded, tokens):
    admin, writer = tokens.add("admin"), tokens.add("writer")
    guarded.start()
    channel = grpc.insecure_channel(guarded.grpc)
    health = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert health(b"", timeout=20) == b"\x08\x01"
    refusal(lambda: reflect(guarded.grpc, LIST_SERVICES)).require("UNAUTHENTICATED")
    refusal(lambda: reflect(guarded.grpc, LIST_SERVICES, writer)).require("PERMISSION_DENIED")
    assert b"sobolev.v1.PredictionService" in reflect(guarded.grpc, LIST_SERVICES, admin)


def test_reflection_tells_services_and_files_and_can_be_turned_off(server, make_server):
    listed = reflect(server.grpc, LIST_SERVICES)
    assert {service for service, _ in METHODS} <= {
        name.decode() for name in re.findall(rb"sobolev\.v1\.(\w+)", listed)
    }
    file = reflect(server.grpc, FILE_OF_DATASETS)
    assert b"AppendSamples" in file
    assert b"sobolev/v1/tensor.proto" in file
    unknown = reflect(server.grpc, b"\x22\x03a.b")
    assert b"not found" in unknown
    off = make_server("--reflection=false").start()
    refusal(lambda: reflect(off.grpc, LIST_SERVICES)).require("UNIMPLEMENTED")


def test_tokens_come_and_go_without_a_restart(guarded, tokens):
    first = tokens.add("viewer")
    guarded.start()
    wire = Wire(guarded.grpc)

    def answer(token):
        return call(wire, "DatasetService", "ListDatasets", f"Bearer {token}")

    assert answer(first) == "OK"
    second = tokens.add("viewer")
    tokens.lines.pop(0)
    tokens.write()
    deadline = time.monotonic() + RELOAD_SECONDS
    while answer(second) != "OK":
        assert time.monotonic() < deadline, guarded.log()
        time.sleep(0.1)
    assert answer(first) == "UNAUTHENTICATED"


def test_the_command_line_makes_tokens_that_work(guarded, tokens, tmp_path):
    cli = Cli("127.0.0.1:1", tmp_path)
    made = cli.run("token", "create", "--principal", "ann", "--role", "viewer", "--tenant", "acme")
    assert made.returncode == 0, made.stderr
    token = made.stderr.split()[0]
    assert token.startswith("sbv_")
    assert len(token) == 4 + 43
    line = json.loads(made.stdout)
    assert line["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in made.stdout
    left = datetime.datetime.fromisoformat(line["expires"].replace("Z", "+00:00"))
    left -= datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=89) < left <= datetime.timedelta(days=90)
    tokens.path.write_text(made.stdout)
    guarded.start()
    cli = Cli(guarded.grpc, tmp_path)
    assert cli.ok("--token", token, "dataset", "list") is not None
    cli.environment["SOBOLEV_TOKEN"] = token
    cli.ok("dataset", "list")
    refused = cli.run("dataset", "create", "d", "--inputs", "a", "--outputs", "u")
    assert refused.returncode == 1
    assert "viewer" in refused.stderr
    assert cli.run("token", "create", "--principal", "A", "--role", "viewer").returncode == 2
    assert cli.run("token", "create", "--principal", "a", "--role", "root").returncode == 2


def test_a_bad_file_stops_the_start(make_server, tokens):
    tokens.path.write_text("\nnonsense\n")
    server = make_server("--auth-tokens", str(tokens.path))
    assert server.launch().wait(60) == 1
    assert "line 2: expected a JSON object" in server.log()


def test_without_a_file_there_is_no_login_and_the_log_says_so(server):
    assert '"login":"none"' in server.log()
    with sobolev.Client(server.grpc, token="sbv_any") as client:
        client.datasets()
