"""What is proved of models and programs over boxes: bounds, certificates, significance."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _boxes, records
from sobolev._connection import Connection
from sobolev._stubs import datasets_pb2, derivatives_pb2, models_pb2, prediction_pb2
from sobolev.errors import invalid_argument

if TYPE_CHECKING:
    from sobolev.program import ProgramVariable

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Ranges of values and derivatives over a box: proved, and as points show them.

    Attributes:
      function: The version of the model, or the program.
      compared_to: If bounds are of a difference, what was subtracted; else empty.
      box: [n, 2].
      value_min, value_max: [m], no value in the box is outside; infinite where nothing is known.
      jacobian_min, jacobian_max: [m, n], likewise of dy_i/dx_j; None if not asked for.
      sampled_value_min, sampled_value_max: [m], the range of what points show; NaN if none has a
        value.
      sampled_jacobian_min, sampled_jacobian_max: [m, n], likewise, or None.
      boxes: Number of boxes that were enclosed.
      tight: Whether all bounds are within the tolerance.
    """

    function: str
    compared_to: str
    box: FloatArray
    value_min: FloatArray
    value_max: FloatArray
    jacobian_min: FloatArray | None
    jacobian_max: FloatArray | None
    sampled_value_min: FloatArray
    sampled_value_max: FloatArray
    sampled_jacobian_min: FloatArray | None
    sampled_jacobian_max: FloatArray | None
    boxes: int
    tight: bool

    @property
    def largest_value(self) -> tuple[FloatArray, FloatArray]:
        """The largest |y|, or |difference|, of each output, [m]: sampled, and proved."""
        return (
            np.maximum(-self.sampled_value_min, self.sampled_value_max),
            np.maximum(-self.value_min, self.value_max),
        )

    @property
    def largest_jacobian(self) -> tuple[FloatArray, FloatArray]:
        """The largest |dy_i/dx_j|, [m, n], likewise. Raises InvalidArgumentError without them."""
        if (
            self.jacobian_min is None
            or self.jacobian_max is None
            or self.sampled_jacobian_min is None
            or self.sampled_jacobian_max is None
        ):
            raise invalid_argument(
                "MISSING_FIELD", "jacobian", "expected bounds with jacobian=True"
            )
        return (
            np.maximum(-self.sampled_jacobian_min, self.sampled_jacobian_max),
            np.maximum(-self.jacobian_min, self.jacobian_max),
        )


@dataclass(frozen=True)
class Piece:
    """A part of a box.

    Attributes:
      verdict: "proved" (the conditions hold at every point), "violated" (one of them at none),
        "refuted" (there is a point where one does not hold) or "undecided".
      box: [n, 2].
      counter_example: [n], where a condition does not hold, of what is refuted; else None.
    """

    verdict: str
    box: FloatArray
    counter_example: FloatArray | None


@dataclass(frozen=True)
class Certificate:
    """On which part of a box conditions provably hold.

    Attributes:
      function: The version of the model, or the program.
      box: [n, 2].
      proved, violated, refuted, undecided: Parts of the volume of the box, which add up to 1.
      pieces: The largest of each verdict.
      boxes: Number of boxes that were enclosed.
    """

    function: str
    box: FloatArray
    proved: float
    violated: float
    refuted: float
    undecided: float
    pieces: tuple[Piece, ...]
    boxes: int


@dataclass(frozen=True)
class InputSignificance:
    """How much an input matters; [m] each, in the units of the outputs, None where not known.

    Attributes:
      name: Of the input.
      sigma: Proved: width times the largest |dy/dx|, by natural intervals.
      sliced_sigma: Proved: the same of each of its pieces, summed.
      relaxed_sigma: Proved: as sigma, by linear relaxations and subdivision.
      sampled: Root mean square of (x - mean) dy/dx.
      total_sobol_bound: Sampled: a bound of the share of the variance that is due to the input.
    """

    name: str
    sigma: FloatArray | None
    sliced_sigma: FloatArray | None
    relaxed_sigma: FloatArray | None
    sampled: FloatArray | None
    total_sobol_bound: FloatArray | None


