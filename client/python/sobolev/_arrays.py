"""NumPy arrays to Tensor messages and back, with the checks that are cheap before sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev._stubs.tensor_pb2 import Tensor
from sobolev.errors import invalid_argument

FloatArray = npt.NDArray[Any]


def to_data_type(dtype: npt.DTypeLike) -> Tensor.DataType:
    """The wire type of a dtype. Raises InvalidArgumentError unless it is float64 or float32."""
    kind = np.dtype(dtype)
    if kind == np.float64:
        return Tensor.DATA_TYPE_FLOAT64
    if kind == np.float32:
        return Tensor.DATA_TYPE_FLOAT32
    raise invalid_argument(
        "UNKNOWN_ENUM_VALUE", "dtype", f"expected float64 or float32, got {kind}"
    )


@dataclass(frozen=True)
class Missing:
    """Where NaN means that a number is missing.

    Attributes:
      allowed: Whether it does, for each column (the last axis) or for all.
      switch: What in the schema would allow it elsewhere.
    """

    allowed: bool | Sequence[bool] = False
    switch: str = ""


def as_floats(values: Any, field: str) -> FloatArray:
    """Anything array-like as little-endian float64, or float32 if it is that already.

    None, pandas.NA and masked elements become NaN.
    """
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values)
        if array.dtype == object and hasattr(values, "to_numpy"):
            array = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if array.dtype.kind == "c":
            raise TypeError("complex numbers")
        return np.asarray(array, dtype="<f4" if array.dtype == np.float32 else "<f8")
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "NOT_NUMERIC", field, f"expected an array of real numbers ({error})"
        ) from None


def require_finite(array: FloatArray, field: str, missing: Missing | None = None) -> None:
    """Raises InvalidArgumentError naming the first NaN or infinity that is not a missing number."""
    bad = ~np.isfinite(array)
    if missing is not None:
        bad &= ~(np.isnan(array) & np.asarray(missing.allowed))
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    middle = "output" if "jacobian" in field else "direction"
    labels = ("row", "column") if len(index) == 2 else ("row", middle, "column")
    place = ", ".join(f"{label} {i}" for label, i in zip(labels, index))
    path = field + "".join(f"[{i}]" for i in index)
    advice = ""
    if missing is not None and np.isnan(array[index]):
        advice = f"; if it is missing, create the dataset with {missing.switch}"
    raise invalid_argument(
        "NON_FINITE", path, f"expected a finite number, got {array[index]} ({place}){advice}"
    )


def _mismatch(field: str, expected: str, array: FloatArray) -> Exception:
    return invalid_argument(
        "SHAPE_MISMATCH", field, f"expected shape {expected}, got {list(array.shape)}"
    )


def column_names(table: Any) -> list[str] | None:
    """The names of a DataFrame's or Series' columns; None for arrays and unnamed columns."""
    if hasattr(table, "columns"):
        names = list(table.columns)
    elif hasattr(table, "index") and hasattr(table, "name"):
        names = [table.name]
    else:
        return None
    return names if all(isinstance(name, str) for name in names) else None


def select_columns(table: Any, names: Sequence[str], field: str) -> Any:
    """A DataFrame with its columns in the order of `names`; anything else as it is."""
    given = column_names(table)
    if given is None or not hasattr(table, "columns"):
        return table
    if sorted(given) != sorted(names):
        raise invalid_argument(
            "SHAPE_MISMATCH", field, f"expected the columns {list(names)}, got {given}"
        )
    return table[list(names)]


def as_samples(
    values: Any, field: str, width: int | None = None, missing: Missing | None = None
) -> FloatArray:
    """Samples or labels as [N, width]; a vector means width 1, or one sample of `width` values."""
    array = as_floats(values, field)
    if array.ndim == 1:
        array = array.reshape((-1, 1) if width in (None, 1) else (1, -1))
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise _mismatch(field, f"[N, {'columns' if width is None else width}]", array)
    require_finite(array, field, missing)
    return array


def _with_axes(array: FloatArray, field: str, shape: tuple[int, ...]) -> FloatArray:
    """The array in this shape, of which axes of length 1 behind the first may be left out."""
    fits = {shape}
    for axis in range(len(shape) - 1, 0, -1):
        if shape[axis] == 1:
            fits |= {s[:axis] + s[axis + 1 :] for s in fits}
    if array.shape not in fits:
        names = {"jacobian": "[N, m, n]", "jacobian_variance": "[N, m, n]"}.get(
            field, "[N, k, width]"
        )
        raise _mismatch(field, f"{names} = {list(shape)}", array)
    return array.reshape(shape)


def as_labels(
    values: Any, field: str, shape: tuple[int, ...], missing: Missing | None = None
) -> FloatArray:
    """Derivatives in this shape; axes of length 1 behind the first may be left out."""
    array = _with_axes(as_floats(values, field), field, shape)
    require_finite(array, field, missing)
    return array


def as_jacobian(values: Any, num_samples: int, m: int, n: int) -> FloatArray:
    """Jacobians as [N, m, n]. The axis of outputs or inputs may be left out where it is 1."""
    return as_labels(values, "jacobian", (num_samples, m, n))


def as_variance(values: Any, field: str, label: FloatArray) -> FloatArray:
    """Variances in the shape of the labels, > 0 where these are known."""
    array = as_floats(values, field)
    if array.ndim == 1 and label.ndim == 2 and label.shape[1] != 1:
        array = array.reshape(1, -1)
    array = _with_axes(array, field, label.shape)
    bad = ~(np.isfinite(array) & (array > 0)) & ~(np.isnan(array) & np.isnan(label))
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        path = field + "".join(f"[{i}]" for i in index)
        raise invalid_argument(
            "OUT_OF_RANGE",
            path,
            "expected a finite variance > 0, or NaN where the label is missing, "
            f"got {array[index]}",
        )
    return array


def as_weight(values: Any, num_samples: int) -> FloatArray:
    """Weights as [N], each > 0."""
    array = as_floats(values, "weight")
    if array.shape == (num_samples, 1):
        array = array[:, 0]
    if array.shape != (num_samples,):
        raise _mismatch("weight", f"[N] = [{num_samples}]", array)
    require_finite(array, "weight")
    if not np.all(array > 0):
        row = int(np.argmin(array > 0))
        raise invalid_argument(
            "OUT_OF_RANGE", f"weight[{row}]", f"expected a weight > 0, got {array[row]}"
        )
    return array


def as_points(values: Any, names: Sequence[str], field: str = "x") -> tuple[FloatArray, bool]:
    """Points of a model with these inputs as [N, n], and whether there was one without batch axis.

    A vector is one point; with a single input, each of its elements is a point.
    """
    n = len(names)
    given = as_floats(select_columns(values, names, field), field)
    is_point = (given.ndim == 1 and n > 1) or given.ndim == 0
    array = given
    if is_point:
        array = array.reshape(1, -1)
    elif array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != n:
        raise _mismatch(field, f"[N, {n}]" + (f" or [{n}]" if n > 1 else " or [N]"), given)
    require_finite(array, field)
    return array, is_point


def as_directions(
    values: Any, field: str, num_points: int, width: int, is_point: bool
) -> tuple[FloatArray, bool]:
    """Tangents or adjoints for the wire, and whether there was one without an axis of directions.

    Answers [k, width], shared by all points, or [N, k, width]. Takes, for a batch of points:
    [width] shared by all points, [N, width] one for each, [N, k, width] k for each, [1, k, width]
    k shared; for a single point: [width] or [k, width].
    """
    array = as_floats(values, field)
    given = array
    if array.ndim == 0 or (array.ndim == 1 and width == 1 and not is_point):
        array = array.reshape(-1, 1)
        array = array[0] if len(array) == 1 else array
    is_single = array.ndim == 1 or (array.ndim == 2 and not is_point)
    if array.ndim == 1:
        array = array[np.newaxis, :]
    elif array.ndim == 2 and not is_point:
        array = array[:, np.newaxis, :]
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[0] == num_points and not is_point)
    if not fits or array.shape[-1] != width:
        batch = (
            f"[{width}] or [k, {width}]"
            if is_point
            else (
                f"[{width}], [{num_points}, {width}], [{num_points}, k, {width}] or [1, k, {width}]"
            )
        )
        raise _mismatch(field, batch, given)
    require_finite(array, field)
    return array, is_single


def to_tensor(array: FloatArray) -> Tensor:
    """A Tensor message of a float64 or float32 array."""
    return Tensor(
        data_type=to_data_type(array.dtype), shape=array.shape, data=array.tobytes(order="C")
    )


def from_tensor(tensor: Tensor) -> FloatArray:
    """A read-only view of the message's numbers."""
    dtype = "<f4" if tensor.data_type == Tensor.DATA_TYPE_FLOAT32 else "<f8"
    return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)
