"""Sampling jobs: which points an expensive function is evaluated at next, and what came of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import field_mask_pb2

from sobolev import _labels, records, reports, sampling_spec, sampling_status
from sobolev._connection import Connection
from sobolev._stubs import datasets_pb2, jobs_pb2, sampling_pb2
from sobolev.errors import NotFoundError
from sobolev.job import Job
from sobolev.model import Model
from sobolev.sampling_spec import (
    DomainLike,
    LinearConstraint,
    SamplingBoxSpec,
    SamplingGoal,
    SamplingInput,
    StopRule,
)
from sobolev.sampling_status import (
    SamplingBox,
    SamplingBoxes,
    SamplingPoint,
    SamplingRevision,
    SamplingStatus,
)

__all__ = [
    "Asked",
    "DomainLike",
    "Failure",
    "LinearConstraint",
    "Sampling",
    "SamplingBox",
    "SamplingBoxSpec",
    "SamplingBoxes",
    "SamplingGoal",
    "SamplingInput",
    "SamplingPoint",
    "SamplingRevision",
    "SamplingStatus",
    "StopRule",
    "start",
]

_PAGE = 10_000


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
        return sampling_status.from_boxes(reply)

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
        given = sampling_spec.to_change(
            stop=stop,
            strategy=strategy,
            goal=goal,
            boxes=boxes,
            round_fraction=round_fraction,
        )
        request = sampling_pb2.UpdateSamplingRequest(
            name=self.name,
            spec=sampling_pb2.SamplingChange(**given),
            update_mask=field_mask_pb2.FieldMask(paths=sorted(given)),
        )
        reply = self._connection.call(self._connection.sampling.UpdateSampling, request)
        self.job.refresh()
        return sampling_status.from_sampling(reply)

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
            points=tuple(map(sampling_status.from_point, reply.points)),
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
        return sampling_status.from_sampling(self._connection.call(method, request(name=self.name)))

    def _iterate_points(self) -> Iterator[SamplingPoint]:
        request = sampling_pb2.ListSamplingPointsRequest(name=self.name, page_size=_PAGE)
        while True:
            page = self._connection.call(self._connection.sampling.ListSamplingPoints, request)
            yield from map(sampling_status.from_point, page.points)
            if len(page.points) < _PAGE:
                return
            request.after_point = page.points[-1].id


def start(
    connection: Connection, spec: sampling_pb2.SamplingSpec, request_id: str | None
) -> Sampling:
    """Starts the job that the spec describes."""
    request = sampling_pb2.StartSamplingRequest(
        spec=spec, request_id=request_id or str(uuid.uuid4())
    )
    message = connection.call(connection.sampling.StartSampling, request)
    return Sampling(connection, Job(connection, message))
