"""Requests whose every field is well-formed, and which still cannot be answered: each row is a
call, a request in protobuf's text format, and what must come of it.
"""

from __future__ import annotations

import pytest
from contract import METHODS, Call, doubles
from google.protobuf import message_factory, text_format
from wire import Wire, refusal

from sobolev._stubs import datasets_pb2, models_pb2

X = f"x {doubles([1, 2], '01')}"
TWO = doubles([2, 2], "0101")


def infer(
    parts: str, name: str = "bad-input", x: str = "contents { fp64_contents: [0, 1] }"
) -> str:
    good = f'inputs {{ name: "x" datatype: "FP64" shape: [1, 2] {x} }}'
    return f'model_name: "{name}" {good} {parts}'


def stages(*parts: str, outputs: str = "u") -> str:
    made = " ".join(f"stages {{ {part} }}" for part in parts)
    return f'model_id: "never" outputs: "{outputs}" {made}'


PROGRAM = 'name: "one" program: "programs/bad-input"'
MODEL_99 = "models/bad-input/versions/99"
INFER = "GRPCInferenceService.ModelInfer"
PIPELINE = "ModelService.CreatePipeline"
RAW = '"' + "\\0" * 16 + '"'
TANGENTS = f"tangents {TWO} adjoints {doubles([1, 1], '1')}"

