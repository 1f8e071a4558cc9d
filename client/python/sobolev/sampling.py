"""Sampling jobs: which points an expensive function is evaluated at next, and what came of them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt
from google.protobuf import field_mask_pb2

from sobolev import _labels, _training, records, reports
from sobolev._connection import Connection, full_name
from sobolev._stubs import datasets_pb2, jobs_pb2, sampling_pb2
from sobolev.dataset import Dataset
from sobolev.errors import InvalidArgumentError, NotFoundError, invalid_argument
from sobolev.job import Job
from sobolev.model import Model

_PAGE = 10_000

# The box to sample: [n, 2], or ranges by name of the input.
DomainLike = Union[npt.ArrayLike, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class StopRule:
    """Holds when all of its conditions that are not None hold; at least one is needed.

    Attributes:
      evaluations: So many points are evaluated.
      cost: So much is spent, in the unit of the costs of the job.
      value_error: The reported error of values is at most this, relative to their standard
        deviation.
      gradient_error: The reported error of the Jacobian is at most this, relative to its root mean
        square.
      seconds: So many have passed since the start.
      stale_rounds: So many rounds in a row did not lower the best error of values by a tenth; with
        the goal "minimum" or "maximum", did not find a value that is better by a hundredth of what
        was gained before.
      closed_share: Boxes in which the function is simple have this share of the volume.
    """

    evaluations: int | None = None
    cost: float | None = None
    value_error: float | None = None
    gradient_error: float | None = None
    seconds: float | None = None
    stale_rounds: int | None = None
    closed_share: float | None = None


@dataclass(frozen=True)
class SamplingGoal:
    """What points are placed for.

    Attributes:
      kind: "surrogate" (good everywhere), "minimum" or "maximum" (of the output), or "level" (where
        the output has this value).
      output: Its name; empty for "surrogate".
      level: With "level".
    """

    kind: str = "surrogate"
    output: str = ""
    level: float | None = None


@dataclass(frozen=True)
class SamplingBoxSpec:
    """How the domain is cut into boxes in which the function is simple, and others.

    Attributes:
      tolerance: How wrong a Taylor polynomial may be in the box that it closes, relative to the
        standard deviation of the output. Default 0.01.
      max_boxes: 0: none. Default 1000.
    """

    tolerance: float | None = None
    max_boxes: int | None = None


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
class SamplingInput:
    """How an input is sampled, if not evenly over its range.

    At most one of the measures from `normal` on says where its values matter.

    Attributes:
      name: In the dataset.
      logarithmic: On the scale of its logarithm, in which the measures are then.
      integer: It takes whole numbers only.
      fixed: Its value in all points.
      normal: Mean and standard deviation.
      triangular: The mode.
      beta: The exponents alpha and beta over the range.
      piecewise_linear: Ascending positions over the range, and the densities there.
    """

    name: str
    logarithmic: bool = False
    integer: bool = False
    fixed: float | None = None
    normal: tuple[float, float] | None = None
    triangular: float | None = None
    beta: tuple[float, float] | None = None
    piecewise_linear: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class LinearConstraint:
    """The sum of coefficients, by name of the input, times inputs is at most the bound."""

    coefficients: Mapping[str, float]
    bound: float


@dataclass(frozen=True)
class SamplingStatus:
    """Where a sampling job stands.

    Attributes:
      phase: "sampling", "paused" or "ended".
      counts: Points by state.
      cost: What the evaluations cost so far, failed ones included.
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


@dataclass(frozen=True)
class Asked:
    """What a worker holds after Sampling.ask.

    Attributes:
      points: In order of id.
      jacobian: Whether the Jacobian is wanted.
      retry_after: Seconds after which to ask again, when there are fewer points than asked for.
      finished: There will be no more points.
      heartbeat: Send a heartbeat at least this often, in seconds.
    """

    points: tuple[SamplingPoint, ...]
    jacobian: bool
    retry_after: float
    finished: bool
    heartbeat: float


@dataclass(frozen=True)
class Failure:
    """An evaluation without a result, for Sampling.tell.

    Attributes:
      point: The id of the point.
      reason: What happened, at most 1024 bytes of UTF-8.
      infeasible: The function has no value there: do not try again.
      attempt: SamplingPoint.attempt; keeps a repeated call from counting twice. 0: the latest.
    """

    point: int
    reason: str = ""
    infeasible: bool = False
    attempt: int = 0