@dataclass(frozen=True)
class LayerSignificance:
    """How much the units of a hidden layer matter.

    Attributes:
      value_min, value_max: [width], proved bounds of their values.
      sigma: [width, m], proved.
      sampled: [width, m], root mean square of (value - mean) dy/dvalue; None if not sampled.
      taylor: [width, m], mean |value dy/dvalue|; None likewise.
      relaxed_sigma: [width, m], proved: as sigma, by linear relaxations and subdivision; None where
        that takes too long.
    """

    value_min: FloatArray
    value_max: FloatArray
    sigma: FloatArray
    sampled: FloatArray | None
    taylor: FloatArray | None
    relaxed_sigma: FloatArray | None


@dataclass(frozen=True)
class VertexSignificance:
    """How much an operation of a program matters.

    Attributes:
      name: What others call it, "v3".
      operation: "log(v2)".
      stage: Time loops and what comes after them are stages of their own, counted from 0.
      range: (low, high) of its value, proved.
      sigma: [m], proved.
      relaxed_sigma: [m], proved: at most sigma, by subdivision.
      sampled: [m], or None.
    """

    name: str
    operation: str
    stage: int
    range: tuple[float, float]
    sigma: FloatArray
    relaxed_sigma: FloatArray
    sampled: FloatArray | None


@dataclass(frozen=True)
class Significance:
    """What matters to a function over a box.

    Attributes:
      function: The version of the model, or the program.
      box: [n, 2].
      outputs: Names.
      values: [m, 2], proved bounds of the outputs, by the same intervals as sigma.
      inputs: In the order of the schema.
      layers: Of the hidden layers of a network.
      edges: Of its affine layers, [m, rows, columns], if asked for.
      vertices: Of a program, the most significant ones in the order of evaluation.
      vertex_count: How many there are in all.
      invalid_samples: Points where a value or a derivative is not finite; they count for nothing.
    """

    function: str
    box: FloatArray
    outputs: tuple[str, ...]
    values: FloatArray
    inputs: tuple[InputSignificance, ...]
    layers: tuple[LayerSignificance, ...]
    edges: tuple[FloatArray, ...]
    vertices: tuple[VertexSignificance, ...]
    vertex_count: int
    invalid_samples: int


