"""What to train and how, from a caller's keyword arguments to a job."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev import records
from sobolev._connection import Connection
from sobolev._stubs import models_pb2, training_pb2
from sobolev.errors import invalid_argument
from sobolev.job import Job

# The options that are names of enum values, and their enums.
_ENUMS = {
    "kind": training_pb2.TrainingSpec.Kind,
    "optimizer": training_pb2.TrainingSpec.Optimizer,
    "derivative_scale": training_pb2.TrainingSpec.DerivativeScale,
    "precision": training_pb2.TrainingSpec.Precision,
    "convexity": training_pb2.TrainingSpec.Convexity,
    "extrapolation": training_pb2.TrainingSpec.Extrapolation,
}


def start(
    connection: Connection,
    dataset: str,
    *,
    dataset_version: int,
    model: str,
    request_id: str | None,
    spec: training_pb2.TrainingSpec,
) -> Job:
    """Queues a job that trains on the dataset "datasets/..."."""
    request = training_pb2.TrainRequest(
        dataset=dataset,
        dataset_version=dataset_version,
        model_id=model,
        spec=spec,
        request_id=request_id or str(uuid.uuid4()),
    )
    return Job(connection, connection.call(connection.training.Train, request))


def _maps(
    message: Any, key: str, logarithmic: Iterable[str] | None, **fields: Mapping[str, Any] | None
) -> list[Any]:
    """One message for each variable that is named anywhere, with all that is said of it."""
    if isinstance(logarithmic, str):
        raise TypeError(f"expected a list of {key}s, got {logarithmic!r}")
    maps: dict[str, dict[str, Any]] = {}
    for field, numbers in fields.items():
        for name, number in (numbers or {}).items():
            maps.setdefault(name, {})[field] = number
    for name in logarithmic or ():
        maps.setdefault(name, {})["logarithmic"] = True
    return [message(**{key: name}, **given) for name, given in maps.items()]


def to_spec(
    *,
    hidden: Iterable[int] | None = None,
    activation: str | None = None,
    skip: bool | None = None,
    residual: bool | None = None,
    monotone: Mapping[str, str] | None = None,
    derivative_weights: npt.ArrayLike | None = None,
    time_limit: float | None = None,
    periods: Mapping[str, float] | None = None,
    harmonics: Mapping[str, int] | None = None,
    log_inputs: Iterable[str] | None = None,
    lower: Mapping[str, float] | None = None,
    upper: Mapping[str, float] | None = None,
    log_outputs: Iterable[str] | None = None,
    taylor_base: str | None = None,
    taylor_order: int | None = None,
    **options: Any,
) -> training_pb2.TrainingSpec:
    """The spec of the options that are given, those of Client.train; None is not given.

    Raises InvalidArgumentError for unknown names and for numbers that no field can hold.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in _ENUMS.keys() & given.keys():
        given[name] = records.enum_number(_ENUMS[name], given[name], name)
    if monotone is not None:
        given["monotone"] = {
            name: records.enum_number(training_pb2.TrainingSpec.Slope, slope, f"monotone[{name}]")
            for name, slope in monotone.items()
        }
    network: dict[str, Any] = {}
    if hidden is not None:
        network["hidden"] = hidden
    if activation is not None:
        network["activation"] = records.enum_number(
            models_pb2.Network.Activation, activation, "activation"
        )
    if skip is not None:
        network["skip"] = skip
    if residual is not None:
        network["residual"] = residual
    local_taylor: dict[str, Any] = {}
    if taylor_base is not None:
        local_taylor["base"] = records.enum_number(
            training_pb2.LocalTaylorOptions.Base, taylor_base, "taylor_base"
        )
    if taylor_order is not None:
        local_taylor["order"] = taylor_order
    try:
        given["input_maps"] = _maps(
            models_pb2.InputMap, "input", log_inputs, period=periods, harmonics=harmonics
        )
        given["output_maps"] = _maps(
            models_pb2.OutputMap, "output", log_outputs, lower=lower, upper=upper
        )
        if network:
            # A network, be it empty, asks for a network.
            given["network"] = models_pb2.Network(**network)
        if local_taylor:
            given["local_taylor"] = training_pb2.LocalTaylorOptions(**local_taylor)
        if derivative_weights is not None:
            given["derivative_weights"] = np.asarray(derivative_weights, dtype=float).ravel()
        return training_pb2.TrainingSpec(time_limit_seconds=time_limit, **given)
    except (AttributeError, TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", "spec", f"option of the wrong type or size: {error}"
        ) from error
