"""What a sampling job is to do, from a caller's arguments to the message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, TypeVar, Union

import numpy as np
import numpy.typing as npt

from sobolev import _training, records
from sobolev._connection import Connection, full_name
from sobolev._stubs import datasets_pb2, sampling_pb2
from sobolev.dataset import Dataset
from sobolev.errors import InvalidArgumentError, invalid_argument

_Kind = TypeVar("_Kind")
_Message = TypeVar("_Message")
# The box to sample: [n, 2], or ranges by name of the input.
DomainLike = Union[npt.ArrayLike, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class StopRule:
    """Holds when all of its conditions that are not None hold; at least one is needed.

    Attributes:
      evaluations: So many points are evaluated.
      cost: So much is spent, in the unit of the costs of the job.
      value_error: The reported error of values is at most this, relative to their standard
        deviation.
      gradient_error: The reported error of the Jacobian is at most this, relative to its root mean
        square.
      seconds: So many have passed since the start.
      stale_rounds: So many rounds in a row did not lower the best error of values by a tenth; with
        the goal "minimum" or "maximum", did not find a value that is better by a hundredth of what
        was gained before.
      closed_share: Boxes in which the function is simple have this share of the volume.
    """

    evaluations: int | None = None
    cost: float | None = None
    value_error: float | None = None
    gradient_error: float | None = None
    seconds: float | None = None
    stale_rounds: int | None = None
    closed_share: float | None = None


@dataclass(frozen=True)
class SamplingGoal:
    """What points are placed for.

    Attributes:
      kind: "surrogate" (good everywhere), "minimum" or "maximum" (of the output), or "level" (where
        the output has this value).
      output: Its name; empty for "surrogate".
      level: With "level".
    """

    kind: str = "surrogate"
    output: str = ""
    level: float | None = None


@dataclass(frozen=True)
class SamplingBoxSpec:
    """How the domain is cut into boxes in which the function is simple, and others.

    Attributes:
      tolerance: How wrong a Taylor polynomial may be in the box that it closes, relative to the
        standard deviation of the output. Default 0.01.
      max_boxes: 0: none. Default 1000.
    """

    tolerance: float | None = None
    max_boxes: int | None = None


@dataclass(frozen=True)
class SamplingInput:
    """How an input is sampled, if not evenly over its range.

    At most one of the measures from `normal` on says where its values matter.

    Attributes:
      name: In the dataset.
      logarithmic: On the scale of its logarithm, in which the measures are then.
      integer: It takes whole numbers only.
      fixed: Its value in all points.
      normal: Mean and standard deviation.
      triangular: The mode.
      beta: The exponents alpha and beta over the range.
      piecewise_linear: Ascending positions over the range, and the densities there.
    """

    name: str
    logarithmic: bool = False
    integer: bool = False
    fixed: float | None = None
    normal: tuple[float, float] | None = None
    triangular: float | None = None
    beta: tuple[float, float] | None = None
    piecewise_linear: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class LinearConstraint:
    """The sum of coefficients, by name of the input, times inputs is at most the bound."""

    coefficients: Mapping[str, float]
    bound: float


def to_spec(
    connection: Connection,
    dataset: Dataset | str,
    *,
    model: str,
    program: str,
    um_bridge: Iterable[str] | None,
    um_bridge_model: str,
    domain: DomainLike | None,
    inputs: Iterable[SamplingInput],
    constraints: Iterable[LinearConstraint],
    constraint_program: str,
    strategy: str | None,
    goal: SamplingGoal | None,
    boxes: SamplingBoxSpec | None,
    stop: StopRule | Iterable[StopRule],
    training: Mapping[str, Any] | None,
    **options: Any,
) -> sampling_pb2.SamplingSpec:
    """The spec of the options of Client.start_sampling that are given; None is not given.

    Raises InvalidArgumentError for what no field can hold, and NotFoundError if the ranges of
    `domain` have names and there is no such dataset.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if strategy is not None:
        given["strategy"] = _to_strategy(strategy)
    if goal is not None:
        given["goal"] = _to_goal(goal)
    if training is not None:
        given["training"] = _training.to_spec(**training)
    if domain is not None:
        given["domain"] = _to_ranges(connection, dataset, domain)
    if isinstance(um_bridge, str):
        raise invalid_argument("INVALID_OPTION", "um_bridge", f"expected a list, got {um_bridge!r}")
    try:
        if um_bridge is not None:
            given["um_bridge"] = sampling_pb2.UmBridge(urls=um_bridge, model=um_bridge_model)
        if boxes is not None:
            given["boxes"] = _to_boxes(boxes)
        return sampling_pb2.SamplingSpec(
            dataset=dataset.name
            if isinstance(dataset, Dataset)
            else full_name("datasets", dataset),
            model_id=model,
            program=program and full_name("programs", program),
            inputs=map(_to_input, _list_of(SamplingInput, inputs, "inputs")),
            constraints=[
                sampling_pb2.LinearConstraint(coefficients=each.coefficients, bound=each.bound)
                for each in _list_of(LinearConstraint, constraints, "constraints")
            ],
            constraint_program=constraint_program and full_name("programs", constraint_program),
            stop_rules=_to_rules(stop),
            **given,
        )
    except InvalidArgumentError:
        raise
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", "spec", f"option of the wrong type or size: {error}"
        ) from error


