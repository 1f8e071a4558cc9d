"""What the server tells of datasets, jobs and models, as plain immutable values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2
from sobolev.errors import invalid_argument


@dataclass(frozen=True)
class Variable:
    """One scalar input or output. Samples outside [lower, upper] are refused; None: unbounded.

    Of an output with allow_missing, values may be missing: NaN or None in y.
    """

    name: str
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    allow_missing: bool = False


# How a caller may give a variable.
VariableLike = Union[Variable, str]


@dataclass(frozen=True)
class Statistics:
    """What is known of a dataset's samples.

    Attributes:
      sample_count: Rows.
      jacobian_count: Rows that carry a Jacobian, at least in part.
      weight_count: Rows that carry an explicit weight.
      input_ranges: [n, 2], smallest and largest value of each input; [0, 2] without samples.
      output_ranges: [m, 2], the same of each output; NaN where no value is known.
      fingerprint: SHA-256 over schema and blocks.
      size_bytes: Sample data on the server's disk.
      missing_value_count: Missing entries of y.
      missing_derivative_count: Missing entries of jacobian, jvp, vjp and hvp.
      tangent_count: Tangents, over all rows, with a known entry of jvp.
      adjoint_count: Adjoints, over all rows, with a known entry of vjp.
      hvp_count: Hessian-vector products, over all rows, with a known entry.
      y_variance_count: Rows that carry variances of y.
      jacobian_variance_count: Rows that carry variances of jacobian.
    """

    sample_count: int
    jacobian_count: int
    weight_count: int
    input_ranges: npt.NDArray[np.float64]
    output_ranges: npt.NDArray[np.float64]
    fingerprint: str
    size_bytes: int
    missing_value_count: int
    missing_derivative_count: int
    tangent_count: int
    adjoint_count: int
    hvp_count: int
    y_variance_count: int
    jacobian_variance_count: int


@dataclass(frozen=True)
class Epoch:
    """Losses of one epoch, and errors on the held-out samples."""

    epoch: int
    value_loss: float
    gradient_loss: float
    validation_loss: float
    validation_value_relative: float
    validation_jacobian_relative: float
    learning_rate: float


@dataclass(frozen=True)
class Errors:
    """Errors on held-out samples.

    Attributes:
      value_rmse: Root mean square error of each output, in its unit.
      value_relative: value_rmse over the output's standard deviation, over all outputs.
      jacobian_rmse: Of each output's Jacobian entries, standardised; empty without Jacobians.
      jacobian_relative: ||J - J_label|| / ||J_label||, standardised, over all entries.
    """

    value_rmse: tuple[float, ...]
    value_relative: float
    jacobian_rmse: tuple[float, ...]
    jacobian_relative: float


@dataclass(frozen=True)
class TrainingReport:
    """How a model version came about and how good it is."""

    job: str
    dataset: str
    dataset_version: int
    dataset_fingerprint: str
    training_samples: int
    validation_samples: int
    jacobian_samples: int
    alpha: float
    beta: float
    seed: int
    epochs: int
    best_epoch: int
    stop_reason: str
    train_seconds: float
    samples_per_second: float
    validation: Errors
    history: tuple[Epoch, ...]
    instruction_set: str


@dataclass(frozen=True)
class Progress:
    """How far a training job is; `epoch` is the latest finished one, of `epochs` asked for."""

    epoch: Epoch
    epochs: int
    samples_per_second: float
    remaining_seconds: float


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job; pass `number` to Job.watch to go on from here."""

    number: int
    time: datetime.datetime
    state: str
    progress: Progress | None


def to_variable(variable: VariableLike) -> datasets_pb2.Variable:
    """A Variable message; a plain string is a name without unit and bounds."""
    if isinstance(variable, str):
        return datasets_pb2.Variable(name=variable)
    if not isinstance(variable, Variable):
        raise invalid_argument(
            "INVALID_NAME", "schema", f"expected a name or sobolev.Variable, got {variable!r}"
        )
    return datasets_pb2.Variable(
        name=variable.name,
        unit=variable.unit,
        lower=variable.lower,
        upper=variable.upper,
        allow_missing=variable.allow_missing,
    )


def from_variable(variable: datasets_pb2.Variable) -> Variable:
    """The reverse of to_variable."""
    return Variable(
        name=variable.name,
        unit=variable.unit,
        lower=variable.lower if variable.HasField("lower") else None,
        upper=variable.upper if variable.HasField("upper") else None,
        allow_missing=variable.allow_missing,
    )


