"""Pruning: what to remove from a network, and the report of what that cost."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev import records, reports
from sobolev._stubs import datasets_pb2, models_pb2, progress_pb2, pruning_pb2
from sobolev.errors import invalid_argument

_Request = pruning_pb2.PruneRequest


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
      inputs: Their number.
      hidden: Vertices of each hidden layer.
      parameters: Biases, and weights that are not 0.
      value_multiply_adds: Of the value at a point.
      jacobian_multiply_adds: Of the Jacobian by tangents or adjoints, whichever is cheaper.
      plan_multiply_adds: Of the Jacobian by the best plan.
    """

    inputs: int
    hidden: tuple[int, ...]
    parameters: int
    value_multiply_adds: int
    jacobian_multiply_adds: int
    plan_multiply_adds: int


@dataclass(frozen=True)
class Deviation:
    """How far a network is from the original, over points that nothing was fitted to.

    Attributes:
      value: Root mean square of the difference, in standard deviations of the outputs in training.
      jacobian: Root mean square of the difference of Jacobians over that of the original's.
    """

    value: float
    jacobian: float


@dataclass(frozen=True)
class RemovedInput:
    """An input that the new version does not have.

    Attributes:
      input: Its name.
      value: What it is fixed at.
      sobol_bound: The bound on its total Sobol index.
    """

    input: str
    value: float
    sobol_bound: float


@dataclass(frozen=True)
class Certificate:
    """The largest difference from the original in the box: found at points, and proved.

    Attributes:
      value_sampled: [m], what was found: somewhere it is that large.
      value_proved: [m], nowhere is it larger. Infinite if nothing could be proved.
      jacobian_sampled: [m, n], the same of each entry of the Jacobian.
      jacobian_proved: [m, n].
      boxes: How many were enclosed.
      tight: Whether all that is proved is within a tenth of what was found.
    """

    value_sampled: npt.NDArray[np.float64]
    value_proved: npt.NDArray[np.float64]
    jacobian_sampled: npt.NDArray[np.float64]
    jacobian_proved: npt.NDArray[np.float64]
    boxes: int
    tight: bool


@dataclass(frozen=True)
class Retraining:
    """How retraining went.

    Attributes:
      steps: Of the optimiser.
      epochs: Passes over the samples.
      learning_rate: Peak of the schedule.
      scratch_learning_rate: The same from scratch, of the rates tried the one with the lowest
        errors.
      kept: Whether the version is the retrained network, and not the pruned one.
    """

    steps: int
    epochs: int
    learning_rate: float
    scratch_learning_rate: float
    kept: bool


@dataclass(frozen=True)
class PruningReport:
    """What a pruning removed, and what it cost.

    Attributes:
      source: The version that was pruned.
      job: The name of the job.
      inputs: Names of the inputs of the source.
      box: [n, 2], where the network was to stay what it is.
      parts: "vertices" or "weights".
      rule: Which went first.
      compensation: What took their place.
      seed: As used.
      before: Size of the source.
      after: Size of the new version.
      removed_vertices: Of each hidden layer of the source.
      removed_weights: Of each layer of the source; empty unless single weights were pruned.
      removed_inputs: Inputs that the version does not have.
      pruned: Deviation as pruned, before any retraining.
      result: Deviation of the version.
      retraining: None if it was not asked for.
      source_errors: Held-out errors of the source; None without a dataset, like those below.
      pruned_errors: As pruned.
      result_errors: Of the version.
      scratch_errors: Of a network of the same size trained from scratch for as many steps at the
        best of several rates; None without retraining.
      certificate: None if it was not asked for.
    """

    source: str
    job: str
    inputs: tuple[str, ...]
    box: npt.NDArray[np.float64]
    parts: str
    rule: str
    compensation: str
    seed: int
    before: Size
    after: Size
    removed_vertices: tuple[int, ...]
    removed_weights: tuple[int, ...]
    removed_inputs: tuple[RemovedInput, ...]
    pruned: Deviation
    result: Deviation
    retraining: Retraining | None
    source_errors: reports.Errors | None
    pruned_errors: reports.Errors | None
    result_errors: reports.Errors | None
    scratch_errors: reports.Errors | None
    certificate: Certificate | None


