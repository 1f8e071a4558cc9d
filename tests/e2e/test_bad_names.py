"""Names, bytes and page tokens that mean nothing are refused by every method."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from wire import (
    DATASET,
    MODEL,
    Wire,
    open_upload,
    predict,
    refusal,
)

import sobolev
from sobolev._stubs import (
    datasets_pb2,
    jobs_pb2,
    models_pb2,
    prediction_pb2,
    programs_pb2,
    training_pb2,
)

BAD_IDS = [
    "",
    "../x",
    "a/b",
    "a\\b",
    "%2e",
    "%2e%2e%2f",
    "Upper",
    "a" * 64,
    ".",
    "..",
    "a..b",
    "-a",
    "a-",
    "a b",
    "a\x00b",
    "a\nb",
    "é",
]


def named_requests(name: str) -> list[tuple[str, Any, str]]:
    """Every request that names a resource: method, message, field."""
    dataset, model, job = f"datasets/{name}", f"models/{name}", f"jobs/{name}"
    program = f"programs/{name}"
    schema = datasets_pb2.Schema(
        inputs=[datasets_pb2.Variable(name="a")], outputs=[datasets_pb2.Variable(name="u")]
    )
    return [
        (
            "DatasetService.CreateDataset",
            datasets_pb2.CreateDatasetRequest(
                dataset_id=name, dataset=datasets_pb2.Dataset(schema=schema)
            ),
            "dataset_id",
        ),
        ("DatasetService.GetDataset", datasets_pb2.GetDatasetRequest(name=dataset), "name"),
        ("DatasetService.DeleteDataset", datasets_pb2.DeleteDatasetRequest(name=dataset), "name"),
        ("DatasetService.ReadSamples", datasets_pb2.ReadSamplesRequest(name=dataset), "name"),
        ("TrainingService.Train", training_pb2.TrainRequest(dataset=dataset), "dataset"),
        ("ModelService.GetModel", models_pb2.GetModelRequest(name=model), "name"),
        ("ModelService.DeleteModel", models_pb2.DeleteModelRequest(name=model), "name"),
        (
            "ModelService.GetModelVersion",
            models_pb2.GetModelVersionRequest(name=f"{model}/versions/1"),
            "name",
        ),
        (
            "ModelService.ListModelVersions",
            models_pb2.ListModelVersionsRequest(parent=model),
            "parent",
        ),
        ("PredictionService.Predict", prediction_pb2.PredictRequest(model=model), "model"),
        ("JobService.GetJob", jobs_pb2.GetJobRequest(name=job), "name"),
        ("JobService.WatchJob", jobs_pb2.WatchJobRequest(name=job), "name"),
        ("JobService.CancelJob", jobs_pb2.CancelJobRequest(name=job), "name"),
        (
            "ProgramService.CreateProgram",
            programs_pb2.CreateProgramRequest(program_id=name, source="input x\noutput y = x"),
            "program_id",
        ),
        ("ProgramService.GetProgram", programs_pb2.GetProgramRequest(name=program), "name"),
        ("ProgramService.DeleteProgram", programs_pb2.DeleteProgramRequest(name=program), "name"),
        ("ProgramService.Evaluate", programs_pb2.EvaluateRequest(program=program), "program"),
        (
            "ProgramService.AnalyzeCurvature",
            programs_pb2.AnalyzeCurvatureRequest(program=program),
            "program",
        ),
        ("ProgramService.Enclose", programs_pb2.EncloseRequest(program=program), "program"),
    ]


def call_any(wire: Wire, method: str, request: Any) -> Any:
    if method in ("DatasetService.ReadSamples", "JobService.WatchJob"):
        return wire.server_stream(method, request)
    return wire.unary(method, request)


@pytest.mark.parametrize("name", BAD_IDS, ids=ascii)
def test_names_with_other_characters_are_refused_everywhere(wire, name):
    for method, request, field in named_requests(name):
        refused = refusal(lambda m=method, r=request: call_any(wire, m, r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", field)
    if name:
        request = training_pb2.TrainRequest(dataset=DATASET, model_id=name)
        refused = refusal(lambda: wire.unary("TrainingService.Train", request))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "model_id")
    refused = refusal(lambda: wire.append([open_upload(f"datasets/{name}", "u")]))
    refused.require("INVALID_ARGUMENT", "INVALID_NAME", "open.dataset")


def test_names_without_their_collection_are_refused(wire):
    for name in ("x", "/x", "models/x", "datasets", "datasets/", "datasets/x/y", " datasets/x"):
        request = datasets_pb2.GetDatasetRequest(name=name)
        refused = refusal(lambda r=request: wire.unary("DatasetService.GetDataset", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "name")
    for version in ("0", "-1", "x", "", "1x", "99999999999999999999"):
        request = models_pb2.GetModelVersionRequest(name=f"{MODEL}/versions/{version}")
        refused = refusal(lambda r=request: wire.unary("ModelService.GetModelVersion", r))
        refused.require("INVALID_ARGUMENT", "INVALID_NAME", "name")


@pytest.mark.parametrize("token", ["", "a/b", "../x", "a" * 64, "é", "a b"], ids=ascii)
def test_upload_ids_with_other_characters_are_refused(wire, token):
    refused = refusal(lambda: wire.append([open_upload(DATASET, token)]))
    refused.require("INVALID_ARGUMENT", "INVALID_NAME", "open.upload_id")


def test_unknown_ids_are_not_found(wire):
    for method, request, _ in named_requests("nobody"):
        if method not in (
            "DatasetService.CreateDataset",
            "PredictionService.Predict",
            "ProgramService.CreateProgram",
        ):
            refused = refusal(lambda m=method, r=request: call_any(wire, m, r))
            refused.require("NOT_FOUND", says="nobody")
            assert refused.info.reason, method
    refused = refusal(lambda: wire.append([open_upload("datasets/nobody", "u")]))
    refused.require("NOT_FOUND", says="nobody")
    for model in ("models/nobody", f"{MODEL}/versions/99"):
        request = predict(model=model)
        refused = refusal(lambda r=request: wire.unary("PredictionService.Predict", r))
        refused.require("NOT_FOUND", says=model.split("/")[1])
    request = datasets_pb2.ReadSamplesRequest(name=DATASET, version=99)
    refusal(lambda: wire.server_stream("DatasetService.ReadSamples", request)).require("NOT_FOUND")


# ---- Bytes that are no message -------------------------------------------------------------------


def methods_of(wire: Wire) -> list[str]:
    return [method for method, _, _ in named_requests("x")] + [
        "DatasetService.ListDatasets",
        "ModelService.ListModels",
        "JobService.ListJobs",
        "ProgramService.CheckProgram",
        "ProgramService.ListPrograms",
    ]


@pytest.mark.parametrize(
    "garbage",
    [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 100, bytes(range(256)), b"\x0a\x05ab"],
    ids=["tag", "length", "groups", "bytes", "truncated"],
)
def test_garbage_is_refused_by_every_method(wire, garbage):
    for method in methods_of(wire):
        refused = refusal(lambda m=method: call_any(wire, m, garbage))
        refused.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request")
    refusal(lambda: wire.append([garbage])).require("INVALID_ARGUMENT", "MALFORMED_MESSAGE")


def test_invalid_utf8_is_refused(wire):
    name = b"datasets/\xff\xfe\xed\xa0\x80"
    request = b"\x0a" + bytes([len(name)]) + name
    for method in ("DatasetService.GetDataset", "TrainingService.Train", "JobService.GetJob"):
        refused = refusal(lambda m=method: wire.unary(m, request))
        refused.require("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request", "UTF-8")


def test_an_unknown_method_is_unimplemented(wire):
    refusal(lambda: wire.unary("DatasetService.Nothing", b"")).require("UNIMPLEMENTED")


# ---- Lists and streams ---------------------------------------------------------------------------

LISTS = {
    "DatasetService.ListDatasets": datasets_pb2.ListDatasetsRequest,
    "ModelService.ListModels": models_pb2.ListModelsRequest,
    "ModelService.ListModelVersions": lambda **fields: models_pb2.ListModelVersionsRequest(
        parent=MODEL, **fields
    ),
    "JobService.ListJobs": jobs_pb2.ListJobsRequest,
    "ProgramService.ListPrograms": programs_pb2.ListProgramsRequest,
}


@pytest.mark.parametrize("method", LISTS)
def test_a_negative_page_size_is_refused(wire, method):
    refused = refusal(lambda: wire.unary(method, LISTS[method](page_size=-1)))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "page_size", "got -1")


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("text", ["AAAA", "!", "1:x", "' OR 1=1 --", "../x", "A" * 10_000])
def test_a_forged_page_token_is_refused(wire, method, text):
    for token in (text, base64.urlsafe_b64encode(text.encode()).decode()):
        request = LISTS[method](page_token=token)
        refused = refusal(lambda r=request: wire.unary(method, r))
        refused.require("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token")


def test_a_page_token_of_another_list_is_refused(wire):
    page = datasets_pb2.ListDatasetsResponse.FromString(
        wire.unary("DatasetService.ListDatasets", datasets_pb2.ListDatasetsRequest(page_size=1))
    )
    assert page.next_page_token
    request = models_pb2.ListModelsRequest(page_token=page.next_page_token)
    refused = refusal(lambda: wire.unary("ModelService.ListModels", request))
    refused.require("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token")


def test_a_negative_event_number_is_refused(wire, server):
    with sobolev.Client(server.grpc) as client:
        job = client.jobs()[0]
    request = jobs_pb2.WatchJobRequest(name=job.name, after_event=-1)
    refused = refusal(lambda: wire.server_stream("JobService.WatchJob", request))
    refused.require("INVALID_ARGUMENT", "OUT_OF_RANGE", "after_event")


def test_reading_as_an_unknown_type_is_refused(wire):
    request = datasets_pb2.ReadSamplesRequest(name=DATASET, data_type=9)
    refused = refusal(lambda: wire.server_stream("DatasetService.ReadSamples", request))
    refused.require("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "data_type")
