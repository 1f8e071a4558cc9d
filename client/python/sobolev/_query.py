"""Points and derivatives to ask for, in as many calls as their size asks for.

Models and programs are asked in the same way: a request carries points, a derivative mask,
directions and a data type; a reply carries a tensor for each quantity and a flag for each point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, records
from sobolev._stubs import derivatives_pb2
from sobolev.errors import invalid_argument

# Larger batches are cut, so that no call passes the server's limits of points and reply size.
_MAX_POINTS = 8192
_MAX_REPLY_BYTES = 16 << 20


@dataclass(frozen=True)
class Answer:
    """What came back, by quantity, without the axes that the caller did not use.

    Attributes:
      results: "value", "jacobian", ...: what was asked for.
      flags: [N] of bool, or one bool for a single point.
      last_reply: The reply of the last call; None if there were no points.
    """

    results: dict[str, _arrays.FloatArray]
    flags: Any
    last_reply: Any


def batches(num_points: int, point_bytes: int) -> Iterator[slice]:
    """Consecutive points to ask for at once, whose answers take `point_bytes` each."""
    step = max(1, min(_MAX_POINTS, _MAX_REPLY_BYTES // max(1, point_bytes)))
    for first in range(0, num_points, step):
        yield slice(first, min(first + step, num_points))


class Query:
    """Points of a function with named inputs, and what to compute there.

    Answers have m outputs and derivatives by n inputs, all of them unless n says otherwise.
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        input_names: Sequence[str],
        m: int,
        *,
        n: int | None = None,
        value: bool = False,
        jacobian: bool = False,
        hessian: bool = False,
        tangents: npt.ArrayLike | None = None,
        adjoints: npt.ArrayLike | None = None,
        hvp: bool = False,
        spread: bool = False,
        jacobian_spread: bool = False,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        if n is None:
            n = len(input_names)
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._data_type = _arrays.to_data_type(self._dtype)
        self._points, self._is_point = _arrays.as_points(x, input_names)
        # The shape of each answer at one point.
        self._shapes: dict[str, tuple[int, ...]] = {}
        if value:
            self._shapes["value"] = (m,)
        if jacobian:
            self._shapes["jacobian"] = (m, n)
        if hessian:
            self._shapes["hessian"] = (m, n, n)
        if spread:
            self._shapes["spread"] = (m,)
        if jacobian_spread:
            self._shapes["jacobian_spread"] = (m, n)
        self._directions: dict[str, _arrays.FloatArray] = {}
        self._single: set[str] = set()  # Directions given without an axis of their own.
        for product, field, given, width in (
            ("jvp", "tangents", tangents, n),
            ("vjp", "adjoints", adjoints, m),
        ):
            if given is None:
                continue
            self._directions[field], is_single = _arrays.as_directions(
                given, field, len(self._points), width, self._is_point
            )
            self._shapes[product] = (self._directions[field].shape[-2], m + n - width)
            self._single |= {field} if is_single else set()
        if hvp:
            if tangents is None or adjoints is None:
                raise invalid_argument("MISSING_FIELD", "hvp", "expected tangents and adjoints")
            self._shapes["hvp"] = (self._shapes["vjp"][0], self._shapes["jvp"][0], n)

    def run(self, request: Any, call: Callable[[Any], Any], flags_field: str) -> Answer:
        """Sends `request`, which names who is asked, through `call` once for each batch.

        flags_field: The field of the reply with a flag for each point.
        """
        num_points = len(self._points)
        self.describe(request)
        results = {
            key: np.empty((num_points, *shape), self._dtype) for key, shape in self._shapes.items()
        }
        flags = np.empty(num_points, bool)
        reply = None
        point_bytes = sum(map(math.prod, self._shapes.values())) * self._dtype.itemsize
        for rows in batches(num_points, point_bytes):
            self.place(request, rows)
            reply = call(request)
            for key, result in results.items():
                result[rows] = _arrays.from_tensor(getattr(reply, key))
            flags[rows] = getattr(reply, flags_field)
        return self._answer(results, flags, reply)

    def describe(self, request: Any) -> None:
        """Writes all but points and directions into a request."""
        request.data_type = self._data_type
        request.quantities.extend(
            records.enum_number(derivatives_pb2.Quantity, key, "quantities") for key in self._shapes
        )

    def place(self, request: Any, rows: slice = slice(None)) -> None:
        """Writes those points and their directions into a request."""
        request.x.CopyFrom(_arrays.to_tensor(self._points[rows]))
        for field, array in self._directions.items():
            part = array[rows] if array.ndim == 3 else array
            getattr(request, field).CopyFrom(_arrays.to_tensor(part))

    def read(self, reply: Any, flags_field: str) -> Answer:
        """What a reply says that answers all points at once."""
        results = {key: _arrays.from_tensor(getattr(reply, key)) for key in self._shapes}
        return self._answer(results, np.array(getattr(reply, flags_field), bool), reply)

    def _answer(self, results: dict[str, Any], flags: Any, reply: Any) -> Answer:
        return Answer(
            {key: self._squeeze(key, result) for key, result in results.items()},
            bool(flags[0]) if self._is_point else flags,
            reply,
        )

    def _squeeze(self, key: str, result: _arrays.FloatArray) -> _arrays.FloatArray:
        """Drops the axes that the caller left out: of tangents, of adjoints, of points."""
        if "tangents" in self._single and key in ("jvp", "hvp"):
            result = result[..., 0, :]
        if "adjoints" in self._single and key in ("vjp", "hvp"):
            result = result[:, 0]
        return result[0] if self._is_point else result


def given(array: _arrays.FloatArray | None) -> _arrays.FloatArray:
    """What was asked for and therefore answered."""
    assert array is not None, "evaluate answers what it is asked for"
    return array