def to_request(
    model: str,
    *,
    model_id: str,
    box: npt.ArrayLike | None,
    parts: str | None,
    rule: str | None,
    compensation: str | None,
    target: dict[str, Any],
    retrain: bool,
    retraining: dict[str, Any],
    request_id: str | None,
    **options: Any,
) -> pruning_pb2.PruneRequest:
    """The request of the options of Client.prune that are given; None is not given.

    Raises InvalidArgumentError for unknown names and for numbers that no field can hold.
    """
    request = _Request(model=model, model_id=model_id, request_id=request_id or str(uuid.uuid4()))
    if parts is not None:
        request.parts = records.enum_number(_Request.Parts, parts, "parts")
    if rule is not None:
        request.rule = records.enum_number(_Request.Rule, rule, "rule")
    if compensation is not None:
        request.compensation = records.enum_number(
            _Request.Compensation, compensation, "compensation"
        )
    given = {name: value for name, value in target.items() if value is not None}
    of_training = {name: value for name, value in retraining.items() if value is not None}
    try:
        if given:
            request.target.CopyFrom(_Request.Target(**given))
        if retrain or of_training:
            request.retraining.CopyFrom(_Request.Retraining(**of_training))
        if box is not None:
            for low, high in np.asarray(box, dtype=float):
                request.box.append(datasets_pb2.Range(min=low, max=high))
        for name, value in options.items():
            if value is not None:
                setattr(request, name, value)
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", "prune", f"option of the wrong type or size: {error}"
        ) from error
    return request


def from_version(version: models_pb2.ModelVersion) -> PruningReport | None:
    """The report of a version; None unless pruning made it."""
    if not version.HasField("pruning"):
        return None
    report = version.pruning
    return PruningReport(
        source=report.source,
        job=report.job,
        inputs=tuple(report.inputs),
        box=records.from_ranges(report.box),
        parts=records.enum_name(_Request.Parts, report.parts),
        rule=records.enum_name(_Request.Rule, report.rule),
        compensation=records.enum_name(_Request.Compensation, report.compensation),
        seed=report.seed,
        before=_size(report.before),
        after=_size(report.after),
        removed_vertices=tuple(report.removed_vertices),
        removed_weights=tuple(report.removed_weights),
        removed_inputs=tuple(
            RemovedInput(each.input, each.value, each.sobol_bound) for each in report.removed_inputs
        ),
        pruned=Deviation(report.pruned.value, report.pruned.jacobian),
        result=Deviation(report.result.value, report.result.jacobian),
        retraining=_retraining(report.retraining) if report.HasField("retraining") else None,
        source_errors=_errors(report, "source_errors"),
        pruned_errors=_errors(report, "pruned_errors"),
        result_errors=_errors(report, "result_errors"),
        scratch_errors=_errors(report, "scratch_errors"),
        certificate=(
            _certificate(report.certificate, len(version.schema.outputs))
            if report.HasField("certificate")
            else None
        ),
    )


def _size(size: pruning_pb2.PruningReport.Size) -> Size:
    return Size(
        inputs=size.inputs,
        hidden=tuple(size.hidden),
        parameters=size.parameters,
        value_multiply_adds=size.value_multiply_adds,
        jacobian_multiply_adds=size.jacobian_multiply_adds,
        plan_multiply_adds=size.plan_multiply_adds,
    )


def _retraining(retraining: pruning_pb2.PruningReport.Retraining) -> Retraining:
    return Retraining(
        steps=retraining.steps,
        epochs=retraining.epochs,
        learning_rate=retraining.learning_rate,
        scratch_learning_rate=retraining.scratch_learning_rate,
        kept=retraining.kept,
    )


def _errors(report: pruning_pb2.PruningReport, field: str) -> reports.Errors | None:
    errors: progress_pb2.ErrorReport = getattr(report, field)
    return reports.from_errors(errors) if report.HasField(field) else None


def _certificate(certificate: pruning_pb2.PruningReport.Certificate, m: int) -> Certificate:
    return Certificate(
        value_sampled=np.array([bound.sampled for bound in certificate.value]),
        value_proved=np.array([bound.proved for bound in certificate.value]),
        jacobian_sampled=np.array([b.sampled for b in certificate.jacobian]).reshape(m, -1),
        jacobian_proved=np.array([b.proved for b in certificate.jacobian]).reshape(m, -1),
        boxes=certificate.boxes,
        tight=certificate.tight,
    )