class Sampling:
    """A job that decides where a function is evaluated next. Thread-safe.

    Every method raises NotFoundError if there is no such job.
    """

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self.job = job
        self._known_schema: datasets_pb2.Schema | None = None

    @classmethod
    def fetch(cls, connection: Connection, name: str) -> Sampling:
        """The sampling job "jobs/..."."""
        connection.call(connection.sampling.GetSampling, sampling_pb2.GetSamplingRequest(name=name))
        request = jobs_pb2.GetJobRequest(name=name)
        return cls(connection, Job(connection, connection.call(connection.jobs.GetJob, request)))

    @property
    def name(self) -> str:
        """The resource name, "jobs/...". Its last part is what Client.sampling takes."""
        return self.job.name

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.job.id

    def __repr__(self) -> str:
        return f"Sampling({self.id!r})"

    # ---- Following and steering -----------------------------------------------------------------

    def status(self) -> SamplingStatus:
        """Where it stands now."""
        return self._steer(self._connection.sampling.GetSampling, sampling_pb2.GetSamplingRequest)

    def rounds(self) -> tuple[reports.SamplingRound, ...]:
        """The history: each version of the model with its errors and what it had cost."""
        return self.status().rounds

    def boxes(self) -> SamplingBoxes:
        """The domain in boxes, as of the latest round."""
        request = sampling_pb2.GetSamplingBoxesRequest(name=self.name)
        reply = self._connection.call(self._connection.sampling.GetSamplingBoxes, request)
        orders = sampling_pb2.SamplingBox.Order
        return SamplingBoxes(
            round=reply.round,
            boxes=tuple(
                SamplingBox(
                    min=np.array(box.min),
                    max=np.array(box.max),
                    order=records.enum_name(orders, box.order),
                    volume=box.volume,
                    linear_in=tuple(box.linear_in),
                )
                for box in reply.boxes
            ),
            closed=reports.from_closed(reply.closed),
        )

    def update(
        self,
        *,
        stop: StopRule | Iterable[StopRule] | None = None,
        strategy: str | None = None,
        goal: SamplingGoal | None = None,
        boxes: SamplingBoxSpec | None = None,
        round_fraction: float | None = None,
    ) -> SamplingStatus:
        """Changes what the job does from now on; what is None stays as it is.

        A job that has succeeded goes on if its stop rules change: wait() then gives its next model.

        Args:
          stop: Rules that replace those that there are; [] for none.
          strategy: As in Client.start_sampling, as the others.
          goal: What points are for.
          boxes: Their tolerance and number.
          round_fraction: Points of a round as a share of the samples known.

        Raises:
          InvalidArgumentError: Nothing to change, or options out of range.
          FailedPreconditionError: The job failed or was cancelled, or has ended and would end again
            at once.
        """
        given: dict[str, Any] = {}
        if stop is not None:
            given["stop_rules"] = _to_rules(stop)
        if strategy is not None:
            given["strategy"] = _to_strategy(strategy)
        if goal is not None:
            given["goal"] = _to_goal(goal)
        if boxes is not None:
            given["boxes"] = sampling_pb2.SamplingBoxSpec(**vars(boxes))
        if round_fraction is not None:
            given["round_fraction"] = round_fraction
        request = sampling_pb2.UpdateSamplingRequest(
            name=self.name,
            spec=sampling_pb2.SamplingChange(**given),
            update_mask=field_mask_pb2.FieldMask(paths=sorted(given)),
        )
        reply = self._connection.call(self._connection.sampling.UpdateSampling, request)
        self.job.refresh()
        return _from_sampling(reply)

    def pause(self) -> SamplingStatus:
        """Hands out no more points; those that are out may still be told."""
        return self._steer(
            self._connection.sampling.PauseSampling, sampling_pb2.PauseSamplingRequest
        )

    def resume(self) -> SamplingStatus:
        """Goes on after pause()."""
        return self._steer(
            self._connection.sampling.ResumeSampling, sampling_pb2.ResumeSamplingRequest
        )

    def stop(self) -> SamplingStatus:
        """Ends the job with a model of all that was told; wait() gives it."""
        return self._steer(self._connection.sampling.StopSampling, sampling_pb2.StopSamplingRequest)

    def cancel(self) -> None:
        """Ends the job at once. Versions that it has published stay."""
        self.job.cancel()

    def wait(self, progress: bool = True, *, timeout: float | None = None) -> Model:
        """The last model, once the job has ended; raises as Job.wait does."""
        return self.job.wait(progress, timeout=timeout)

    def model(self) -> Model:
        """The newest version so far. Raises NotFoundError before the first round."""
        rounds = self.rounds()
        if not rounds:
            raise NotFoundError(
                f"{self.name} has no model yet; wait for the first round", reason="NO_MODEL"
            )
        return Model.fetch(self._connection, rounds[-1].model_version)

    def points(self) -> list[SamplingPoint]:
        """All points, in order of id."""
        return list(self._iterate_points())

    # ---- For workers ----------------------------------------------------------------------------

    def ask(self, worker: str, count: int = 1) -> Asked:
        """Points to evaluate: those that the worker has already, then new ones, `count` in all.

        The worker has them until the job's lease runs out; asking or heartbeat() renews it. Calls
        whose answer was lost may be repeated.

        Args:
          worker: Who asks: 1 to 63 characters of [A-Za-z0-9_.-], another one for each worker.
          count: 1 to 4096.
        """
        request = sampling_pb2.AskRequest(name=self.name, worker=worker, count=count)
        reply = self._connection.persist(self._connection.sampling.Ask, request)
        return Asked(
            points=tuple(map(_from_point, reply.points)),
            jacobian=reply.jacobian,
            retry_after=reply.retry_after_seconds,
            finished=reply.finished,
            heartbeat=reply.heartbeat_seconds,
        )

    def tell(
        self,
        worker: str,
        points: Sequence[SamplingPoint],
        y: npt.ArrayLike | None = None,
        jacobian: npt.ArrayLike | None = None,
        *,
        failures: Iterable[Failure] = (),
        **labels: npt.ArrayLike | None,
    ) -> tuple[str, ...]:
        """Reports results, all of them or, raising, none; repeating a call is harmless.

        Args:
          worker: Who tells.
          points: Those that the k rows of the results belong to.
          y: [k, m]; the axis may be left out where it is 1, as in Dataset.append.
          jacobian: [k, m, n], likewise.
          failures: Evaluations without a result.
          labels: What else Dataset.append takes.

        Returns:
          For each point, then for each failure: "taken", "known" (the same was told before), "late"
          (something else was told before; that stays) or "retry" (goes back to the queue).
        """
        request = sampling_pb2.TellRequest(
            name=self.name,
            worker=worker,
            points=[point.id for point in points],
            failures=[
                sampling_pb2.TellRequest.Failure(
                    point=failure.point,
                    infeasible=failure.infeasible,
                    reason=failure.reason,
                    attempt=failure.attempt,
                )
                for failure in failures
            ],
        )
        if points:
            x = np.stack([point.x for point in points])
            given = {"x": x, "y": y, "jacobian": jacobian, **labels}
            parts = _labels.as_parts(self.schema(), given)
            request.block.CopyFrom(_labels.to_block(0, parts, slice(None)))
        reply = self._connection.persist(self._connection.sampling.Tell, request)
        outcome = sampling_pb2.TellResponse.Outcome
        return tuple(records.enum_name(outcome, number) for number in reply.outcomes)

    def heartbeat(self, worker: str) -> frozenset[int]:
        """Renews the leases of a worker; the ids of what it has.

        A point that is missing went to another worker.
        """
        request = sampling_pb2.HeartbeatRequest(name=self.name, worker=worker)
        reply = self._connection.persist(self._connection.sampling.Heartbeat, request)
        return frozenset(reply.points)

    def schema(self) -> datasets_pb2.Schema:
        """Of the dataset that gets the results."""
        if self._known_schema is None:
            request = datasets_pb2.GetDatasetRequest(name=self.job.dataset)
            reply = self._connection.persist(self._connection.datasets.GetDataset, request)
            self._known_schema = reply.schema
        return self._known_schema

    def _steer(self, method: Any, request: Any) -> SamplingStatus:
        return _from_sampling(self._connection.call(method, request(name=self.name)))

    def _iterate_points(self) -> Iterator[SamplingPoint]:
        request = sampling_pb2.ListSamplingPointsRequest(name=self.name, page_size=_PAGE)
        while True:
            page = self._connection.call(self._connection.sampling.ListSamplingPoints, request)
            yield from map(_from_point, page.points)
            if len(page.points) < _PAGE:
                return
            request.after_point = page.points[-1].id