def to_change(
    *,
    stop: StopRule | Iterable[StopRule] | None,
    strategy: str | None,
    goal: SamplingGoal | None,
    boxes: SamplingBoxSpec | None,
    round_fraction: float | None,
) -> dict[str, Any]:
    """Fields of a SamplingChange, of the options of Sampling.update that are given.

    Raises InvalidArgumentError for what no field can hold.
    """
    given: dict[str, Any] = {}
    if stop is not None:
        given["stop_rules"] = _to_rules(stop)
    if strategy is not None:
        given["strategy"] = _to_strategy(strategy)
    if goal is not None:
        given["goal"] = _to_goal(goal)
    if boxes is not None:
        given["boxes"] = _to_boxes(boxes)
    if round_fraction is not None:
        if not isinstance(round_fraction, Real):
            raise _wrong_type("round_fraction", "a number", round_fraction)
        given["round_fraction"] = round_fraction
    return given


def _to_ranges(
    connection: Connection, dataset: Dataset | str, domain: DomainLike
) -> list[datasets_pb2.Range]:
    """A range for each input; what a mapping does not name is as wide as the schema allows."""
    if not isinstance(domain, Mapping):
        array = np.asarray(domain, dtype=float)
        if array.ndim != 2 or array.shape[1] != 2:
            raise invalid_argument(
                "SHAPE_MISMATCH", "domain", f"expected shape [n, 2], got {list(array.shape)}"
            )
        return [datasets_pb2.Range(min=low, max=high) for low, high in array]
    if isinstance(dataset, str):
        dataset = Dataset.fetch(connection, full_name("datasets", dataset))
    unknown = domain.keys() - {variable.name for variable in dataset.inputs}
    if unknown:
        raise invalid_argument(
            "UNKNOWN_NAME",
            f"domain[{min(unknown)}]",
            f"expected names of inputs of {dataset.name}, got {min(unknown)!r}",
        )
    ranges = []
    for variable in dataset.inputs:
        low, high = domain.get(variable.name, (variable.lower, variable.upper))
        if low is None or high is None:
            raise invalid_argument(
                "MISSING_FIELD",
                f"domain[{variable.name}]",
                "expected a range, because the schema has no bounds of this input",
            )
        ranges.append(datasets_pb2.Range(min=low, max=high))
    return ranges


def _to_rules(stop: StopRule | Iterable[StopRule]) -> list[sampling_pb2.StopRule]:
    if isinstance(stop, StopRule):
        return [_to_message(sampling_pb2.StopRule, stop, "stop")]
    return [
        _to_message(sampling_pb2.StopRule, rule, f"stop[{i}]")
        for i, rule in enumerate(_list_of(StopRule, stop, "stop"))
    ]


def _to_strategy(strategy: str) -> Any:
    return records.enum_number(sampling_pb2.SamplingSpec.Strategy, strategy, "strategy")


def _to_goal(goal: SamplingGoal) -> sampling_pb2.SamplingGoal:
    if not isinstance(goal, SamplingGoal):
        raise _wrong_type("goal", 'a SamplingGoal, such as SamplingGoal("minimum", "u")', goal)
    kind = records.enum_number(sampling_pb2.SamplingGoal.Kind, goal.kind, "goal.kind")
    return _to_message(sampling_pb2.SamplingGoal, replace(goal, kind=kind), "goal")


def _to_boxes(boxes: SamplingBoxSpec) -> sampling_pb2.SamplingBoxSpec:
    if not isinstance(boxes, SamplingBoxSpec):
        raise _wrong_type("boxes", "a SamplingBoxSpec", boxes)
    return _to_message(sampling_pb2.SamplingBoxSpec, boxes, "boxes")


def _to_message(message: Callable[..., _Message], given: Any, argument: str) -> _Message:
    """A message of the attributes."""
    try:
        return message(**vars(given))
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", argument, f"value of the wrong type or size: {error}"
        ) from error


def _list_of(kind: type[_Kind], given: Iterable[_Kind], argument: str) -> list[_Kind]:
    try:
        items = list(given)
    except TypeError:
        raise _wrong_type(argument, f"a list of {kind.__name__}s", given) from None
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise _wrong_type(f"{argument}[{i}]", f"a {kind.__name__}", item)
    return items


def _wrong_type(argument: str, expected: str, given: object) -> InvalidArgumentError:
    return invalid_argument("INVALID_OPTION", argument, f"expected {expected}, got {given!r}")


def _to_input(given: SamplingInput) -> sampling_pb2.SamplingInput:
    message = sampling_pb2.SamplingInput
    scale = message.SCALE_LOGARITHMIC if given.logarithmic else message.SCALE_LINEAR
    made = message(input=given.name, scale=scale, integer=given.integer, fixed=given.fixed)
    measures = ("normal", "triangular", "beta", "piecewise_linear")
    chosen = [name for name in measures if getattr(given, name) is not None]
    if len(chosen) > 1:
        raise invalid_argument(
            "CONFLICT",
            f"inputs[{given.name}]",
            f"expected one measure, got {' and '.join(chosen)}",
        )
    if given.normal is not None:
        mean, deviation = given.normal
        made.normal.CopyFrom(message.Normal(mean=mean, standard_deviation=deviation))
    if given.triangular is not None:
        made.triangular.CopyFrom(message.Triangular(mode=given.triangular))
    if given.beta is not None:
        alpha, beta = given.beta
        made.beta.CopyFrom(message.Beta(alpha=alpha, beta=beta))
    if given.piecewise_linear is not None:
        positions, densities = given.piecewise_linear
        made.piecewise_linear.CopyFrom(
            message.PiecewiseLinear(positions=positions, densities=densities)
        )
    return made
