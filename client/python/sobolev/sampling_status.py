"""What a sampling job tells of itself, as plain immutable values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sobolev import records, reports
from sobolev._stubs import sampling_pb2
from sobolev.sampling_spec import SamplingBoxSpec, SamplingGoal, StopRule


@dataclass(frozen=True)
class SamplingBox:
    """A part of the domain.

    Attributes:
      min: [n], in the units of the dataset.
      max: [n].
      order: How simple the function is: "constant", "linear" or "quadratic", or "open".
      volume: Share of the domain.
      linear_in: Names of inputs along which the function is quasi-linear.
    """

    min: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    order: str
    volume: float
    linear_in: tuple[str, ...]


@dataclass(frozen=True)
class SamplingBoxes:
    """The domain in boxes, which overlap in their faces at most.

    Attributes:
      round: Whose they are; 0 before the first.
      boxes: All of them.
      closed: Their volumes by order.
    """

    round: int
    boxes: tuple[SamplingBox, ...]
    closed: reports.ClosedShare


@dataclass(frozen=True)
class SamplingRevision:
    """What of the spec may change, and since when it held; rounds name theirs.

    Attributes:
      stop: The rules.
      strategy: "adaptive", "space_filling" or "lola_voronoi".
      goal: What points are for.
      boxes: None: none.
      round_fraction: Points of a round as a share of the samples known.
      time: When the job took it up.
    """

    stop: tuple[StopRule, ...]
    strategy: str
    goal: SamplingGoal
    boxes: SamplingBoxSpec | None
    round_fraction: float
    time: datetime.datetime


@dataclass(frozen=True)
class SamplingStatus:
    """Where a sampling job stands.

    Attributes:
      phase: "sampling", "paused" or "ended".
      counts: Points by state.
      cost: What the evaluations that are over cost, failed ones included.
      rounds: All of them, in order.
      stop_reason: "rule", "stopped", "exhausted": every point of a domain of whole numbers is
        known, "noise": a rule asks for errors below the noise of the function, which those that are
        reported have come down to, or "unspecified" while it goes on and after it failed.
      stop_rule: With "rule" and "noise": which of the rules, from 0; else None.
      warnings: Derivatives among the samples of the latest round that contradict the values.
      best: With the goal "minimum" or "maximum" the best sample known.
      revisions: What was to be done when, in order; the last one holds, or was what ended.
    """

    phase: str
    counts: reports.SamplingCounts
    cost: float
    rounds: tuple[reports.SamplingRound, ...]
    stop_reason: str
    stop_rule: int | None
    best: reports.SamplingBest | None
    revisions: tuple[SamplingRevision, ...]
    warnings: tuple[reports.LabelWarning, ...]


@dataclass(frozen=True)
class SamplingPoint:
    """A place where the function is or was to be evaluated.

    Attributes:
      id: Within the job, from 1.
      x: [n].
      state: "queued", "leased", "done", "infeasible" or "failed".
      space_filling: Placed to fill the space, whatever the models say.
      round: Of the model that chose it; 0: before the first.
      worker: Who has it or had it last.
      attempt: How often it was handed out.
      lease_expire_time: Until when the worker has it, if it does.
      reason: What workers said of failures, the last one's words.
      y: [m], NaN where missing; None unless done.
    """

    id: int
    x: npt.NDArray[np.float64]
    state: str
    space_filling: bool
    round: int
    worker: str
    attempt: int
    lease_expire_time: datetime.datetime | None
    reason: str
    y: npt.NDArray[np.float64] | None


def from_sampling(message: sampling_pb2.Sampling) -> SamplingStatus:
    """Where the job of a message stands."""
    by_rule = message.stop_reason in (
        sampling_pb2.Sampling.STOP_REASON_RULE,
        sampling_pb2.Sampling.STOP_REASON_NOISE,
    )
    return SamplingStatus(
        phase=records.enum_name(sampling_pb2.Sampling.Phase, message.phase),
        counts=reports.from_counts(message.counts),
        cost=message.cost,
        rounds=tuple(map(reports.from_round, message.rounds)),
        stop_reason=records.enum_name(sampling_pb2.Sampling.StopReason, message.stop_reason),
        stop_rule=message.stop_rule if by_rule else None,
        best=reports.from_best(message.best) if message.HasField("best") else None,
        revisions=tuple(map(_from_revision, message.revisions)),
        warnings=tuple(map(reports.from_warning, message.warnings)),
    )


def _from_rule(rule: sampling_pb2.StopRule) -> StopRule:
    return StopRule(**{field.name: value for field, value in rule.ListFields()})


def _from_revision(revision: sampling_pb2.SamplingRevision) -> SamplingRevision:
    spec = revision.spec
    boxes = SamplingBoxSpec(spec.boxes.tolerance, spec.boxes.max_boxes)
    return SamplingRevision(
        stop=tuple(map(_from_rule, spec.stop_rules)),
        strategy=records.enum_name(sampling_pb2.SamplingSpec.Strategy, spec.strategy),
        goal=SamplingGoal(
            kind=records.enum_name(sampling_pb2.SamplingGoal.Kind, spec.goal.kind),
            output=spec.goal.output,
            level=spec.goal.level if spec.goal.HasField("level") else None,
        ),
        boxes=boxes if spec.HasField("boxes") else None,
        round_fraction=spec.round_fraction,
        time=reports.from_time(revision.time),
    )


def from_boxes(message: sampling_pb2.SamplingBoxes) -> SamplingBoxes:
    """The boxes that a message holds."""
    return SamplingBoxes(
        round=message.round,
        boxes=tuple(
            SamplingBox(
                min=np.array(box.min),
                max=np.array(box.max),
                order=records.enum_name(sampling_pb2.SamplingBox.Order, box.order),
                volume=box.volume,
                linear_in=tuple(box.linear_in),
            )
            for box in message.boxes
        ),
        closed=reports.from_closed(message.closed),
    )


def from_point(point: sampling_pb2.SamplingPoint) -> SamplingPoint:
    """The point that a message holds."""
    is_leased = point.HasField("lease_expire_time")
    return SamplingPoint(
        id=point.id,
        x=np.array(point.x),
        state=records.enum_name(sampling_pb2.SamplingPoint.State, point.state),
        space_filling=point.space_filling,
        round=point.round,
        worker=point.worker,
        attempt=point.attempt,
        lease_expire_time=reports.from_time(point.lease_expire_time) if is_leased else None,
        reason=point.reason,
        y=np.array(point.y) if point.state == sampling_pb2.SamplingPoint.STATE_DONE else None,
    )