def start(
    connection: Connection,
    dataset: Dataset | str,
    *,
    model: str,
    program: str,
    um_bridge: Iterable[str] | None,
    um_bridge_model: str,
    domain: DomainLike | None,
    inputs: Iterable[SamplingInput],
    constraints: Iterable[LinearConstraint],
    constraint_program: str,
    strategy: str | None,
    goal: SamplingGoal | None,
    boxes: SamplingBoxSpec | None,
    stop: StopRule | Iterable[StopRule],
    training: Mapping[str, Any] | None,
    request_id: str | None,
    **options: Any,
) -> Sampling:
    """What Client.start_sampling answers; `options` are fields of the spec."""
    given = {name: value for name, value in options.items() if value is not None}
    if strategy is not None:
        given["strategy"] = _to_strategy(strategy)
    if goal is not None:
        given["goal"] = _to_goal(goal)
    if training is not None:
        given["training"] = _training.to_spec(**training)
    if domain is not None:
        given["domain"] = _to_ranges(connection, dataset, domain)
    if isinstance(um_bridge, str):
        raise invalid_argument("INVALID_OPTION", "um_bridge", f"expected a list, got {um_bridge!r}")
    try:
        if um_bridge is not None:
            given["um_bridge"] = sampling_pb2.UmBridge(urls=um_bridge, model=um_bridge_model)
        if boxes is not None:
            given["boxes"] = sampling_pb2.SamplingBoxSpec(**vars(boxes))
        spec = sampling_pb2.SamplingSpec(
            dataset=dataset.name
            if isinstance(dataset, Dataset)
            else full_name("datasets", dataset),
            model_id=model,
            program=program and full_name("programs", program),
            inputs=map(_to_input, inputs),
            constraints=[
                sampling_pb2.LinearConstraint(coefficients=each.coefficients, bound=each.bound)
                for each in constraints
            ],
            constraint_program=constraint_program and full_name("programs", constraint_program),
            stop_rules=_to_rules(stop),
            **given,
        )
    except InvalidArgumentError:
        raise
    except (TypeError, ValueError) as error:
        raise invalid_argument(
            "INVALID_OPTION", "spec", f"option of the wrong type or size: {error}"
        ) from error
    request = sampling_pb2.StartSamplingRequest(
        spec=spec, request_id=request_id or str(uuid.uuid4())
    )
    return Sampling(
        connection, Job(connection, connection.call(connection.sampling.StartSampling, request))
    )


