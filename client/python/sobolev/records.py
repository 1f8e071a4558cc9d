"""What the server tells of datasets, as plain immutable values, and names of enum values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from sobolev._stubs import datasets_pb2
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
    key = prefix + str(name).upper().replace("-", "_")
    if key not in enum.keys() or enum.Value(key) == 0:
        known = ", ".join(enum_name(enum, number) for number in enum.values() if number != 0)
        raise invalid_argument(
            "UNKNOWN_ENUM_VALUE", field, f"expected one of {known}, got {name!r}"
        )
    return enum.Value(key)
