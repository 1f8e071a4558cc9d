"""Programs: target functions given as text, with exact derivatives of every kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _boxes, guarantees, records
from sobolev._connection import Connection, full_name
from sobolev._query import Query, batches, given
from sobolev._stubs import derivatives_pb2, programs_pb2
from sobolev.dataset import Dataset, Samples
from sobolev.errors import NotFoundError, invalid_argument


@dataclass(frozen=True)
class ProgramVariable:
    """A named input or output.

    Attributes:
      name: As in the source.
      shape: () for a scalar, (k,) for a vector, (r, c) for a matrix.
      offset: The column of its first element in x or y; the elements lie row by row.
      bounds: The declared range of each element of an input, or None.
      description: The text after "##" in its line.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    bounds: tuple[float, float] | None
    description: str

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def element_names(self) -> list[str]:
        """ "T" for a scalar, "x.0", "x.1" for a vector, "A.0.0", ... for a matrix."""
        indices = itertools.product(*map(range, self.shape))
        return [".".join([self.name, *map(str, index)]) for index in indices]


@dataclass(frozen=True)
class ProgramStatistics:
    """What a program costs; ratios are to the cost of the value, by counted operations.

    Attributes:
      operations: Of the trace; those of a repeated step once.
      executed_operations: With repetitions.
      jacobian_nonzeros: Entries of the Jacobian, of m n, that may differ from 0; -1 if not
        determined because of the size.
      hessian_nonzeros: The same of the n^2 entries of the sum of all outputs' Hessians; None if not
        determined.
      jacobian_mode: The cheapest way to the whole Jacobian: "forward" or "reverse" where it is a
        formula of its own; with " compressed" or " dense" where it is made of products.
      tangent_ratio: One tangent.
      adjoint_ratio: One adjoint.
      jacobian_ratio: The whole Jacobian.
      hessian_vector_ratio: One second-order adjoint.
    """

    operations: int
    executed_operations: int
    jacobian_nonzeros: int
    hessian_nonzeros: int | None
    jacobian_mode: str
    tangent_ratio: float
    adjoint_ratio: float
    jacobian_ratio: float
    hessian_vector_ratio: float


@dataclass(frozen=True)
class ReversalCounts:
    """What an adjoint sweep did in marked time loops; with second derivatives, of second order.

    Attributes:
      advanced_steps: Steps run without being reversed, recomputed ones included.
      peak_states: States kept at once.
      state_bytes: Of one state of one point, with its tangent if there is one.
    """

    advanced_steps: int
    peak_states: int
    state_bytes: int


@dataclass(frozen=True)
class ProgramEvaluation:
    """A program at N points. What was not asked for is None.

    For a single point given without batch axis, the axis N is left out everywhere.

    Attributes:
      value: y, [N, m].
      jacobian: [N, m, n], jacobian[s, i, j] = dy_i/dx_j at point s.
      hessian: [N, m, n, n], hessian[s, i, j, k] = d^2 y_i / dx_j dx_k.
      jvp: J x_dot, [N, p, m], or [N, m] for one tangent per point.
      vjp: J^T y_bar, [N, q, n], or [N, n] for one adjoint per point.
      hvp: sum_i y_bar_i H_i x_dot, [N, q, p, n]; without q, p or both where there was one adjoint
        or tangent per point.
      valid: [N], False where one of the numbers is NaN or infinite, as the logarithm of a negative
        number is.
      reversal: Set where a program with marked time loops ran an adjoint sweep.
    """

    value: _arrays.FloatArray | None
    jacobian: _arrays.FloatArray | None
    hessian: _arrays.FloatArray | None
    jvp: _arrays.FloatArray | None
    vjp: _arrays.FloatArray | None
    hvp: _arrays.FloatArray | None
    valid: Any
    reversal: ReversalCounts | None


@dataclass(frozen=True)
class Enclosure:
    """Bounds over N boxes, of every value and derivative that is a number, in exact arithmetic.

    For a single box given without batch axis, the axis N is left out everywhere.

    Attributes:
      value_min: [N, m]; infinite where there is no bound, NaN where the value is NaN in all of the
        box.
      value_max: [N, m].
      jacobian_min: [N, m, n], or None if not asked for.
      jacobian_max: [N, m, n], or None if not asked for.
      bounded: [N], False where a bound is infinite or NaN.
    """

    value_min: _arrays.FloatArray
    value_max: _arrays.FloatArray
    jacobian_min: _arrays.FloatArray | None
    jacobian_max: _arrays.FloatArray | None
    bounded: Any