def _to_ranges(
    connection: Connection, dataset: Dataset | str, domain: DomainLike
) -> list[datasets_pb2.Range]:
    """A range for each input; what a mapping does not name is as wide as the schema allows."""
    if not isinstance(domain, Mapping):
        array = np.asarray(domain, dtype=float)
        if array.ndim != 2 or array.shape[1] != 2:
            raise invalid_argument(
                "SHAPE_MISMATCH", "domain", f"expected shape [n, 2], got {list(array.shape)}"
            )
        return [datasets_pb2.Range(min=low, max=high) for low, high in array]
    if isinstance(dataset, str):
        dataset = Dataset.fetch(connection, full_name("datasets", dataset))
    unknown = domain.keys() - {variable.name for variable in dataset.inputs}
    if unknown:
        raise invalid_argument(
            "UNKNOWN_NAME",
            f"domain[{min(unknown)}]",
            f"expected names of inputs of {dataset.name}, got {min(unknown)!r}",
        )
    ranges = []
    for variable in dataset.inputs:
        low, high = domain.get(variable.name, (variable.lower, variable.upper))
        if low is None or high is None:
            raise invalid_argument(
                "MISSING_FIELD",
                f"domain[{variable.name}]",
                "expected a range, because the schema has no bounds of this input",
            )
        ranges.append(datasets_pb2.Range(min=low, max=high))
    return ranges


def _to_rules(stop: StopRule | Iterable[StopRule]) -> list[sampling_pb2.StopRule]:
    rules = [stop] if isinstance(stop, StopRule) else stop
    return [sampling_pb2.StopRule(**vars(rule)) for rule in rules]


def _to_strategy(strategy: str) -> Any:
    return records.enum_number(sampling_pb2.SamplingSpec.Strategy, strategy, "strategy")


def _to_goal(goal: SamplingGoal) -> sampling_pb2.SamplingGoal:
    return sampling_pb2.SamplingGoal(
        kind=records.enum_number(sampling_pb2.SamplingGoal.Kind, goal.kind, "goal.kind"),
        output=goal.output,
        level=goal.level,
    )


def _to_input(given: SamplingInput) -> sampling_pb2.SamplingInput:
    message = sampling_pb2.SamplingInput
    scale = message.SCALE_LOGARITHMIC if given.logarithmic else message.SCALE_LINEAR
    made = message(input=given.name, scale=scale, integer=given.integer, fixed=given.fixed)
    measures = ("normal", "triangular", "beta", "piecewise_linear")
    chosen = [name for name in measures if getattr(given, name) is not None]
    if len(chosen) > 1:
        raise invalid_argument(
            "CONFLICT",
            f"inputs[{given.name}]",
            f"expected one measure, got {' and '.join(chosen)}",
        )
    if given.normal is not None:
        mean, deviation = given.normal
        made.normal.CopyFrom(message.Normal(mean=mean, standard_deviation=deviation))
    if given.triangular is not None:
        made.triangular.CopyFrom(message.Triangular(mode=given.triangular))
    if given.beta is not None:
        alpha, beta = given.beta
        made.beta.CopyFrom(message.Beta(alpha=alpha, beta=beta))
    if given.piecewise_linear is not None:
        positions, densities = given.piecewise_linear
        made.piecewise_linear.CopyFrom(
            message.PiecewiseLinear(positions=positions, densities=densities)
        )
    return made


def _from_sampling(message: sampling_pb2.Sampling) -> SamplingStatus:
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


def _from_point(point: sampling_pb2.SamplingPoint) -> SamplingPoint:
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