class Guaranteed(abc.ABC):
    """A model or a program, of which guarantees may be asked."""

    _connection: Connection

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Its resource name."""

    @abc.abstractmethod
    def _request_fields(self) -> dict[str, str]:
        """{"model": name} or {"program": name}."""

    @abc.abstractmethod
    def _ranged_inputs(self) -> Sequence[ProgramVariable | _boxes.Scalar]:
        """The inputs with the ranges that they have if none is given."""

    def bound(
        self,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        *,
        jacobian: bool = False,
        compare_to: Guaranteed | str = "",
        max_boxes: int | None = None,
        tolerance: float | None = None,
        samples: int | None = None,
        seed: int | None = None,
    ) -> Bounds:
        """Ranges that no value, and no derivative if asked for, leaves anywhere in a box: proved.

        Args:
          bounds: Ranges (low, high) of inputs by name; the others have their domain.
          jacobian: Whether to bound dy_i/dx_j as well.
          compare_to: Bounds are of the difference to this instead: a version, a model or a program,
            or the name of one, "models/{model}", "programs/{program}".
          max_boxes: Into how many boxes the search may cut; default 1000.
          tolerance: It ends when bounds are wider than samples show by less than this part of it;
            default 0.01.
          samples: Points for comparison; default 1000.
          seed: Of the points; default 1.
        """
        quantities = [derivatives_pb2.QUANTITY_VALUE]
        if jacobian:
            quantities.append(derivatives_pb2.QUANTITY_JACOBIAN)
        request = _make(
            prediction_pb2.BoundRequest,
            **self._request_fields(),
            box=self._box(bounds),
            quantities=quantities,
            compare_to=compare_to.name if isinstance(compare_to, Guaranteed) else compare_to,
            max_boxes=max_boxes,
            tolerance=tolerance,
            sample_count=samples,
            seed=seed,
        )
        reply = self._connection.call(self._connection.prediction.Bound, request)

        def array(field: str) -> Any:
            return _arrays.from_tensor(getattr(reply, field)) if reply.HasField(field) else None

        return Bounds(
            function=reply.function,
            compared_to=reply.compared_to,
            box=records.from_ranges(reply.box),
            value_min=array("value_min"),
            value_max=array("value_max"),
            jacobian_min=array("jacobian_min"),
            jacobian_max=array("jacobian_max"),
            sampled_value_min=array("sampled_value_min"),
            sampled_value_max=array("sampled_value_max"),
            sampled_jacobian_min=array("sampled_jacobian_min"),
            sampled_jacobian_max=array("sampled_jacobian_max"),
            boxes=reply.box_count,
            tight=reply.tight,
        )

    def certify(
        self,
        values: Mapping[str, tuple[float | None, float | None]] | None = None,
        derivatives: Mapping[tuple[str, str], float] | float | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        *,
        max_boxes: int | None = None,
        max_pieces: int | None = None,
    ) -> Certificate:
        """On which part of a box conditions provably hold, all of them.

        Args:
          values: (low, high) of outputs by name, "*" for all; None on one side is no bound.
          derivatives: The largest |dy/dx| by (output, input), "*" for all; or one number for all.
          bounds: The box, as in bound.
          max_boxes: Into how many boxes the search may cut; default 1000.
          max_pieces: Of each verdict that are listed; default 100.
        """
        request = _make(
            prediction_pb2.CertifyRequest,
            **self._request_fields(),
            box=self._box(bounds),
            values=_value_conditions(values),
            derivatives=_derivative_conditions(derivatives),
            max_boxes=max_boxes,
            max_pieces=max_pieces,
        )
        reply = self._connection.call(self._connection.prediction.Certify, request)
        return Certificate(
            function=reply.function,
            box=records.from_ranges(reply.box),
            proved=reply.proved,
            violated=reply.violated,
            refuted=reply.refuted,
            undecided=reply.undecided,
            pieces=tuple(map(_piece, reply.pieces)),
            boxes=reply.box_count,
        )

    def significance(
        self,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        *,
        cuts: Mapping[str, int] | None = None,
        geometric_cuts: Mapping[str, int] | None = None,
        edges: bool = False,
        max_boxes: int | None = None,
        samples: int | None = None,
        seed: int | None = None,
        max_vertices: int | None = None,
    ) -> Significance:
        """Which inputs matter, and which units and weights of a network or operations of a program.

        Args:
          bounds: The box, as in bound.
          cuts: Into how many pieces of equal length the ranges of inputs are cut, by name.
          geometric_cuts: Likewise, of equal ratio.
          edges: Whether to answer the weights of a network.
          max_boxes: Boxes for what is proved by relaxation; default 100.
          samples: Points that are sampled; default 1024.
          seed: Of the points; default 1.
          max_vertices: Operations of a program that are listed; default 1000.
        """
        cut = models_pb2.AnalyzeSignificanceRequest.Cut
        request = _make(
            models_pb2.AnalyzeSignificanceRequest,
            **self._request_fields(),
            box=self._box(bounds),
            cuts=[
                _make(cut, input=name, pieces=pieces, geometric=geometric)
                for geometric, each in ((False, cuts), (True, geometric_cuts))
                for name, pieces in (each or {}).items()
            ],
            edges=edges,
            max_boxes=max_boxes,
            sample_count=samples,
            seed=seed,
            max_vertices=max_vertices,
        )
        reply = self._connection.call(self._connection.models.AnalyzeSignificance, request)
        return Significance(
            function=reply.function,
            box=records.from_ranges(reply.box),
            outputs=tuple(reply.outputs),
            values=records.from_ranges(reply.values),
            inputs=tuple(map(_input, reply.inputs)),
            layers=tuple(map(_layer, reply.layers)),
            edges=tuple(map(_arrays.from_tensor, reply.edges)),
            vertices=tuple(map(_vertex, reply.vertices)),
            vertex_count=reply.vertex_count,
            invalid_samples=reply.invalid_sample_count,
        )

    def _box(self, bounds: Mapping[str, tuple[float, float]] | None) -> list[datasets_pb2.Range]:
        """None without bounds: the server knows the domain."""
        if bounds is None:
            return []
        low, high = _boxes.box(self._ranged_inputs(), bounds)
        return [datasets_pb2.Range(min=a, max=b) for a, b in zip(low, high)]


def _make(kind: Any, **fields: Any) -> Any:
    """A message; what is None is left out. Raises InvalidArgumentError for wrong types."""
    try:
        return kind(**{name: value for name, value in fields.items() if value is not None})
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", kind.__name__, f"option of the wrong type or size: {error}"
        ) from error


def _value_conditions(
    values: Mapping[str, tuple[float | None, float | None]] | None,
) -> list[Any]:
    made = []
    for output, limits in (values or {}).items():
        try:
            low, high = limits
        except (TypeError, ValueError):
            raise invalid_argument(
                "TYPE_MISMATCH", "values", f"expected (low, high) of {output!r}, got {limits!r}"
            ) from None
        kind = prediction_pb2.CertifyRequest.ValueCondition
        made.append(_make(kind, output="" if output == "*" else output, min=low, max=high))
    return made


def _derivative_conditions(
    derivatives: Mapping[tuple[str, str], float] | float | None,
) -> list[Any]:
    if derivatives is None:
        return []
    if not isinstance(derivatives, Mapping):
        derivatives = {("*", "*"): derivatives}
    made = []
    for names, most in derivatives.items():
        if isinstance(names, str) or len(names) != 2:
            raise invalid_argument(
                "TYPE_MISMATCH", "derivatives", f"expected (output, input), got {names!r}"
            )
        output, name = ("" if each == "*" else each for each in names)
        kind = prediction_pb2.CertifyRequest.DerivativeCondition
        made.append(_make(kind, output=output, input=name, most=most))
    return made


def _piece(message: Any) -> Piece:
    example = message.counter_example
    return Piece(
        verdict=records.enum_name(prediction_pb2.CertifyResponse.Verdict, message.verdict),
        box=records.from_ranges(message.box),
        counter_example=np.array(example, dtype=np.float64) if len(example) else None,
    )


def _numbers(field: Any) -> FloatArray | None:
    return np.array(field, dtype=np.float64) if len(field) else None


def _input(message: Any) -> InputSignificance:
    return InputSignificance(
        name=message.name,
        sigma=_numbers(message.sigma),
        sliced_sigma=_numbers(message.sliced_sigma),
        relaxed_sigma=_numbers(message.relaxed_sigma),
        sampled=_numbers(message.sampled),
        total_sobol_bound=_numbers(message.total_sobol_bound),
    )


def _layer(message: Any) -> LayerSignificance:
    def array(field: str) -> Any:
        return _arrays.from_tensor(getattr(message, field)) if message.HasField(field) else None

    return LayerSignificance(
        value_min=array("value_min"),
        value_max=array("value_max"),
        sigma=array("sigma"),
        sampled=array("sampled"),
        taylor=array("taylor"),
        relaxed_sigma=array("relaxed_sigma"),
    )


def _vertex(message: Any) -> VertexSignificance:
    return VertexSignificance(
        name=message.name,
        operation=message.operation,
        stage=message.stage,
        range=(message.range.min, message.range.max),
        sigma=np.array(message.sigma, dtype=np.float64),
        relaxed_sigma=np.array(message.relaxed_sigma, dtype=np.float64),
        sampled=_numbers(message.sampled),
    )