@dataclass(frozen=True)
class Curvature:
    """Second derivatives of g = sum_i y_bar_i y_i at N points. What was not asked for is None.

    For a single point given without batch axis, the axis N is left out everywhere. Numbers of
    points that are not valid are NaN.

    Attributes:
      gradient: [N, n].
      newton_step: [N, n], by truncated conjugate gradients.
      predicted_decrease: [N], by how much the quadratic model of g falls along the step.
      trace: [N], of the Hessian, estimated.
      trace_error: [N], the standard error of the estimate.
      smallest_eigenvalue: [N], of the Hessian, never below the true one.
      largest_eigenvalue: [N], never above the true one.
      eigenvalue_residual: [N], some eigenvalue lies at most this far from each, for both.
      valid: [N], False where a derivative is NaN or infinite.
    """

    gradient: Any
    newton_step: Any
    predicted_decrease: Any
    trace: Any
    trace_error: Any
    smallest_eigenvalue: Any
    largest_eigenvalue: Any
    eigenvalue_residual: Any
    valid: Any


class Program(guarantees.Guaranteed):
    """An immutable target function y = F(x) on the server.

    x is [N, n], a DataFrame with the elements of the inputs as columns, or a single point [n]; n
    and m count elements. Batches of any size are taken. Thread-safe.

    Every method raises InvalidArgumentError for wrong shapes and non-finite numbers, and
    NotFoundError once the program is deleted.
    """

    def __init__(self, connection: Connection, message: programs_pb2.Program) -> None:
        self._connection = connection
        self._message = message

    @property
    def name(self) -> str:
        """The resource name, "programs/..."; empty if it was only checked."""
        return self._message.name

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self._message.name.rpartition("/")[2]

    @property
    def source(self) -> str:
        """The text."""
        return self._message.source

    @property
    def inputs(self) -> tuple[ProgramVariable, ...]:
        """In the order of the columns of x."""
        return tuple(map(_from_variable, self._message.inputs))

    @property
    def outputs(self) -> tuple[ProgramVariable, ...]:
        """In the order of the columns of y."""
        return tuple(map(_from_variable, self._message.outputs))

    @property
    def input_names(self) -> list[str]:
        """The n elements of the inputs, as ProgramVariable.element_names."""
        return [name for variable in self.inputs for name in variable.element_names]

    @property
    def output_names(self) -> list[str]:
        """The m elements of the outputs."""
        return [name for variable in self.outputs for name in variable.element_names]

    @property
    def statistics(self) -> ProgramStatistics:
        """What it costs."""
        statistics = self._message.statistics
        return ProgramStatistics(
            operations=statistics.operations,
            executed_operations=statistics.executed_operations,
            jacobian_nonzeros=statistics.jacobian_nonzeros,
            hessian_nonzeros=statistics.hessian_nonzeros
            if statistics.HasField("hessian_nonzeros")
            else None,
            jacobian_mode=statistics.jacobian_mode,
            tangent_ratio=statistics.tangent_ratio,
            adjoint_ratio=statistics.adjoint_ratio,
            jacobian_ratio=statistics.jacobian_ratio,
            hessian_vector_ratio=statistics.hessian_vector_ratio,
        )

    def __repr__(self) -> str:
        return (
            f"Program({self.id!r}, inputs={self._message.input_size}, "
            f"outputs={self._message.output_size}, "
            f"operations={self._message.statistics.executed_operations})"
        )

    def __call__(self, x: npt.ArrayLike) -> _arrays.FloatArray:
        """Values y, [N, m]."""
        return given(self.evaluate(x).value)

    def evaluate(
        self,
        x: npt.ArrayLike,
        *,
        value: bool = True,
        jacobian: bool = False,
        hessian: bool = False,
        tangents: npt.ArrayLike | None = None,
        adjoints: npt.ArrayLike | None = None,
        hvp: bool = False,
        strict: bool = False,
        reversal: str = "automatic",
        checkpoints: int = 0,
        dtype: npt.DTypeLike = np.float64,
    ) -> ProgramEvaluation:
        """Everything that is asked for at once.

        Args:
          x: The points.
          value: Whether to answer values.
          jacobian: Whether to answer Jacobians.
          hessian: Whether to answer the Hessians of all outputs.
          tangents: Asks for jvp: [n] for all points, [N, n] one for each point, [N, p, n] or
            [1, p, n].
          adjoints: Asks for vjp: [m], [N, m], [N, q, m] or [1, q, m].
          hvp: Whether to answer second-order adjoints of all pairs of tangents and adjoints.
          strict: Whether every operation rounds as IEEE 754 and <cmath> say; otherwise each is
            accurate to a few units in the last place, which is faster.
          reversal: "automatic", "vanilla", "memory_poor" or "binomial": which states of marked time
            loops are kept for the adjoint sweep. The results are the same.
          checkpoints: States kept at once with "binomial".
          dtype: Of the answer, float64 or float32. The server computes in float64 all the same.
        """
        query = Query(
            x,
            self.input_names,
            self._message.output_size,
            value=value,
            jacobian=jacobian,
            hessian=hessian,
            tangents=tangents,
            adjoints=adjoints,
            hvp=hvp,
            dtype=dtype,
        )
        request = programs_pb2.EvaluateRequest(
            program=self.name,
            arithmetic=programs_pb2.EvaluateRequest.ARITHMETIC_STRICT
            if strict
            else programs_pb2.EvaluateRequest.ARITHMETIC_FAST,
            reversal=programs_pb2.Reversal(
                strategy=records.enum_number(programs_pb2.Reversal.Strategy, reversal, "reversal"),
                checkpoints=checkpoints,
            ),
        )
        answer = query.run(
            request,
            lambda message: self._connection.call(self._connection.programs.Evaluate, message),
            "valid",
        )
        reply = answer.last_reply
        counts = None
        if reply is not None and reply.HasField("reversal"):
            counts = ReversalCounts(
                reply.reversal.advanced_steps,
                reply.reversal.peak_states,
                reply.reversal.state_bytes,
            )
        return ProgramEvaluation(
            value=answer.results.get("value"),
            jacobian=answer.results.get("jacobian"),
            hessian=answer.results.get("hessian"),
            jvp=answer.results.get("jvp"),
            vjp=answer.results.get("vjp"),
            hvp=answer.results.get("hvp"),
            valid=answer.flags,
            reversal=counts,
        )

    def enclose(
        self, x_min: npt.ArrayLike, x_max: npt.ArrayLike, *, jacobian: bool = False
    ) -> Enclosure:
        """Bounds of value, and Jacobian if asked for, over boxes by interval arithmetic.

        Args:
          x_min: The lower corners, as points.
          x_max: The upper corners, nowhere below x_min.
          jacobian: Whether to bound the Jacobian as well.
        """
        names = self.input_names
        low, is_point = _arrays.as_points(x_min, names, "x_min")
        high, _ = _arrays.as_points(x_max, names, "x_max")
        if low.shape != high.shape:
            raise invalid_argument(
                "SHAPE_MISMATCH",
                "x_max",
                f"expected as many points as x_min, {len(low)}, got {len(high)}",
            )
        n, m = len(names), self._message.output_size
        shapes: dict[str, tuple[int, ...]] = {"value_min": (m,), "value_max": (m,)}
        quantities = [derivatives_pb2.QUANTITY_VALUE]
        if jacobian:
            shapes |= {"jacobian_min": (m, n), "jacobian_max": (m, n)}
            quantities.append(derivatives_pb2.QUANTITY_JACOBIAN)
        bounds = {field: np.empty((len(low), *shape)) for field, shape in shapes.items()}
        bounded = np.empty(len(low), bool)
        point_bytes = sum(map(math.prod, shapes.values())) * 8
        for rows in batches(len(low), point_bytes):
            request = programs_pb2.EncloseRequest(
                program=self.name,
                x_min=_arrays.to_tensor(low[rows]),
                x_max=_arrays.to_tensor(high[rows]),
                quantities=quantities,
            )
            reply = self._connection.call(self._connection.programs.Enclose, request)
            for field, bound in bounds.items():
                bound[rows] = _arrays.from_tensor(getattr(reply, field))
            bounded[rows] = reply.bounded

        def answer(field: str) -> Any:
            bound = bounds.get(field)
            return bound[0] if is_point and bound is not None else bound

        return Enclosure(
            value_min=answer("value_min"),
            value_max=answer("value_max"),
            jacobian_min=answer("jacobian_min"),
            jacobian_max=answer("jacobian_max"),
            bounded=bool(bounded[0]) if is_point else bounded,
        )

    def curvature(
        self,
        x: npt.ArrayLike,
        *,
        adjoint: npt.ArrayLike | None = None,
        newton: bool = False,
        trust_radius: float | None = None,
        trace: bool = False,
        trace_samples: int | None = None,
        seed: int | None = None,
        eigenvalues: bool = False,
        max_iterations: int | None = None,
    ) -> Curvature:
        """What second derivatives say of one number, without Hessians.

        Args:
          x: The points.
          adjoint: y_bar, [m], the weights of the outputs. Default 1 if there is one output.
          newton: Whether to answer a truncated Newton step.
          trust_radius: The step is no longer than this. Default: no limit.
          trace: Whether to estimate the trace of the Hessian by Hutchinson's method.
          trace_samples: Random vectors of the estimate. Default 32.
          seed: Of those vectors. Default 1.
          eigenvalues: Whether to answer the extreme eigenvalues by the Lanczos process.
          max_iterations: Products with the Hessian for them, at most n and at most 2^25 / n, for
            each keeps a vector. Default the largest, or 500 if that is less.
        """
        points, is_point = _arrays.as_points(x, self.input_names)
        kind = programs_pb2.AnalyzeCurvatureRequest
        request = kind(program=self.name)
        if adjoint is not None:
            request.adjoint.CopyFrom(
                _arrays.to_tensor(np.atleast_1d(_arrays.as_floats(adjoint, "adjoint")))
            )
        try:
            if newton:
                request.newton.CopyFrom(kind.Newton(trust_radius=trust_radius))
            if trace:
                request.trace.CopyFrom(kind.Trace(sample_count=trace_samples, seed=seed))
            if eigenvalues:
                request.eigenvalues.CopyFrom(kind.Eigenvalues(max_iterations=max_iterations))
        except (TypeError, ValueError) as error:
            raise invalid_argument(
                "INVALID_OPTION", "curvature", f"option of the wrong type or size: {error}"
            ) from error
        replies = []
        # At least one call, which checks the options.
        n = points.shape[1]
        for rows in list(batches(len(points), 2 * n * points.itemsize)) or [slice(0, 0)]:
            request.x.CopyFrom(_arrays.to_tensor(points[rows]))
            replies.append(
                self._connection.call(self._connection.programs.AnalyzeCurvature, request)
            )

        def answer(field: str) -> Any:
            if not replies[0].HasField(field):
                return None
            array = np.concatenate(
                [_arrays.from_tensor(getattr(reply, field)) for reply in replies]
            )
            return array[0] if is_point else array

        valid = np.concatenate([np.array(reply.valid, dtype=bool) for reply in replies])
        return Curvature(
            gradient=answer("gradient"),
            newton_step=answer("newton_step"),
            predicted_decrease=answer("predicted_decrease"),
            trace=answer("trace"),
            trace_error=answer("trace_error"),
            smallest_eigenvalue=answer("smallest_eigenvalue"),
            largest_eigenvalue=answer("largest_eigenvalue"),
            eigenvalue_residual=answer("eigenvalue_residual"),
            valid=bool(valid[0]) if is_point else valid,
        )

    def _request_fields(self) -> dict[str, str]:
        return {"program": self.name}

    def _ranged_inputs(self) -> tuple[ProgramVariable, ...]:
        return self.inputs

    def sample(
        self,
        count: int,
        *,
        design: str = "lhs",
        seed: int = 1,
        bounds: Mapping[str, tuple[float, float]] | None = None,
    ) -> Samples:
        """Values and exact Jacobians at points of the declared box.

        Points where a value or derivative is not finite are dropped, so that there may be fewer
        than `count`.

        Args:
          count: Number of points.
          design: "lhs" (Latin hypercube: each of `count` equal slices of each side holds one
            point) or "random".
          seed: Of the points.
          bounds: Ranges (low, high) of inputs, or of their elements, instead of the declared ones.
        """
        low, high = _boxes.box(self.inputs, bounds)
        x = _boxes.points(low, high, count, design, seed)
        evaluation = self.evaluate(x, jacobian=True)
        valid = evaluation.valid
        return Samples(x[valid], given(evaluation.value)[valid], given(evaluation.jacobian)[valid])

    def sample_into(self, dataset: str | Dataset, count: int, **options: Any) -> Dataset:
        """Appends sample(count, **options) to a dataset, which is made if it is missing.

        Its variables are the elements of the program's inputs and outputs. The default seed is 1
        plus the number of samples that the dataset holds, so that a second call adds other points.
        """
        name = dataset if isinstance(dataset, str) else dataset.name
        if "seed" not in options:
            options["seed"] = 1 + self._samples_in(name)
        samples = self.sample(count, **options)
        if len(samples) == 0:
            raise invalid_argument(
                "OUT_OF_RANGE",
                "bounds",
                f"no finite value and Jacobian at any of {count} points; choose others",
            )
        if isinstance(dataset, str):
            dataset = Dataset.create(self._connection, dataset, self.input_names, self.output_names)
        dataset.append(samples.x, samples.y, samples.jacobian)
        return dataset

    def _samples_in(self, dataset: str) -> int:
        """The number of samples in a dataset, 0 if there is none of that name."""
        try:
            return len(Dataset.fetch(self._connection, full_name("datasets", dataset)))
        except NotFoundError:
            return 0

    def delete(self) -> None:
        """Deletes the program. Evaluations under way finish undisturbed."""
        self._connection.call(
            self._connection.programs.DeleteProgram,
            programs_pb2.DeleteProgramRequest(name=self.name),
        )


def _from_variable(message: programs_pb2.ProgramVariable) -> ProgramVariable:
    return ProgramVariable(
        name=message.name,
        shape=tuple(message.shape),
        offset=message.offset,
        bounds=(message.bounds.min, message.bounds.max) if message.HasField("bounds") else None,
        description=message.description,
    )
