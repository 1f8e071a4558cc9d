"""Boxes of inputs, and points of them by one of a few simple designs."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sobolev import _arrays
from sobolev.errors import invalid_argument

if TYPE_CHECKING:
    from sobolev.program import ProgramVariable

_MAX_SEED = (1 << 64) - 1


@dataclass(frozen=True)
class Scalar:
    """An input of a model, seen as one of a program."""

    name: str
    offset: int
    bounds: tuple[float, float] | None

    @property
    def size(self) -> int:
        """The number of elements."""
        return 1

    @property
    def element_names(self) -> list[str]:
        """Its only element."""
        return [self.name]


def scalars(names: Sequence[str], domain: _arrays.FloatArray) -> list[Scalar]:
    """The inputs of a model with their domain [n, 2], as far as it is finite."""
    return [
        Scalar(name, row, (float(low), float(high)) if np.isfinite([low, high]).all() else None)
        for row, (name, (low, high)) in enumerate(zip(names, domain))
    ]


def box(
    inputs: Sequence[ProgramVariable | Scalar], overrides: Mapping[str, tuple[float, float]] | None
) -> tuple[_arrays.FloatArray, _arrays.FloatArray]:
    """The corners of the declared box, but for the ranges of inputs or elements in `overrides`.

    Ranges of elements go before those of a whole input. Raises InvalidArgumentError.
    """
    names = [name for variable in inputs for name in variable.element_names]
    corners = np.full((len(names), 2), np.nan)
    elements = {name: slice(row, row + 1) for row, name in enumerate(names)}
    wholes = {
        variable.name: slice(variable.offset, variable.offset + variable.size)
        for variable in inputs
    }
    for variable in inputs:
        if variable.bounds is not None:
            corners[wholes[variable.name]] = variable.bounds
    ranges = _ranges(overrides)
    for name in ranges:
        if name not in wholes and name not in elements:
            raise invalid_argument("UNKNOWN_NAME", "bounds", f"{name!r} is no input")
    for rows_of in (wholes, {k: rows for k, rows in elements.items() if k not in wholes}):
        for name, bounds in ranges.items():
            if name in rows_of:
                corners[rows_of[name]] = bounds
    unbounded = np.isnan(corners).any(axis=1)
    if unbounded.any():
        raise invalid_argument(
            "MISSING_FIELD",
            "bounds",
            f"input {names[int(np.argmax(unbounded))]!r} declares none; give them here",
        )
    return corners[:, 0], corners[:, 1]


def _ranges(overrides: Any) -> dict[str, tuple[float, float]]:
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping):
        raise invalid_argument(
            "TYPE_MISMATCH",
            "bounds",
            f"expected a dict from names to (low, high), got {type(overrides).__name__}",
        )
    ranges = {}
    for name, bounds in overrides.items():
        try:
            low, high = map(float, bounds)
        except (TypeError, ValueError):
            low, high = math.nan, math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise invalid_argument(
                "OUT_OF_RANGE",
                "bounds",
                f"expected finite (low, high) of {name!r} with low at most high, got {bounds!r}",
            )
        ranges[name] = (low, high)
    return ranges


def points(
    low: _arrays.FloatArray, high: _arrays.FloatArray, count: int, design: str, seed: int
) -> _arrays.FloatArray:
    """[count, n], by a Latin hypercube ("lhs") or "random". Raises InvalidArgumentError."""
    count = _whole(count, "count", 1, (1 << 63) - 1)
    rng = np.random.default_rng(_whole(seed, "seed", 0, _MAX_SEED))
    if design not in ("lhs", "random"):
        raise invalid_argument(
            "UNKNOWN_ENUM_VALUE", "design", f"expected lhs or random, got {design!r}"
        )
    uniform = rng.random((count, len(low)))
    if design == "lhs":
        slices = np.stack([rng.permutation(count) for _ in low], axis=1)
        uniform = (slices + uniform) / count
    return np.clip((1 - uniform) * low + uniform * high, low, high)


def _whole(value: Any, field: str, least: int, most: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        raise invalid_argument(
            "OUT_OF_RANGE", field, f"expected a whole number from {least} to {most}, got {value!r}"
        )
    return number
