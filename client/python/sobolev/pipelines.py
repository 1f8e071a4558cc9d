"""Pipelines: models composed of models and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from sobolev._stubs import models_pb2
from sobolev.errors import invalid_argument

if TYPE_CHECKING:
    from sobolev.model import Model
    from sobolev.program import Program


@dataclass(frozen=True)
class Stage:
    """A model or a program within a pipeline.

    The inputs and outputs of a program are the elements of its variables, as in
    ProgramVariable.element_names.

    Attributes:
      function: A Model, of just that version, a Program, or a name: "models/wing", of which the
        newest version is taken for good, "models/wing/versions/3" or "programs/lift".
      name: Letters, digits, "_" and "-". Empty: the id of the function.
      inputs: Where inputs come from, by name: "stage.output" of an earlier stage, or the name of an
        input of the pipeline. An input that is not here is the output of the same name of the
        latest earlier stage that has one, and else the input of that name of the pipeline.
    """

    function: Model | Program | str
    name: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


# How a caller may give a stage.
StageLike = Union[Stage, "Model", "Program", str]


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline is made of.

    Attributes:
      stages: In order of evaluation, with names, pinned versions and the sources of all inputs.
      outputs: Where the outputs come from: "stage.output", or an input that is handed through.
    """

    stages: tuple[Stage, ...]
    outputs: tuple[str, ...]


def to_request(
    name: str, stages: Iterable[StageLike], outputs: Iterable[str]
) -> models_pb2.CreatePipelineRequest:
    """The message that asks for a pipeline."""
    if isinstance(outputs, str):
        raise invalid_argument("NOT_A_LIST", "outputs", "expected a list of names, got a str")
    return models_pb2.CreatePipelineRequest(
        model_id=name,
        stages=[_to_stage(stage, f"stages[{k}]") for k, stage in enumerate(stages)],
        outputs=outputs,
    )


def from_message(message: models_pb2.Pipeline) -> Pipeline:
    """As the server tells it."""
    return Pipeline(
        stages=tuple(
            Stage(stage.program or stage.model, stage.name, dict(stage.inputs))
            for stage in message.stages
        ),
        outputs=tuple(message.outputs),
    )


def _to_stage(given: StageLike, path: str) -> models_pb2.PipelineStage:
    stage = given if isinstance(given, Stage) else Stage(given)
    function = stage.function if isinstance(stage.function, str) else stage.function.name
    if not function.startswith(("models/", "programs/")):
        raise invalid_argument(
            "INVALID_NAME",
            f"{path}.function",
            f'expected "models/..." or "programs/...", got {function!r}',
        )
    is_program = function.startswith("programs/")
    return models_pb2.PipelineStage(
        name=stage.name,
        model=None if is_program else function,
        program=function if is_program else None,
        inputs=stage.inputs,
    )