# Call, request, code, what the message says.
ROWS = [
    # What does not exist.
    ("DatasetService.GetDataset", 'name: "datasets/nobody"', "NOT_FOUND", '"nobody"'),
    ("DatasetService.DeleteDataset", 'name: "datasets/nobody"', "NOT_FOUND", '"nobody"'),
    ("DatasetService.ReadSamples", 'name: "datasets/nobody"', "NOT_FOUND", '"nobody"'),
    (
        "DatasetService.ReadSamples",
        'name: "datasets/bad-input" version: 99',
        "NOT_FOUND",
        "expected a version up to 1",
    ),
    (
        "DatasetService.AppendSamples",
        'open { dataset: "datasets/nobody" upload_id: "u" }',
        "NOT_FOUND",
        '"nobody"',
    ),
    ("TrainingService.Train", 'dataset: "datasets/nobody"', "NOT_FOUND", '"nobody"'),
    (
        "TrainingService.Train",
        'dataset: "datasets/bad-input" dataset_version: 99',
        "NOT_FOUND",
        "expected a version up to 1",
    ),
    ("JobService.GetJob", 'name: "jobs/nobody"', "NOT_FOUND", '"nobody"'),
    ("JobService.WatchJob", 'name: "jobs/nobody"', "NOT_FOUND", '"nobody"'),
    ("JobService.CancelJob", 'name: "jobs/nobody"', "NOT_FOUND", '"nobody"'),
    ("ModelService.GetModel", 'name: "models/nobody"', "NOT_FOUND", '"nobody"'),
    ("ModelService.DeleteModel", 'name: "models/nobody"', "NOT_FOUND", '"nobody"'),
    ("ModelService.GetModelVersion", 'name: "models/nobody/versions/1"', "NOT_FOUND", "nobody"),
    ("ModelService.GetModelVersion", f'name: "{MODEL_99}"', "NOT_FOUND", "99"),
    ("ModelService.PlanDerivatives", 'model: "models/nobody"', "NOT_FOUND", "nobody"),
    ("ModelService.PlanDerivatives", f'model: "{MODEL_99}"', "NOT_FOUND", "99"),
    ("ModelService.Prune", 'model: "models/nobody"', "NOT_FOUND", "nobody"),
    (
        "ModelService.Prune",
        'model: "models/bad-input" target { fraction: 0.2 } '
        'retraining { dataset: "datasets/nobody" }',
        "NOT_FOUND",
        "nobody",
    ),
    ("ModelService.ListModelVersions", 'parent: "models/nobody"', "NOT_FOUND", '"nobody"'),
    (PIPELINE, stages('name: "one" program: "programs/nobody"'), "NOT_FOUND", "nobody"),
    (PIPELINE, stages('name: "one" model: "models/nobody"'), "NOT_FOUND", "nobody"),
    (PIPELINE, stages(f'name: "one" model: "{MODEL_99}"'), "NOT_FOUND", "99"),
    ("PredictionService.Predict", f'model: "models/nobody" {X}', "NOT_FOUND", "nobody"),
    ("PredictionService.Predict", f'model: "{MODEL_99}" {X}', "NOT_FOUND", "99"),
    ("PredictionService.PredictStream", f'model: "models/nobody" {X}', "NOT_FOUND", "nobody"),
    ("ProgramService.GetProgram", 'name: "programs/nobody"', "NOT_FOUND", '"nobody"'),
    ("ProgramService.DeleteProgram", 'name: "programs/nobody"', "NOT_FOUND", '"nobody"'),
    ("ProgramService.Evaluate", f'program: "programs/nobody" {X}', "NOT_FOUND", '"nobody"'),
    ("ProgramService.Enclose", 'program: "programs/nobody"', "NOT_FOUND", '"nobody"'),
    ("ProgramService.AnalyzeCurvature", 'program: "programs/nobody"', "NOT_FOUND", '"nobody"'),
    ("GRPCInferenceService.ModelMetadata", 'name: "nobody"', "NOT_FOUND", "nobody"),
    ("GRPCInferenceService.ModelMetadata", 'name: "bad-input" version: "99"', "NOT_FOUND", "99"),
    (INFER, infer("", name="nobody"), "NOT_FOUND", "nobody"),
    (INFER, infer('model_version: "99"'), "NOT_FOUND", "99"),
    ("GRPCInferenceService.RepositoryIndex", 'repository_name: "x"', "NOT_FOUND", '"x"'),
    # Names of the wrong thing.
    ("ModelService.GetModel", f'name: "{MODEL_99}"', "INVALID_ARGUMENT", "models/{model}"),
    ("ModelService.DeleteModel", f'name: "{MODEL_99}"', "INVALID_ARGUMENT", "models/{model}"),
    ("ModelService.GetModelVersion", 'name: "models/bad-input"', "INVALID_ARGUMENT", "versions"),
    (
        "ModelService.ListModelVersions",
        f'parent: "{MODEL_99}"',
        "INVALID_ARGUMENT",
        "models/{model}",
    ),
    # Programs.
    (
        "ProgramService.Evaluate",
        f'program: "programs/bad-input" {X} quantities: QUANTITY_SPREAD',
        "INVALID_ARGUMENT",
        "programs are exact",
    ),
    (
        "ProgramService.Evaluate",
        f'program: "programs/bad-input" {X} quantities: QUANTITY_JVP',
        "INVALID_ARGUMENT",
        "tangents: expected shape [N, 2]",
    ),
    (
        "ProgramService.Enclose",
        f'program: "programs/bad-input" x_min {TWO} x_max {TWO} quantities: QUANTITY_HESSIAN',
        "INVALID_ARGUMENT",
        "can be enclosed",
    ),
    (
        "ProgramService.Enclose",
        f'program: "programs/bad-input" x_min {doubles([1, 2], "01")} '
        f"x_max {doubles([1, 2], '00')}",
        "INVALID_ARGUMENT",
        "x_max[0][1]: expected at least x_min = 1, got 0",
    ),
    (
        "ProgramService.CheckProgram",
        f'source: "input a\\noutput u = {"(" * 5000}a"',
        "INVALID_ARGUMENT",
        "column",
    ),
    (
        "ProgramService.CheckProgram",
        f'source: "input a\\noutput u = a{" + a" * 300_000}"',
        "INVALID_ARGUMENT",
        "source",
    ),
    # Pipelines.
    (PIPELINE, 'model_id: "never"', "INVALID_ARGUMENT", "stages"),
    (PIPELINE, stages('name: "one"'), "INVALID_ARGUMENT", "stages[0]"),
    (PIPELINE, stages(PROGRAM, PROGRAM), "INVALID_ARGUMENT", "stages[1].name"),
    (
        PIPELINE,
        stages(PROGRAM, 'name: "two" program: "programs/bad-input"', outputs="two.u"),
        "INVALID_ARGUMENT",
        'stages[0]: expected that something takes an output of "one" (u)',
    ),
    (PIPELINE, stages(PROGRAM, outputs="two.u"), "INVALID_ARGUMENT", "outputs[0]"),
    # The Open Inference Protocol.
    (INFER, 'model_name: "bad-input"', "INVALID_ARGUMENT", "inputs: expected an input x"),
    (
        INFER,
        infer("", x="contents { fp64_contents: [0] }"),
        "INVALID_ARGUMENT",
        "expected 16 bytes",
    ),
    (INFER, infer("", x="contents { fp32_contents: [0, 1] }"), "INVALID_ARGUMENT", "got 0"),
    (INFER, infer("", x=""), "INVALID_ARGUMENT", "expected 16 bytes"),
    (INFER, infer("", x="contents { fp64_contents: [0, nan] }"), "INVALID_ARGUMENT", "x[0][1]"),
    (INFER, infer(f"raw_input_contents: {RAW}"), "INVALID_ARGUMENT", "beside raw_input_contents"),
    (
        INFER,
        infer(f"raw_input_contents: {RAW} raw_input_contents: {RAW}", x=""),
        "INVALID_ARGUMENT",
        "expected one for each of the 1 inputs, or none, got 2",
    ),
    (INFER, infer('raw_input_contents: "abc"', x=""), "INVALID_ARGUMENT", "got 3"),
    (INFER, infer('inputs { name: "x" datatype: "FP64" }'), "INVALID_ARGUMENT", "got it twice"),
    (
        INFER,
        infer('outputs { name: "y" } outputs { name: "y" }'),
        "INVALID_ARGUMENT",
        "got it twice",
    ),
    (INFER, infer('outputs { name: "spread" }'), "INVALID_ARGUMENT", "uncertainty"),
    (INFER, infer('outputs { name: "jvp" }'), "INVALID_ARGUMENT", "tangents: expected shape"),
]


