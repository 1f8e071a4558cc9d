"""The arrays of samples: checked on their way up, put together on their way down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from sobolev import _arrays
from sobolev._stubs import datasets_pb2
from sobolev.errors import DataLossError, invalid_argument

# The arrays of a block, in the order of its checksum.
PARTS = (
    "x",
    "y",
    "jacobian",
    "weight",
    "tangents",
    "jvp",
    "adjoints",
    "vjp",
    "hvp_adjoints",
    "hvp_tangents",
    "hvp",
    "y_variance",
    "jacobian_variance",
)

# What a sample has where it carries no such label, and other samples do.
_ABSENT = {
    "weight": 1.0,
    "tangents": 0.0,
    "adjoints": 0.0,
    "hvp_adjoints": 0.0,
    "hvp_tangents": 0.0,
}

_NEEDS = {
    "tangents": "jvp",
    "jvp": "tangents",
    "adjoints": "vjp",
    "vjp": "adjoints",
    "hvp_adjoints": "hvp",
    "hvp_tangents": "hvp",
    "hvp": "hvp_tangents",
    "y_variance": "y",
    "jacobian_variance": "jacobian",
}


@dataclass(frozen=True)
class Samples:
    """N samples of a function from R^n to R^m: points, and what is known of the function there.

    NaN in y, jacobian, jvp, vjp and hvp means that the number is missing. Arrays other than x and y
    are None if no sample carries them. Where samples have different numbers of directions, the
    others are filled with directions of 0, whose results are NaN.

    Attributes:
      x: [N, n].
      y: [N, m].
      jacobian: [N, m, n], jacobian[s, i, j] = dy_i/dx_j at sample s. NaN in the rows that carry
        none.
      weight: [N], 1 in the rows that carry none.
      tangents: [N, p, n], directions in the inputs.
      jvp: [N, p, m], the Jacobian times each of them.
      adjoints: [N, q, m], weights of the outputs.
      vjp: [N, q, n], the transposed Jacobian times each of them.
      hvp_adjoints: [N, h, m], weights of the outputs in hvp; None stands for 1, if m = 1.
      hvp_tangents: [N, h, n], directions in the inputs in hvp.
      hvp: [N, h, n], the Hessian of the weighted outputs times each direction.
      y_variance: [N, m], of the noise in y; NaN where it is unknown.
      jacobian_variance: [N, m, n], of the noise in jacobian; NaN where it is unknown.
    """

    x: _arrays.FloatArray
    y: _arrays.FloatArray
    jacobian: _arrays.FloatArray | None = None
    weight: _arrays.FloatArray | None = None
    tangents: _arrays.FloatArray | None = None
    jvp: _arrays.FloatArray | None = None
    adjoints: _arrays.FloatArray | None = None
    vjp: _arrays.FloatArray | None = None
    hvp_adjoints: _arrays.FloatArray | None = None
    hvp_tangents: _arrays.FloatArray | None = None
    hvp: _arrays.FloatArray | None = None
    y_variance: _arrays.FloatArray | None = None
    jacobian_variance: _arrays.FloatArray | None = None

    def __len__(self) -> int:
        return len(self.x)


def _shapes(
    num_samples: int, n: int, m: int, p: int = 0, q: int = 0, h: int = 0
) -> dict[str, tuple[int, ...]]:
    return {
        "x": (num_samples, n),
        "y": (num_samples, m),
        "jacobian": (num_samples, m, n),
        "weight": (num_samples,),
        "tangents": (num_samples, p, n),
        "jvp": (num_samples, p, m),
        "adjoints": (num_samples, q, m),
        "vjp": (num_samples, q, n),
        "hvp_adjoints": (num_samples, h, m),
        "hvp_tangents": (num_samples, h, n),
        "hvp": (num_samples, h, n),
        "y_variance": (num_samples, m),
        "jacobian_variance": (num_samples, m, n),
    }


def as_parts(
    schema: datasets_pb2.Schema, given: Mapping[str, Any]
) -> dict[str, _arrays.FloatArray]:
    """The arrays of PARTS that are given and not None, in the shapes of the wire.

    Raises InvalidArgumentError for a shape that does not fit, for directions without results and
    the reverse, and for numbers that are not finite and not missing as the schema allows it.
    """
    inputs = [variable.name for variable in schema.inputs]
    outputs = [variable.name for variable in schema.outputs]
    n, m = len(inputs), len(outputs)
    values = {name: given[name] for name in PARTS if given.get(name) is not None}
    _require_companions(values, outputs)
    x = _arrays.as_samples(_arrays.select_columns(values["x"], inputs, "x"), "x", n)
    parts = {"x": x}
    if "y" in values:
        table = _arrays.select_columns(values["y"], outputs, "y")
        parts["y"] = _arrays.as_samples(
            table,
            "y",
            m,
            _arrays.Missing(
                [output.allow_missing for output in schema.outputs],
                "allow_missing on this output",
            ),
        )
    if len(x) == 0 or len(parts.get("y", x)) != len(x):
        raise invalid_argument(
            "SHAPE_MISMATCH",
            "y",
            f"expected as many rows as x, at least 1, got x "
            f"{list(x.shape)} and y {list(parts.get('y', x).shape)}",
        )
    if "weight" in values:
        parts["weight"] = _arrays.as_weight(values["weight"], len(x))
    for name in ("tangents", "adjoints", "hvp_tangents"):
        if name in values:
            width = m if name == "adjoints" else n
            directions, _ = _arrays.as_directions(values[name], name, len(x), width, False)
            shape = (len(x), directions.shape[-2], width)
            parts[name] = np.broadcast_to(directions, shape)
    p, q, h = (
        parts[name].shape[1] if name in parts else 0
        for name in ("tangents", "adjoints", "hvp_tangents")
    )
    shapes = _shapes(len(x), n, m, p, q, h)
    if "hvp_adjoints" in values:
        directions, _ = _arrays.as_directions(
            values["hvp_adjoints"], "hvp_adjoints", len(x), m, False
        )
        if directions.shape[-2] not in (1, h):
            raise invalid_argument(
                "SHAPE_MISMATCH",
                "hvp_adjoints",
                f"expected one or as many as hvp_tangents, {h}, got {directions.shape[-2]}",
            )
        parts["hvp_adjoints"] = np.broadcast_to(directions, shapes["hvp_adjoints"])
    derivatives_may_miss = _arrays.Missing(
        schema.allow_missing_derivatives, "allow_missing_derivatives"
    )
    for name in ("jacobian", "jvp", "vjp", "hvp"):
        if name in values:
            parts[name] = _arrays.as_labels(values[name], name, shapes[name], derivatives_may_miss)
    for name in ("y_variance", "jacobian_variance"):
        if name in values:
            label = parts[name.removesuffix("_variance")]
            parts[name] = _arrays.as_variance(values[name], name, label)
    return {name: parts[name] for name in PARTS if name in parts}


def _require_companions(values: Mapping[str, Any], outputs: Sequence[str]) -> None:
    for name in values:
        needed = _NEEDS.get(name)
        if needed is not None and needed not in values:
            raise invalid_argument(
                "MISSING_FIELD",
                needed,
                f"expected it together with {name}, got none; give both or neither",
            )
    if "hvp" in values and len(outputs) > 1 and "hvp_adjoints" not in values:
        raise invalid_argument(
            "MISSING_FIELD",
            "hvp_adjoints",
            f"expected weights of the {len(outputs)} outputs together with hvp, got none",
        )


def checksum(block: datasets_pb2.SampleBlock) -> int:
    """CRC-32C of the block's arrays."""
    crc = 0
    for name in PARTS:
        crc = google_crc32c.extend(crc, getattr(block, name).data)
    return crc


