"""Plans of derivatives: how the Jacobian of a model is made with the fewest multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass

from sobolev._stubs import models_pb2
from sobolev.records import enum_name


@dataclass(frozen=True)
class Factor:
    """One function of the chain that a model is.

    Attributes:
      label: What it is in the model, such as "affine 3".
      n: Its inputs.
      m: Its outputs.
      edges: Multiply-adds of one tangent or adjoint.
    """

    label: str
    n: int
    m: int
    edges: int


@dataclass(frozen=True)
class Step:
    """The Jacobian of the factors `first` to `last`, counted from 1.

    Attributes:
      kind: "accumulate_tangent", "accumulate_adjoint" (of a single factor), "tangent" (columns of
        `earlier` carried through the last factor), "adjoint" (rows of `later` carried back through
        the first factor) or "product" (`later` times `earlier`).
      later, earlier: Positions of the operands among the steps, or None.
      cost: Multiply-adds.
      worker, start: Who makes it and when, in multiply-adds; None with one worker.
    """

    kind: str
    first: int
    last: int
    later: int | None
    earlier: int | None
    cost: int
    worker: int | None
    start: int | None


@dataclass(frozen=True)
class Timing:
    """Jacobians on the server's machine, for a point of a batch.

    Attributes:
      mode: "predict", "tangents" or "adjoints".
      cost: Multiply-adds.
      predicted_seconds: That many at the speed that values have.
      measured_seconds: As measured, or None where that would take too long.
    """

    mode: str
    cost: int
    predicted_seconds: float
    measured_seconds: float | None


@dataclass(frozen=True)
class Move:
    """What is done next within a memory.

    Attributes:
      kind: "evaluate" (what factor `value` computes), "drop" (likewise) or "step".
      value: A factor, counted from 1, or None.
      step: A position among the steps, or None.
      cost: Multiply-adds.
      memory: Numbers held during the move.
    """

    kind: str
    value: int | None
    step: int | None
    cost: int
    memory: int


@dataclass(frozen=True)
class Calibrated:
    """What plans take at the speeds measured on the server.

    Attributes:
      tangent_seconds, adjoint_seconds, product_seconds: For a multiply-add of each kind.
      optimum_seconds: For a point, of the plan with the fewest multiply-adds.
      fastest_seconds: Of the fastest plan.
      fastest_cost: Its multiply-adds.
      fastest_bracketing: That plan in a line.
    """

    tangent_seconds: float
    adjoint_seconds: float
    product_seconds: float
    optimum_seconds: float
    fastest_seconds: float
    fastest_cost: int
    fastest_bracketing: str


@dataclass(frozen=True)
class DerivativePlan:
    """An optimal plan for the Jacobian of a model; costs are multiply-adds for a point.

    Attributes:
      model: The version.
      factors: From the inputs on.
      tangent_cost: All columns by tangents.
      adjoint_cost: All rows by adjoints.
      preaccumulation_cost: The Jacobian of each factor, and their product in the best order.
      dense_product_cost: That product alone.
      cost: Of the plan.
      steps: Each after its operands; the last is the Jacobian of the model.
      bracketing: The plan in a line.
      method: How predictions make Jacobians: "tangents", "adjoints", "waist 3", "stages" or
        "closed form"; of ensembles and composed models that of their parts, with "of each member"
        or "of the core" behind it.
      timings: What they take on the server.
      makespan, makespan_lower_bound, proven_optimal: With several workers, when the plan ends, when
        any plan ends at the earliest, and whether it is proven that none ends earlier; else None.
        Within a memory the last says whether it is proven that none costs less.
      moves: Within a memory, the plan move by move; else empty.
      evaluation_cost, memory: Within a memory, what evaluations cost beside `cost`, and the most
        that a move holds; else None.
      calibrated: None with several workers, within a memory, and where measuring takes too long.
    """

    model: str
    factors: tuple[Factor, ...]
    tangent_cost: int
    adjoint_cost: int
    preaccumulation_cost: int
    dense_product_cost: int
    cost: int
    steps: tuple[Step, ...]
    bracketing: str
    method: str
    timings: tuple[Timing, ...]
    makespan: int | None
    makespan_lower_bound: int | None
    proven_optimal: bool | None
    moves: tuple[Move, ...]
    evaluation_cost: int | None
    memory: int | None
    calibrated: Calibrated | None


def from_message(message: models_pb2.DerivativePlan) -> DerivativePlan:
    """The plan of a reply."""
    return DerivativePlan(
        model=message.model,
        factors=tuple(Factor(f.label, f.n, f.m, f.edges) for f in message.factors),
        tangent_cost=message.tangent_cost,
        adjoint_cost=message.adjoint_cost,
        preaccumulation_cost=message.preaccumulation_cost,
        dense_product_cost=message.dense_product_cost,
        cost=message.cost,
        steps=tuple(_step(step) for step in message.steps),
        bracketing=message.bracketing,
        method=message.method,
        timings=tuple(_timing(t) for t in message.timings),
        makespan=message.makespan if message.HasField("makespan") else None,
        makespan_lower_bound=(
            message.makespan_lower_bound if message.HasField("makespan_lower_bound") else None
        ),
        proven_optimal=message.proven_optimal if message.HasField("proven_optimal") else None,
        moves=tuple(_move(move) for move in message.moves),
        evaluation_cost=message.evaluation_cost if message.HasField("evaluation_cost") else None,
        memory=message.memory if message.HasField("memory") else None,
        calibrated=_calibrated(message.calibrated) if message.HasField("calibrated") else None,
    )


def _move(move: models_pb2.DerivativePlan.Move) -> Move:
    return Move(
        kind=enum_name(models_pb2.DerivativePlan.Move.Kind, move.kind),
        value=move.value if move.HasField("value") else None,
        step=move.step if move.HasField("step") else None,
        cost=move.cost,
        memory=move.memory,
    )


def _calibrated(calibrated: models_pb2.DerivativePlan.Calibrated) -> Calibrated:
    return Calibrated(
        tangent_seconds=calibrated.tangent_seconds,
        adjoint_seconds=calibrated.adjoint_seconds,
        product_seconds=calibrated.product_seconds,
        optimum_seconds=calibrated.optimum_seconds,
        fastest_seconds=calibrated.fastest_seconds,
        fastest_cost=calibrated.fastest_cost,
        fastest_bracketing=calibrated.fastest_bracketing,
    )


def _timing(timing: models_pb2.DerivativePlan.Timing) -> Timing:
    return Timing(
        mode=timing.mode,
        cost=timing.cost,
        predicted_seconds=timing.predicted_seconds,
        measured_seconds=(timing.measured_seconds if timing.HasField("measured_seconds") else None),
    )


def _step(step: models_pb2.DerivativePlan.Step) -> Step:
    return Step(
        kind=enum_name(models_pb2.DerivativePlan.Step.Kind, step.kind),
        first=step.first,
        last=step.last,
        later=step.later if step.HasField("later") else None,
        earlier=step.earlier if step.HasField("earlier") else None,
        cost=step.cost,
        worker=step.worker if step.HasField("worker") else None,
        start=step.start if step.HasField("start") else None,
    )