@pytest.mark.parametrize(
    ("method", "request_text", "code", "says"), ROWS, ids=[f"{r[0]} {r[1]}"[:90] for r in ROWS]
)
def test_what_cannot_be_answered_is_refused(wire, method, request_text, code, says):
    message = message_factory.GetMessageClass(METHODS[method].input_type)()
    text_format.Parse(request_text, message)
    name = "DatasetService.AppendSamples open" if "AppendSamples" in method else method
    found = refusal(lambda: Call(name).send(wire.channel, message))
    found.require(code, says=says)
    assert found.info.reason


def test_a_model_that_does_not_exist_is_not_ready(wire):
    for text in ('name: "nobody"', 'name: "bad-input" version: "99"'):
        call = Call("GRPCInferenceService.ModelReady")
        request = text_format.Parse(text, type(call.request())())
        assert call.send(wire.channel, request) == [b""]  # ready: false


def test_a_page_token_of_another_list_is_refused(wire: Wire):
    page = datasets_pb2.ListDatasetsResponse.FromString(
        wire.unary("DatasetService.ListDatasets", datasets_pb2.ListDatasetsRequest(page_size=1))
    )
    assert page.next_page_token
    request = models_pb2.ListModelsRequest(page_token=page.next_page_token)
    refused = refusal(lambda: wire.unary("ModelService.ListModels", request))
    refused.require("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", "page_token")


@pytest.mark.parametrize(
    "text", ["z" * 200, "z" * 5000, "z" * 1_000_000, "€" * 1000, "\U0001f600" * 5000], ids=len
)
def test_long_names_in_errors_are_cut_and_stay_readable(wire, text):
    """Statuses travel in headers, of which clients take 8 KiB, and details must be UTF-8."""
    call = Call("GRPCInferenceService.ModelInfer")
    for change in ("name", "datatype"):
        request = call.request()
        setattr(request.inputs[0], change, text)
        found = refusal(lambda r=request: call.send(wire.channel, r))
        found.require("INVALID_ARGUMENT")
        assert found.status.message == found.message
        assert found.message.startswith(found.field + ": expected ")
        assert text[:30] in found.message
    train = Call("TrainingService.Train")
    request = train.request()
    request.spec.monotone[text] = 1
    found = refusal(lambda: train.send(wire.channel, request))
    found.require("INVALID_ARGUMENT", "UNKNOWN_NAME", says="got ")