def from_ranges(ranges: Any) -> npt.NDArray[np.float64]:
    """Range messages as [k, 2]."""
    return np.array([(r.min, r.max) for r in ranges], dtype=np.float64).reshape(-1, 2)


def from_statistics(statistics: datasets_pb2.DatasetStatistics) -> Statistics:
    """Statistics of a message."""
    return Statistics(
        sample_count=statistics.sample_count,
        jacobian_count=statistics.jacobian_count,
        weight_count=statistics.weight_count,
        input_ranges=from_ranges(statistics.inputs),
        output_ranges=from_ranges(statistics.outputs),
        fingerprint=statistics.fingerprint,
        size_bytes=statistics.size_bytes,
        missing_value_count=statistics.missing_value_count,
        missing_derivative_count=statistics.missing_derivative_count,
        tangent_count=statistics.tangent_count,
        adjoint_count=statistics.adjoint_count,
        hvp_count=statistics.hvp_count,
        y_variance_count=statistics.y_variance_count,
        jacobian_variance_count=statistics.jacobian_variance_count,
    )


def from_epoch(record: models_pb2.EpochRecord) -> Epoch:
    """Epoch of a message."""
    return Epoch(
        epoch=record.epoch,
        value_loss=record.value_loss,
        gradient_loss=record.gradient_loss,
        validation_loss=record.validation_loss,
        validation_value_relative=record.validation_value_relative,
        validation_jacobian_relative=record.validation_jacobian_relative,
        learning_rate=record.learning_rate,
    )


def from_report(report: models_pb2.TrainingReport) -> TrainingReport:
    """TrainingReport of a message."""
    return TrainingReport(
        job=report.job,
        dataset=report.dataset,
        dataset_version=report.dataset_version,
        dataset_fingerprint=report.dataset_fingerprint,
        training_samples=report.training_samples,
        validation_samples=report.validation_samples,
        jacobian_samples=report.jacobian_samples,
        alpha=report.alpha,
        beta=report.beta,
        seed=report.seed,
        epochs=report.epochs,
        best_epoch=report.best_epoch,
        stop_reason=enum_name(models_pb2.TrainingReport.StopReason, report.stop_reason),
        train_seconds=report.train_seconds,
        samples_per_second=report.samples_per_second,
        validation=Errors(
            value_rmse=tuple(report.validation.value_rmse),
            value_relative=report.validation.value_relative,
            jacobian_rmse=tuple(report.validation.jacobian_rmse),
            jacobian_relative=report.validation.jacobian_relative,
        ),
        history=tuple(from_epoch(record) for record in report.history),
        instruction_set=report.instruction_set,
    )


def from_progress(progress: jobs_pb2.TrainingProgress) -> Progress:
    """Progress of a message."""
    return Progress(
        epoch=from_epoch(progress.epoch),
        epochs=progress.epochs,
        samples_per_second=progress.samples_per_second,
        remaining_seconds=progress.remaining_seconds,
    )


def from_event(event: jobs_pb2.JobEvent) -> JobEvent:
    """JobEvent of a message."""
    return JobEvent(
        number=event.number,
        time=event.time.ToDatetime().replace(tzinfo=datetime.timezone.utc),
        state=enum_name(jobs_pb2.Job.State, event.state),
        progress=from_progress(event.progress) if event.HasField("progress") else None,
    )


def enum_name(enum: Any, number: int) -> str:
    """The name of an enum value without its prefix, in lower case: STATE_RUNNING is "running"."""
    zero: str = enum.Name(0)
    prefix = zero[: -len("UNSPECIFIED")]
    if number not in enum.values():
        return str(number)
    name: str = enum.Name(number)
    return name[len(prefix) :].lower()


def enum_number(enum: Any, name: str, field: str) -> Any:
    """The number of an enum value given as by enum_name; "-" and "_" are the same."""
    prefix = enum.Name(0)[: -len("UNSPECIFIED")]
    key = prefix + name.upper().replace("-", "_")
    if key not in enum.keys() or enum.Value(key) == 0:
        known = ", ".join(enum_name(enum, number) for number in enum.values() if number != 0)
        raise invalid_argument(
            "UNKNOWN_ENUM_VALUE", field, f"expected one of {known}, got {name!r}"
        )
    return enum.Value(key)
