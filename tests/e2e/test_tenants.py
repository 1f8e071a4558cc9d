"""What a tenant sees, and what it calls its things."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from wire import Wire, open_upload, refusal

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


@pytest.fixture
def guarded(make_server, tokens):
    """A server that asks for these tokens. Started by the test, once the file is complete."""
    return make_server("--auth-tokens", str(tokens.path), "--reload-seconds", "1")


def test_what_one_tenant_makes_is_not_there_for_others(guarded, tokens):
    acme, other = tokens.add("admin", "acme"), tokens.add("admin", "other")
    default = tokens.add("admin")
    guarded.start()
    x = np.linspace(0, 1, 20)
    client = sobolev.Client(guarded.grpc, token=acme)
    dataset = client.create_dataset("d", ["a"], ["u"])
    dataset.append(x, x**2)
    job = client.train(dataset="d", model="m", hidden=[4], epochs=2)
    model = job.wait(progress=False)
    assert model.name == "models/m/versions/1"
    assert [d.name for d in client.datasets()] == ["datasets/d"]
    assert [j.name for j in client.jobs()] == [job.name]
    sampling = client.start_sampling("d", domain=[(0, 1)])
    for token in (other, default):
        stranger = sobolev.Client(guarded.grpc, token=token)
        assert stranger.datasets() == []
        assert stranger.jobs() == []
        assert stranger.models() == []
        for ask in (
            lambda s=stranger: s.dataset("d"),
            lambda s=stranger: s.job(job.name),
            lambda s=stranger: s.job(job.name).cancel(),
            lambda s=stranger: s.model("m"),
            lambda s=stranger: s.train(dataset="d", model="n", hidden=[4], epochs=2),
            lambda s=stranger: s.start_sampling("d", domain=[(0, 1)]),
            lambda s=stranger: s.sampling(sampling.name),
            lambda s=stranger: s.job(sampling.name),
            lambda s=stranger: sobolev.Sampling(s._connection, sampling.job).stop(),
            lambda s=stranger: sobolev.Sampling(s._connection, sampling.job).ask("thief"),
        ):
            with pytest.raises(sobolev.NotFoundError):
                ask()
        wire = Wire(guarded.grpc)
        metadata = [("authorization", f"Bearer {token}")]
        request = jobs_pb2.WatchJobRequest(name=job.name).SerializeToString()
        watch = wire.channel.unary_stream(wire.path("JobService.WatchJob"))
        refusal(lambda w=watch, r=request, m=metadata: list(w(r, metadata=m))).require("NOT_FOUND")
        # The name is free, and what is made under it is another thing.
        mine = stranger.create_dataset("d", ["a", "b"], ["u"])
        assert [d.name for d in stranger.datasets()] == ["datasets/d"]
        mine.delete()
    assert len(client.dataset("d")) == 20
    assert np.isfinite(model.predict([0.5])).all()


def test_http_asks_for_a_token_and_shows_the_models_of_its_tenant(guarded, tokens):
    viewer, predictor = tokens.add("viewer"), tokens.add("predictor", "acme")
    writer, stranger = tokens.add("writer", "acme"), tokens.add("predictor", "other")
    guarded.start()
    client = sobolev.Client(guarded.grpc, token=writer)
    x = np.linspace(0, 1, 20)
    client.train(x, x**2, model="m", kind="polynomial").wait(progress=False)

    def ask(path, token, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{guarded.gateway}{path}", data)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    for token, status in ((None, 401), ("sbv_nonsense", 401), (viewer, 403)):
        answered, reply = ask("/Info", token)
        assert answered == status
        assert set(reply["error"]) == {"type", "message"}
    assert ask("/Info", predictor) == (200, {"protocolVersion": 1.0, "models": ["m", "m:1"]})
    assert ask("/Info", stranger) == (200, {"protocolVersion": 1.0, "models": []})
    question = {"name": "m:1", "input": [[0.5]]}
    expected = client.model("m").predict([[0.5]])[0].tolist()
    assert ask("/Evaluate", predictor, question) == (200, {"output": [expected]})
    status, reply = ask("/Evaluate", stranger, question)
    assert (status, reply["error"]["type"]) == (400, "ModelNotFound")
    assert ask("/tesseract/m/openapi.json", predictor)[1]["info"]["title"] == "m"
    assert ask("/tesseract/m/openapi.json", stranger)[0] == 404


def test_lists_pass_over_other_tenants_page_by_page(guarded, tokens):
    names = ["a", "b", "m0", "z"]
    tenants = ["", "b", "m", "m0", "n"]
    made = {tenant: tokens.add("admin", tenant) for tenant in tenants}
    guarded.start()
    for tenant in tenants:
        client = sobolev.Client(guarded.grpc, token=made[tenant])
        for name in names:
            client.create_dataset(name, ["x"], ["u"])
    wire = Wire(guarded.grpc)
    method = wire.channel.unary_unary(
        wire.path("DatasetService.ListDatasets"),
        response_deserializer=datasets_pb2.ListDatasetsResponse.FromString,
    )
    for tenant in tenants:
        for size in (1, 2, 3, 100):
            listed, page_token = [], ""
            while True:
                request = datasets_pb2.ListDatasetsRequest(page_size=size, page_token=page_token)
                page = method(
                    request.SerializeToString(),
                    metadata=[("authorization", f"Bearer {made[tenant]}")],
                )
                assert len(page.datasets) <= size
                listed += [dataset.name for dataset in page.datasets]
                page_token = page.next_page_token
                if not page_token:
                    break
            assert listed == [f"datasets/{name}" for name in names], (tenant, size)


class Tenant:
    """Calls with one token, and what their refusals say."""

    def __init__(self, target, token):
        self.wire = Wire(target)
        self.metadata = [("authorization", f"Bearer {token}")]

    def call(self, method, request):
        stub = self.wire.channel.unary_unary(self.wire.path(method))
        return stub(request.SerializeToString(), metadata=self.metadata, timeout=60)

    def stream(self, method, request):
        stub = self.wire.channel.unary_stream(self.wire.path(method))
        return list(stub(request.SerializeToString(), metadata=self.metadata, timeout=60))

    def append(self, *requests):
        stub = self.wire.channel.stream_stream(self.wire.path("DatasetService.AppendSamples"))
        sent = iter([request.SerializeToString() for request in requests])
        return list(stub(sent, metadata=self.metadata, timeout=60))


def a_pipeline(name, **stage):
    return models_pb2.CreatePipelineRequest(
        model_id=name, stages=[models_pb2.PipelineStage(**stage)]
    )


def a_sampling(**spec):
    box = [datasets_pb2.Range(min=0, max=1)]
    fields = {"dataset": "datasets/wing", "domain": box, **spec}
    return sampling_pb2.StartSamplingRequest(spec=sampling_pb2.SamplingSpec(**fields))


def test_messages_name_things_as_their_tenant_does(guarded, tokens):
    token = tokens.add("admin", "acme")
    guarded.start()
    client = sobolev.Client(guarded.grpc, token=token)
    x = np.linspace(0, 1, 20)
    client.create_dataset("wing", ["a"], ["u"]).append(x, x**2)
    client.train(dataset="wing", model="m", kind="polynomial").wait(progress=False)
    source = "input a; output u = a"
    acme = Tenant(guarded.grpc, token)
    program = programs_pb2.CreateProgramRequest(program_id="p", source=source)
    acme.call("ProgramService.CreateProgram", program)
    acme.call("ModelService.CreatePipeline", a_pipeline("chain", program="programs/p"))
    endless = training_pb2.TrainRequest(
        dataset="datasets/wing",
        model_id="late",
        request_id="once",
        spec=training_pb2.TrainingSpec(network=models_pb2.Network(hidden=[4]), epochs=10**6),
    )
    job = jobs_pb2.Job.FromString(acme.call("TrainingService.Train", endless)).name
    changed = training_pb2.TrainRequest()
    changed.CopyFrom(endless)
    changed.spec.epochs = 2
    on = {"dataset": "datasets/wing"}
    narrow = datasets_pb2.CreateDatasetRequest(dataset_id="wing")
    narrow.dataset.schema.inputs.add(name="b")
    narrow.dataset.schema.outputs.add(name="u")
    train = "TrainingService.Train"
    sample = "SamplingService.StartSampling"
    unary = [
        ("DatasetService.GetDataset", datasets_pb2.GetDatasetRequest(name="datasets/x"), "x"),
        ("DatasetService.DeleteDataset", datasets_pb2.DeleteDatasetRequest(name="datasets/x"), "x"),
        (
            "DatasetService.DeleteDataset",
            datasets_pb2.DeleteDatasetRequest(name="datasets/wing"),
            "wing",
        ),
        ("DatasetService.CreateDataset", narrow, "wing"),
        (train, training_pb2.TrainRequest(dataset="datasets/x"), "x"),
        (train, training_pb2.TrainRequest(dataset_version=9, **on), "wing"),
        (train, training_pb2.TrainRequest(model_id="chain", **on), "chain"),
        (train, changed, "once"),
        ("JobService.GetJob", jobs_pb2.GetJobRequest(name="jobs/x"), "x"),
        ("JobService.CancelJob", jobs_pb2.CancelJobRequest(name="jobs/x"), "x"),
        ("ModelService.GetModel", models_pb2.GetModelRequest(name="models/x"), "x"),
        ("ModelService.DeleteModel", models_pb2.DeleteModelRequest(name="models/x"), "x"),
        (
            "ModelService.GetModelVersion",
            models_pb2.GetModelVersionRequest(name="models/m/versions/9"),
            "m/versions/9",
        ),
        (
            "ModelService.ListModelVersions",
            models_pb2.ListModelVersionsRequest(parent="models/x"),
            "x",
        ),
        ("ModelService.CreatePipeline", a_pipeline("m", program="programs/p"), "m"),
        ("ModelService.CreatePipeline", a_pipeline("n", program="programs/x"), "programs/x"),
        ("ModelService.CreatePipeline", a_pipeline("n", model="models/x"), "models/x"),
        ("PredictionService.Predict", prediction_pb2.PredictRequest(model="models/x"), "x"),
        ("ProgramService.GetProgram", programs_pb2.GetProgramRequest(name="programs/x"), "x"),
        ("ProgramService.DeleteProgram", programs_pb2.DeleteProgramRequest(name="programs/x"), "x"),
        (
            "ProgramService.CreateProgram",
            programs_pb2.CreateProgramRequest(program_id="p", source=source + " + 1"),
            "p",
        ),
        (sample, a_sampling(dataset="datasets/x"), "x"),
        (sample, a_sampling(program="programs/x"), "x"),
        (sample, a_sampling(model_id="chain"), "chain"),
        ("SamplingService.GetSampling", sampling_pb2.GetSamplingRequest(name="jobs/x"), "x"),
        ("SamplingService.Ask", sampling_pb2.AskRequest(name="jobs/x", worker="w"), "x"),
    ]
    streams = [
        ("DatasetService.ReadSamples", datasets_pb2.ReadSamplesRequest(name="datasets/x"), "x"),
        (
            "DatasetService.ReadSamples",
            datasets_pb2.ReadSamplesRequest(name="datasets/wing", version=9),
            "wing",
        ),
        ("JobService.WatchJob", jobs_pb2.WatchJobRequest(name="jobs/x"), "x"),
    ]
    refusals = [
        *(
            (method, refusal(lambda m=method, r=r: acme.call(m, r)), name)
            for method, r, name in unary
        ),
        *(
            (method, refusal(lambda m=method, r=r: acme.stream(m, r)), n)
            for method, r, n in streams
        ),
        ("AppendSamples", refusal(lambda: acme.append(open_upload("datasets/x", "u"))), "x"),
    ]
    for method, refused, name in refusals:
        assert f'"{name}"' in refused.message, (method, refused.message)
        assert "acme" not in refused.message, method
    # What fails later, too.
    endless.model_id, endless.request_id, endless.spec.epochs = "becomes-chain", "", 2
    queued = jobs_pb2.Job.FromString(acme.call(train, endless)).name
    acme.call("ModelService.CreatePipeline", a_pipeline("becomes-chain", program="programs/p"))
    acme.call("JobService.CancelJob", jobs_pb2.CancelJobRequest(name=job))
    with pytest.raises(
        sobolev.SobolevError, match=r'^jobs/[0-9a-f]*: model_id: "becomes-chain" is a pipeline'
    ):
        client.job(queued).wait(progress=False)