def to_block(
    block_id: int, parts: Mapping[str, _arrays.FloatArray], rows: slice
) -> datasets_pb2.SampleBlock:
    """These rows of the arrays, with their checksum."""
    block = datasets_pb2.SampleBlock(block_id=block_id)
    for name, array in parts.items():
        getattr(block, name).CopyFrom(_arrays.to_tensor(array[rows]))
    block.crc32c = checksum(block)
    return block


def from_block(block: datasets_pb2.SampleBlock) -> dict[str, _arrays.FloatArray]:
    """The arrays that the block has. Raises DataLossError if they are not what was sent."""
    if checksum(block) != block.crc32c:
        raise DataLossError(f"block {block.block_id} was garbled on its way; read again")
    return {
        name: _arrays.from_tensor(getattr(block, name)) for name in PARTS if block.HasField(name)
    }


def concatenate(
    blocks: Sequence[Mapping[str, _arrays.FloatArray]], n: int, m: int, dtype: npt.DTypeLike
) -> Samples:
    """All samples of the blocks, one after another."""

    def most(name: str) -> int:
        return max((block[name].shape[1] for block in blocks if name in block), default=0)

    num_samples = sum(len(block["x"]) for block in blocks)
    shapes = _shapes(num_samples, n, m, most("tangents"), most("adjoints"), most("hvp_tangents"))
    present = {"x", "y"}.union(*blocks)
    whole = {
        name: np.full(shapes[name], _ABSENT.get(name, np.nan), dtype)
        for name in PARTS
        if name in present
    }
    first = 0
    for block in blocks:
        last = first + len(block["x"])
        for name, array in block.items():
            # Fewer directions than others have come first.
            place = whole[name][first:last]
            (place[:, : array.shape[1]] if array.ndim == 3 else place)[...] = array
        if "hvp_adjoints" in whole and "hvp_adjoints" not in block and "hvp" in block:
            whole["hvp_adjoints"][first:last, : block["hvp"].shape[1]] = 1
        first = last
    return Samples(**whole)
