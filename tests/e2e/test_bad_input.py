"""The table of bad inputs, for every call of every service in proto/: code, reason, field, message.

Its rows come from the descriptors, so that a new call, or a new field of one, fails here until
contract.py and the tables below say what it is.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from contract import GOOD, METHODS, Call, Fields, dotted, fields_of, put
from google.protobuf.descriptor import FieldDescriptor as Field
from wire import Refusal, refusal

import sobolev

BAD_IDS = [
    *("", ".", "..", "../x", "a/b", "a/../b", "..\\b", "a\\b", "%2e", "%2e%2e%2f", "a..b"),
    *("a\0b", "a\nb", "a b", "-a", "a-", "Upper", "CON", "é", "\u202eabc", "a\u200bb", "a" * 64),
]
BAD_TOKENS = ["a/b", "../x", "..\\b", "a\0b", "a b", "é", "\u202eabc", "a" * 64]
BAD_VARIABLES = ["", "1a", "a/b", "../x", "a\0b", "a b", "é", "a" * 64]
FORGED_PAGES = [
    text
    for forged in ("AAAA", "!", "1:x", "' OR 1=1 --", "../x", "A" * 10_000)
    for text in (forged, base64.urlsafe_b64encode(forged.encode()).decode())
]
FREE = ""  # Any text is good.

# What each string of a request is, and with it which texts are bad there. "{}" stands for an id.
STRINGS: dict[str, tuple[list[str], str]] = {
    # Names and ids, and the reason.
    **dict.fromkeys(
        [
            "DatasetService.CreateDataset dataset_id",
            "ModelService.CreatePipeline model_id",
            "ProgramService.CreateProgram program_id",
            "GRPCInferenceService.ModelReady name",
            "GRPCInferenceService.ModelMetadata name",
            "GRPCInferenceService.ModelInfer model_name",
        ],
        (BAD_IDS, "INVALID_NAME"),
    ),
    **dict.fromkeys(
        [
            "DatasetService.GetDataset name",
            "DatasetService.DeleteDataset name",
            "DatasetService.AppendSamples open open.dataset",
            "DatasetService.ReadSamples name",
            "TrainingService.Train dataset",
            "ModelService.Prune retraining.dataset",
            "SamplingService.StartSampling spec.dataset",
        ],
        ([f"datasets/{bad}" for bad in BAD_IDS] + ["x", "models/x", "/datasets/x"], "INVALID_NAME"),
    ),
    **dict.fromkeys(
        [
            "ModelService.GetModel name",
            "ModelService.DeleteModel name",
            "ModelService.GetModelVersion name",
            "ModelService.ListModelVersions parent",
            "ModelService.CreatePipeline stages.model",
            "ModelService.PlanDerivatives model",
            "ModelService.Prune model",
            "ModelService.AnalyzeSignificance model",
            "PredictionService.Bound model",
            "PredictionService.Bound compare_to",
            "PredictionService.Certify model",
            "PredictionService.Predict model",
            "PredictionService.PredictStream model",
        ],
        (
            [f"models/{bad}" for bad in BAD_IDS]
            + [f"models/x/versions/{bad}" for bad in ("0", "-1", "x", "", "1x", "9" * 20)]
            + ["x", "datasets/x", "/models/x"],
            "INVALID_NAME",
        ),
    ),
    **dict.fromkeys(
        [
            "JobService.GetJob name",
            "JobService.WatchJob name",
            "JobService.CancelJob name",
            "SamplingService.GetSampling name",
            "SamplingService.UpdateSampling name",
            "SamplingService.GetSamplingBoxes name",
            "SamplingService.ListSamplingPoints name",
            "SamplingService.Ask name",
            "SamplingService.Tell name",
            "SamplingService.Heartbeat name",
            "SamplingService.PauseSampling name",
            "SamplingService.ResumeSampling name",
            "SamplingService.StopSampling name",
        ],
        ([f"jobs/{bad}" for bad in BAD_IDS] + ["x", "models/x"], "INVALID_NAME"),
    ),
    **dict.fromkeys(
        [
            "ModelService.CreatePipeline stages.program",
            "ModelService.AnalyzeSignificance program",
            "PredictionService.Bound program",
            "PredictionService.Certify program",
            "ProgramService.GetProgram name",
            "ProgramService.DeleteProgram name",
            "ProgramService.Evaluate program",
            "ProgramService.Enclose program",
            "ProgramService.AnalyzeCurvature program",
        ],
        ([f"programs/{bad}" for bad in BAD_IDS] + ["x", "models/x"], "INVALID_NAME"),
    ),
    "TrainingService.Train model_id": (BAD_IDS[1:], "INVALID_NAME"),  # None is none.
    "TrainingService.Train request_id": (BAD_TOKENS, "INVALID_NAME"),
    "ModelService.Prune model_id": (BAD_IDS[1:], "INVALID_NAME"),  # None is the same.
    "ModelService.Prune request_id": (BAD_TOKENS, "INVALID_NAME"),
    "SamplingService.StartSampling spec.model_id": (BAD_IDS[1:], "INVALID_NAME"),
    **dict.fromkeys(
        [
            "SamplingService.StartSampling spec.program",
            "SamplingService.StartSampling spec.constraint_program",
        ],
        (
            [f"programs/{bad}" for bad in BAD_IDS if bad] + ["x", "models/x"],
            "INVALID_NAME",
        ),
    ),
    "SamplingService.StartSampling spec.um_bridge.model": (BAD_TOKENS, "INVALID_NAME"),
    "SamplingService.StartSampling spec.um_bridge.urls": (
        ["", "a:1", "https://a:1", "http://", "http://a:0", "http://a:65536", "http://u@a"],
        "INVALID_URL",
    ),
    "SamplingService.StartSampling spec.inputs.input": (["", "c", "../x"], "UNKNOWN_NAME"),
    "SamplingService.StartSampling spec.constraints.coefficients.key": (
        ["", "c", "../x"],
        "UNKNOWN_NAME",
    ),
    **dict.fromkeys(
        [
            "SamplingService.StartSampling spec.goal.output",
            "SamplingService.UpdateSampling spec.goal.output",
        ],
        (["", "a", "../x"], "UNKNOWN_NAME"),
    ),
    "SamplingService.UpdateSampling update_mask.paths": (
        ["", "seed", "stop_rules.cost", "spec.strategy", "*"],
        "UNKNOWN_FIELD",
    ),
    "SamplingService.StartSampling request_id": (BAD_TOKENS, "INVALID_NAME"),
    **dict.fromkeys(
        [
            "SamplingService.Ask worker",
            "SamplingService.Tell worker",
            "SamplingService.Heartbeat worker",
        ],
        (["", *BAD_TOKENS], "INVALID_NAME"),
    ),
    "DatasetService.AppendSamples open open.upload_id": (["", *BAD_TOKENS], "INVALID_NAME"),
    "DatasetService.CreateDataset dataset.schema.inputs.name": (BAD_VARIABLES, "INVALID_NAME"),
    "DatasetService.CreateDataset dataset.schema.outputs.name": (BAD_VARIABLES, "INVALID_NAME"),
    "ModelService.CreatePipeline stages.name": (BAD_VARIABLES[2:], "INVALID_NAME"),
    **dict.fromkeys(
        [
            "GRPCInferenceService.ModelReady version",
            "GRPCInferenceService.ModelMetadata version",
            "GRPCInferenceService.ModelInfer model_version",
        ],
        (["0", "-1", "1x", "latest", "../1", "9" * 20], "INVALID_NAME"),
    ),
    **{
        f"{method} page_token": (FORGED_PAGES, "INVALID_PAGE_TOKEN")
        for method in (
            "DatasetService.ListDatasets",
            "JobService.ListJobs",
            "ModelService.ListModels",
            "ModelService.ListModelVersions",
            "ProgramService.ListPrograms",
        )
    },
    # What must be the name of something in the same request, or in what it names.
    **{
        text: bad
        for spec in ("TrainingService.Train spec", "SamplingService.StartSampling spec.training")
        for text, bad in {
            f"{spec}.monotone.key": (["", "c", "../x"], "UNKNOWN_NAME"),
            f"{spec}.input_maps.input": (["", "c", "../x"], "UNKNOWN_NAME"),
            f"{spec}.output_maps.output": (["", "c", "../x"], "UNKNOWN_NAME"),
        }.items()
    },
    "ModelService.CreatePipeline stages.inputs.key": (["", "c", "../x"], "UNKNOWN_NAME"),
    "ModelService.AnalyzeSignificance cuts.input": (["", "c", "../x"], "UNKNOWN_NAME"),
    "PredictionService.Certify values.output": (["c", "../x"], "UNKNOWN_NAME"),  # None is all.
    "PredictionService.Certify derivatives.output": (["c", "../x"], "UNKNOWN_NAME"),
    "PredictionService.Certify derivatives.input": (["c", "../x"], "UNKNOWN_NAME"),
    "ModelService.CreatePipeline stages.inputs": (["", "../x", "a/b"], "INVALID_NAME"),
    "ModelService.CreatePipeline outputs": (["", "c", "../x"], "UNKNOWN_NAME"),
    "GRPCInferenceService.ModelInfer inputs.name": (["", "z", "X"], "UNKNOWN_TENSOR"),
    "GRPCInferenceService.ModelInfer inputs.datatype": (
        ["", "INT64", "FP16", "BYTES", "float64"],
        "UNKNOWN_ENUM_VALUE",
    ),
    "GRPCInferenceService.ModelInfer outputs.name": (["", "z", "Y"], "UNKNOWN_TENSOR"),
    **{
        f"GRPCInferenceService.ModelInfer {parameters}": (["a", ""], "UNSUPPORTED_PARAMETER")
        for parameters in (
            *("parameters.key", "parameters.string_param"),
            *("inputs.parameters.key", "inputs.parameters.string_param"),
            *("outputs.parameters.key", "outputs.parameters.string_param"),
        )
    },
    # Text of the caller's own.
    "ProgramService.CreateProgram source": (["", "\0", "((((", "input a"], "SYNTAX_ERROR"),
    "ProgramService.CheckProgram source": (["", "\0", "((((", "input a"], "SYNTAX_ERROR"),
    "DatasetService.CreateDataset dataset.schema.inputs.unit": ([], FREE),
    "DatasetService.CreateDataset dataset.schema.outputs.unit": ([], FREE),
    "GRPCInferenceService.ModelInfer id": ([], FREE),
    "SamplingService.Tell failures.reason": ([], FREE),
    "GRPCInferenceService.RepositoryIndex repository_name": ([], FREE),
}


# Numbers that are good although they look odd: what comes of them.
ODD_NUMBERS = {
    **{
        f"{method} page_size = {2**31 - 1}": "OK"  # As many as there may be.
        for method in (
            "DatasetService.ListDatasets",
            "JobService.ListJobs",
            "ModelService.ListModels",
            "ModelService.ListModelVersions",
            "ProgramService.ListPrograms",
        )
    },
    f"JobService.WatchJob after_event = {2**63 - 1}": "OK",
    f"DatasetService.AppendSamples block block.block_id = {2**63 - 1}": "ABORTED",  # No commit.
    f"TrainingService.Train spec.patience = {2**31 - 1}": "OK",
    f"TrainingService.Train spec.derivative_sketch = {2**31 - 1}": "OK",  # All outputs.
    f"ModelService.PlanDerivatives tape_memory = {2**63 - 1}": "OK",
    f"DatasetService.ReadSamples version = {2**63 - 1}": "NOT_FOUND",
    f"TrainingService.Train dataset_version = {2**63 - 1}": "NOT_FOUND",
    f"ModelService.Prune retraining.dataset_version = {2**63 - 1}": "NOT_FOUND",
    **{
        f"SamplingService.Tell {point} = {number}": "NOT_FOUND"
        for point in ("points", "failures.point")
        for number in (-1, -(2**63), 2**63 - 1)
    },
    **{
        f"SamplingService.{call} spec.{field}": "OK"
        for call in ("StartSampling", "UpdateSampling")
        for field in (
            f"stop_rules.evaluations = {2**63 - 1}",
            f"stop_rules.stale_rounds = {2**31 - 1}",
        )
    },
    f"SamplingService.ListSamplingPoints page_size = {2**31 - 1}": "OK",
    f"SamplingService.ListSamplingPoints after_point = {2**63 - 1}": "OK",
    f"SamplingService.Tell failures.attempt = {2**31 - 1}": "OK",
    f"SamplingService.Tell block.block_id = {2**63 - 1}": "OK",
    "ProgramService.AnalyzeCurvature newton.trust_radius = inf": "OK",
    "ProgramService.AnalyzeCurvature newton.tolerance = inf": "OK",
    "ProgramService.AnalyzeCurvature eigenvalues.tolerance = inf": "OK",
}

# Refused whatever it is, as every option of Adam's.
ADAM_ONLY = "spec.training.precision"

BAD_NUMBERS: dict[int, list[Any]] = {
    Field.TYPE_INT32: [-1, -(2**31), 2**31 - 1],
    Field.TYPE_INT64: [-1, -(2**63), 2**63 - 1],
    Field.TYPE_FIXED32: [2**32 - 1],
    Field.TYPE_DOUBLE: [math.nan, math.inf, -math.inf],
    Field.TYPE_ENUM: [99, -1],
    Field.TYPE_UINT64: [],  # Seeds, all of which are good.
    Field.TYPE_BOOL: [],
}


class Row(NamedTuple):
    """A request with one bad field, and what must come of it."""

    call: str
    fields: Fields
    value: Any
    code: str
    reason: str | None
    says: str

    def __str__(self) -> str:
        return f"{self.call} {dotted(self.fields)} = {self.value!a}"[:120]

    @property
    def field(self) -> str:
        return dotted(self.fields).removesuffix(".key")


def is_inference_payload(fields: Fields) -> bool:
    """Tensors of the Open Inference Protocol have tests of their own: they are not our Tensor."""
    return any(each.name in ("contents", "raw_input_contents", "shape") for each in fields)


def numbers(call: str, fields: Fields) -> Iterator[Row]:
    for value in BAD_NUMBERS[fields[-1].type]:
        code = ODD_NUMBERS.get(f"{call} {dotted(fields)} = {value}", "INVALID_ARGUMENT")
        reason = None
        if fields[-1].type == Field.TYPE_ENUM and dotted(fields) != ADAM_ONLY:
            reason = "UNKNOWN_ENUM_VALUE"
        says = "" if math.isfinite(value) or code == "OK" else "expected"
        yield Row(call, fields, value, code, reason, says)


def strings(call: str, fields: Fields) -> Iterator[Row]:
    texts, reason = STRINGS[f"{call} {dotted(fields)}"]
    for text in texts:
        yield Row(call, fields, text, "INVALID_ARGUMENT", reason, "expected")


def rows() -> Iterator[Row]:
    for call in GOOD:
        for fields in fields_of(call):
            if is_inference_payload(fields) or fields[-1].type == Field.TYPE_MESSAGE:
                continue
            if fields[-1].type == Field.TYPE_STRING:
                yield from strings(call, fields)
            else:
                yield from numbers(call, fields)


def plain(field: str) -> str:
    """Without positions and without the number of a request in a stream."""
    return re.sub(r"^request\[0\]\.|\[[^]]*\]", "", field)


def require(found: Refusal, row: Row) -> None:
    """The reported field is that of the row, or what it is within."""
    found.require(row.code, row.reason, says=row.says)
    assert found.message.startswith(found.field + ": "), found.message
    assert len(found.message) < 1600
    if row.code == "INVALID_ARGUMENT":
        assert f"{row.field}.".startswith(plain(found.field) + "."), (row.field, found.field)


def test_every_call_of_the_contract_has_rows():
    assert set(METHODS) == {call.split(" ")[0] for call in GOOD}


def test_every_string_of_the_contract_is_known():
    known = {
        f"{call} {dotted(fields)}"
        for call in GOOD
        for fields in fields_of(call)
        if fields[-1].type == Field.TYPE_STRING
    }
    assert known == set(STRINGS)


@pytest.mark.parametrize("call", GOOD)
def test_the_requests_are_good_before_they_are_made_bad(wire, server, call):
    with sobolev.Client(server.grpc) as client:
        if "DeleteDataset" in call:
            client.create_dataset("doomed", ["a"], ["u"])
        if "DeleteProgram" in call:
            client.create_program("doomed", "input a\noutput u = a")
        if "DeleteModel" in call:
            client.create_pipeline("doomed", [client.program("bad-input")])
    asked = Call(call, wire.jobs)
    if call in ("DatasetService.AppendSamples open", "DatasetService.AppendSamples block"):
        found = refusal(lambda: asked.send(wire.channel, asked.request()))
        found.require("ABORTED", "UPLOAD_NOT_COMMITTED", "commit")
    else:
        assert asked.send(wire.channel, asked.request())


@pytest.mark.parametrize("row", list(rows()), ids=str)
def test_a_bad_field_is_refused_by_name(wire, row):
    asked = Call(row.call, wire.jobs)
    request = asked.request()
    put(request, row.fields, row.value)
    if row.code == "OK":
        asked.send(wire.channel, request)
    else:
        require(refusal(lambda: asked.send(wire.channel, request)), row)
