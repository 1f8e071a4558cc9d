"""Models: values and derivatives of trained surrogates."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _boxes, guarantees, pipelines, plans, pruning, records, reports
from sobolev._connection import Connection
from sobolev._query import Answer, Query, given
from sobolev._stubs import models_pb2
from sobolev._stubs.prediction_pb2 import PredictRequest
from sobolev.errors import invalid_argument


@dataclass(frozen=True)
class Evaluation:
    """A surrogate at N points. What was not asked for is None.

    For a single point given without batch axis, the axis N is left out everywhere.

    Attributes:
      value: y, [N, m].
      jacobian: [N, m, n], jacobian[s, i, j] = dy_i/dx_j at point s.
      hessian: [N, m, n, n], hessian[s, i, j, k] = d^2 y_i / dx_j dx_k at point s.
      jvp: J x_dot, [N, k, m], or [N, m] for one tangent per point.
      vjp: J^T y_bar, [N, k, n], or [N, n] for one adjoint per point.
      hvp: sum_i y_bar_i H_i x_dot, [N, q, p, n]; without q, p or both where there was one adjoint
        or tangent per point.
      spread: Standard deviations of value, [N, m], as the model judges its own uncertainty.
      jacobian_spread: Standard deviations of jacobian, [N, m, n].
      in_domain: [N], False where x lies outside Model.domain.
    """

    value: _arrays.FloatArray | None
    jacobian: _arrays.FloatArray | None
    hessian: _arrays.FloatArray | None
    jvp: _arrays.FloatArray | None
    vjp: _arrays.FloatArray | None
    hvp: _arrays.FloatArray | None
    spread: _arrays.FloatArray | None
    jacobian_spread: _arrays.FloatArray | None
    in_domain: Any


class Model(guarantees.Guaranteed):
    """One immutable version of a model.

    x is [N, n], a DataFrame with the inputs as columns, or a single point [n]; with a single input
    a vector [N] means N points. Results for a single point have no batch axis. Batches of any size
    are taken; large ones are cut into several calls. Thread-safe.

    Every method raises InvalidArgumentError for wrong shapes and non-finite numbers, and
    NotFoundError once the model is deleted.
    """

    def __init__(self, connection: Connection, message: models_pb2.ModelVersion) -> None:
        self._connection = connection
        self._message = message
        self._input_names = [variable.name for variable in message.schema.inputs]
        self._output_names = [variable.name for variable in message.schema.outputs]
        self._m = len(self._output_names)

    @classmethod
    def fetch(cls, connection: Connection, name: str) -> Model:
        """The version "models/{model}/versions/{version}", or the newest of "models/{model}"."""
        if "/versions/" in name:
            request = models_pb2.GetModelVersionRequest(name=name)
            return cls(connection, connection.call(connection.models.GetModelVersion, request))
        model = connection.call(connection.models.GetModel, models_pb2.GetModelRequest(name=name))
        return cls(connection, model.latest_version)

    @property
    def name(self) -> str:
        """The resource name of this version, "models/{model}/versions/{version}"."""
        return self._message.name

    @property
    def id(self) -> str:
        """The {model} of the name, which all versions share."""
        return self._message.name.split("/")[1]

    @property
    def version(self) -> int:
        """1, 2, ..."""
        return int(self._message.name.rpartition("/")[2])

    @property
    def inputs(self) -> tuple[records.Variable, ...]:
        """The n inputs, in the order of the columns of x."""
        return tuple(map(records.from_variable, self._message.schema.inputs))

    @property
    def outputs(self) -> tuple[records.Variable, ...]:
        """The m outputs, in the order of the columns of y."""
        return tuple(map(records.from_variable, self._message.schema.outputs))

    @property
    def domain(self) -> npt.NDArray[np.float64]:
        """Where it is known to hold, [n, 2]: the box of the training samples, or pruned for.

        Of pipelines what their parts agree on, infinite where none says anything.
        """
        return records.from_ranges(self._message.domain)

    @property
    def kind(self) -> str:
        """What it is.

        One of "network", "polynomial", "gaussian_process", "ensemble", "composed", "pipeline" and
        "local_taylor", which is a network or a polynomial and local Taylor models around samples.
        Composed is one of the others with maps around it: of inputs, outputs, or outside the box.
        """
        return records.enum_name(models_pb2.ModelVersion.Kind, self._message.kind)

    @property
    def core_kind(self) -> str:
        """The kind within maps and ensembles, else `kind`.

        "unspecified" for versions from before servers told it; these tell nothing of their shape
        and maps below either.
        """
        return records.enum_name(models_pb2.ModelVersion.Kind, self._message.core_kind)

    @property
    def monotone(self) -> dict[str, str]:
        """By name of the input "increasing" or "decreasing": what holds by construction."""
        slopes = models_pb2.ModelVersion.Slope
        return {
            name: records.enum_name(slopes, slope)
            for name, slope in sorted(self._message.monotone.items())
        }

    @property
    def convexity(self) -> str:
        """What holds by construction: "convex", "concave", or empty."""
        if not self._message.convexity:
            return ""
        return records.enum_name(models_pb2.ModelVersion.Convexity, self._message.convexity)

    @property
    def periods(self) -> dict[str, float]:
        """Of inputs by name: after how much the model repeats."""
        maps = self._message.input_maps
        return {each.input: each.period for each in maps if each.HasField("period")}

    @property
    def log_inputs(self) -> tuple[str, ...]:
        """The inputs of which the model sees the logarithm."""
        return tuple(each.input for each in self._message.input_maps if each.logarithmic)

    @property
    def feature_degree(self) -> int:
        """Products of inputs up to this degree are inputs as well; 1 if none are."""
        return max(1, self._message.feature_degree)

    @property
    def lower(self) -> dict[str, float]:
        """Of outputs by name: what predictions stay above."""
        maps = self._message.output_maps
        return {each.output: each.lower for each in maps if each.HasField("lower")}

    @property
    def upper(self) -> dict[str, float]:
        """Of outputs by name: what predictions stay below."""
        maps = self._message.output_maps
        return {each.output: each.upper for each in maps if each.HasField("upper")}

    @property
    def log_outputs(self) -> tuple[str, ...]:
        """The outputs that are fitted as their logarithm above `lower`."""
        return tuple(each.output for each in self._message.output_maps if each.logarithmic)

    @property
    def extrapolation(self) -> str:
        """How it goes on outside the box of the training samples: "own", "constant" or "linear"."""
        if not self._message.extrapolation:
            return "own"
        return records.enum_name(models_pb2.ModelVersion.Extrapolation, self._message.extrapolation)

    @property
    def hidden(self) -> tuple[int, ...]:
        """The width of each hidden layer of a network or of those within; empty for other kinds."""
        return tuple(self._message.network.hidden)

    @property
    def activation(self) -> str:
        """The activation of the hidden layers of a network; empty for other kinds."""
        if not self._message.HasField("network"):
            return ""
        return records.enum_name(models_pb2.Network.Activation, self._message.network.activation)

    @property
    def skip(self) -> bool:
        """Whether the layers of a network after the first see the inputs, too."""
        return self._message.network.skip

    @property
    def residual(self) -> bool:
        """Whether hidden layers of a network are added to those before, if as wide."""
        return self._message.network.residual

    @property
    def parameter_count(self) -> int:
        """Number of weights, biases or coefficients."""
        return self._message.parameter_count

    @property
    def nonzero_weights(self) -> int:
        """Weights, without biases, of a plain network that are not 0; 0 for other kinds."""
        return self._message.nonzero_weights

    @property
    def weights_sha256(self) -> str:
        """Of everything that predictions depend on, in hex."""
        return self._message.weights_sha256

    @property
    def pruning(self) -> pruning.PruningReport | None:
        """What was removed and what that cost; None of versions that pruning has not made."""
        return pruning.from_version(self._message)

    @property
    def local_taylor(self) -> reports.LocalTaylor | None:
        """The local Taylor models of kind "local_taylor", also within; None of others."""
        if not self._message.HasField("local_taylor"):
            return None
        return reports.from_local_taylor(self._message.local_taylor)

    @property
    def pipeline(self) -> pipelines.Pipeline | None:
        """What a model of kind "pipeline" is made of; None of others."""
        if not self._message.HasField("pipeline"):
            return None
        return pipelines.from_message(self._message.pipeline)

    @property
    def report(self) -> reports.TrainingReport:
        """How the version was trained and how good it is; empty of pipelines."""
        return reports.from_report(self._message.report)

    def __repr__(self) -> str:
        network = (
            f", hidden={self.hidden}, activation={self.activation!r}"
            if self.kind == "network"
            else ""
        )
        return (
            f"Model({self.id!r}, version={self.version}, kind={self.kind!r}, "
            f"inputs={len(self._input_names)}, outputs={self._m}{network})"
        )

    def predict(self, x: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64) -> _arrays.FloatArray:
        """Values y, [N, m]."""
        return given(self.evaluate(x, dtype=dtype).value)

    def jacobian(
        self, x: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64
    ) -> _arrays.FloatArray:
        """Jacobians, [N, m, n]: element [s, i, j] is dy_i/dx_j at point s."""
        return given(self.evaluate(x, value=False, jacobian=True, dtype=dtype).jacobian)

    def value_and_jacobian(
        self, x: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64
    ) -> tuple[_arrays.FloatArray, _arrays.FloatArray]:
        """Values [N, m] and Jacobians [N, m, n], from one sweep."""
        evaluation = self.evaluate(x, jacobian=True, dtype=dtype)
        return given(evaluation.value), given(evaluation.jacobian)

    def hessian(self, x: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64) -> _arrays.FloatArray:
        """Hessians of all outputs, [N, m, n, n]: [s, i, j, k] is d^2 y_i / dx_j dx_k at point s."""
        return given(self.evaluate(x, value=False, hessian=True, dtype=dtype).hessian)

    def spread(self, x: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64) -> _arrays.FloatArray:
        """Standard deviations of the values, [N, m], as the model judges its own uncertainty.

        Raises InvalidArgumentError unless the model is a Gaussian process or an ensemble.
        """
        return given(self.evaluate(x, value=False, spread=True, dtype=dtype).spread)

    def jvp(
        self, x: npt.ArrayLike, tangents: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64
    ) -> _arrays.FloatArray:
        """Jacobian-vector products J x_dot, [N, m].

        tangents: [n] for all points, [N, n] one for each point, or [N, k, n] with k for each or
          [1, k, n] with k for all, which gives [N, k, m].
        """
        return given(self.evaluate(x, value=False, tangents=tangents, dtype=dtype).jvp)

    def vjp(
        self, x: npt.ArrayLike, adjoints: npt.ArrayLike, *, dtype: npt.DTypeLike = np.float64
    ) -> _arrays.FloatArray:
        """Vector-Jacobian products J^T y_bar, [N, n].

        adjoints: [m] for all points, [N, m] one for each point, or [N, k, m] with k for each or
          [1, k, m] with k for all, which gives [N, k, n].
        """
        return given(self.evaluate(x, value=False, adjoints=adjoints, dtype=dtype).vjp)

    def hvp(
        self,
        x: npt.ArrayLike,
        tangents: npt.ArrayLike,
        adjoints: npt.ArrayLike | None = None,
        *,
        dtype: npt.DTypeLike = np.float64,
    ) -> _arrays.FloatArray:
        """Second-order adjoints sum_i y_bar_i H_i x_dot, [N, n], without forming Hessians.

        tangents and adjoints are as in jvp and vjp; with p and q of them for each point it is
        [N, q, p, n]. Without adjoints a model of one output gives its Hessian-vector products.
        """
        if adjoints is None:
            if self._m != 1:
                raise invalid_argument("MISSING_FIELD", "adjoints", "expected weights of outputs")
            adjoints = np.ones(1)
        return given(
            self.evaluate(
                x, value=False, tangents=tangents, adjoints=adjoints, hvp=True, dtype=dtype
            ).hvp
        )

    def in_domain(self, x: npt.ArrayLike) -> Any:
        """Whether each point lies in the domain, [N] of bool."""
        return self.evaluate(x).in_domain

    def plan_derivatives(
        self, *, tape_memory: int | None = None, workers: int = 1, memory: int | None = None
    ) -> plans.DerivativePlan:
        """How the Jacobian is made with the fewest multiply-adds, and what it takes on the server.

        Args:
          tape_memory: Adjoints only through factors with at most that many edges; None: all.
          workers: With several, the plan that ends first instead of the one with the least work.
          memory: Hold at most that many numbers of values, Jacobians and tapes of a point at a
            time, and evaluate again what was not kept; not with the other two.
        """
        request = models_pb2.PlanDerivativesRequest(
            model=self.name, tape_memory=tape_memory, workers=workers, memory=memory
        )
        message = self._connection.call(self._connection.models.PlanDerivatives, request)
        return plans.from_message(message)

    def _request_fields(self) -> dict[str, str]:
        return {"model": self.name}

    def _ranged_inputs(self) -> list[_boxes.Scalar]:
        return _boxes.scalars(self._input_names, self.domain)

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
        spread: bool = False,
        jacobian_spread: bool = False,
        outputs: Sequence[str | int] | None = None,
        inputs: Sequence[str | int] | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Evaluation:
        """Everything that is asked for at once.

        Args:
          x: The points.
          value: Whether to answer values.
          jacobian: Whether to answer Jacobians.
          hessian: Whether to answer the Hessians of all outputs.
          tangents: As in jvp, which is answered if they are given.
          adjoints: As in vjp, which is answered if they are given.
          hvp: Whether to answer second-order adjoints of all pairs of tangents and adjoints.
          spread: Whether to answer standard deviations of the values, which Gaussian processes and
            ensembles have.
          jacobian_spread: Whether to answer standard deviations of the Jacobians, likewise.
          outputs: Names or positions of the outputs to answer, in that order; all by default. They
            are the outputs of everything else, of adjoints, too.
          inputs: Of the inputs to differentiate by, likewise. x has all inputs all the same.
          dtype: Of the answer, float64 or float32; float32 halves the bytes. The server computes
            in float64 all the same.
        """
        request = self._request(outputs, inputs)
        query = Query(
            x,
            self._input_names,
            len(request.outputs) or self._m,
            n=len(request.inputs) or None,
            value=value,
            jacobian=jacobian,
            hessian=hessian,
            tangents=tangents,
            adjoints=adjoints,
            hvp=hvp,
            spread=spread,
            jacobian_spread=jacobian_spread,
            dtype=dtype,
        )
        return _evaluation(
            query.run(
                request,
                lambda message: self._connection.call(self._connection.prediction.Predict, message),
                "in_domain",
            )
        )

    def evaluate_stream(
        self,
        batches: Iterable[npt.ArrayLike],
        *,
        value: bool = True,
        jacobian: bool = False,
        hessian: bool = False,
        outputs: Sequence[str | int] | None = None,
        inputs: Sequence[str | int] | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Iterator[Evaluation]:
        """The evaluation of each batch of points in turn, over one open call.

        Batches are drawn from the iterable a few ahead of what the caller has read, so that the
        network's latency is paid once and not for each of them. The arguments are those of
        evaluate. A batch is one message: at most 16384 points, unless the server was told
        otherwise. Raises SobolevError, where the server ends, too.
        """
        template = self._request(outputs, inputs)
        queries: collections.deque[Query] = collections.deque()

        def requests() -> Iterator[PredictRequest]:
            for x in batches:
                query = Query(
                    x,
                    self._input_names,
                    len(template.outputs) or self._m,
                    n=len(template.inputs) or None,
                    value=value,
                    jacobian=jacobian,
                    hessian=hessian,
                    dtype=dtype,
                )
                request = PredictRequest()
                request.CopyFrom(template)
                query.describe(request)
                query.place(request)
                queries.append(query)
                yield request

        for reply in self._connection.exchange(
            self._connection.prediction.PredictStream, requests()
        ):
            yield _evaluation(queries.popleft().read(reply, "in_domain"))

    def _request(
        self, outputs: Sequence[str | int] | None, inputs: Sequence[str | int] | None
    ) -> PredictRequest:
        """Who is asked, and for which block."""
        return PredictRequest(
            model=self.name,
            outputs=_positions(outputs, self._output_names, "outputs"),
            inputs=_positions(inputs, self._input_names, "inputs"),
        )


def _positions(selected: Sequence[str | int] | None, names: Sequence[str], field: str) -> list[int]:
    """Where the named variables are; the server checks positions."""
    if selected is None:
        return []
    if isinstance(selected, str) or len(selected) == 0:
        raise invalid_argument(
            "MISSING_FIELD", field, f"expected a list of some of {', '.join(names)}"
        )
    for each in selected:
        if isinstance(each, str) and each not in names:
            raise invalid_argument(
                "UNKNOWN_VARIABLE", field, f"expected some of {', '.join(names)}, got {each!r}"
            )
    return [names.index(each) if isinstance(each, str) else int(each) for each in selected]


def _evaluation(answer: Answer) -> Evaluation:
    return Evaluation(
        value=answer.results.get("value"),
        jacobian=answer.results.get("jacobian"),
        hessian=answer.results.get("hessian"),
        jvp=answer.results.get("jvp"),
        vjp=answer.results.get("vjp"),
        hvp=answer.results.get("hvp"),
        spread=answer.results.get("spread"),
        jacobian_spread=answer.results.get("jacobian_spread"),
        in_domain=answer.flags,
    )
