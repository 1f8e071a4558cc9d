"""The calls of a client that sample expensive functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from sobolev import sampling_spec
from sobolev._connection import Connection, full_name
from sobolev.dataset import Dataset
from sobolev.program import Program
from sobolev.sampling import Sampling, start
from sobolev.sampling_spec import (
    DomainLike,
    LinearConstraint,
    SamplingBoxSpec,
    SamplingGoal,
    SamplingInput,
    StopRule,
)
from sobolev.worker import Function, Worker, WorkSummary


class SamplingCalls:
    """What Client does to start sampling jobs, and to work for them."""

    _connection: Connection

    def start_sampling(
        self,
        dataset: Dataset | str,
        *,
        model: str = "",
        program: Program | str | None = None,
        um_bridge: Iterable[str] | None = None,
        um_bridge_model: str = "",
        domain: DomainLike | None = None,
        inputs: Iterable[SamplingInput] = (),
        constraints: Iterable[LinearConstraint] = (),
        constraint_program: Program | str | None = None,
        stop: StopRule | Iterable[StopRule] = (),
        strategy: str | None = None,
        goal: SamplingGoal | None = None,
        boxes: SamplingBoxSpec | None = None,
        initial_points: int | None = None,
        round_fraction: float | None = None,
        jacobian: bool | None = None,
        value_cost: float | None = None,
        jacobian_cost: float | None = None,
        lease_seconds: float | None = None,
        max_attempts: int | None = None,
        seed: int | None = None,
        training: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Sampling:
        """Starts a job that decides where an expensive function is evaluated next.

        The server evaluates the function itself if it is a program, or has UM-Bridge servers
        evaluate it; else it hands the points to workers: see worker() and work(). Options left at
        None take the server's defaults.

        Args:
          dataset: Gets the results, round by round; its schema names inputs and outputs of the
            function. Samples that it has already count from the start.
          model: Gets the versions, made if missing. Empty: the server chooses.
          program: The function, if the server is to evaluate it.
          um_bridge: "http://host:port" of servers of the function, each of which gets a point at a
            time; the Sobolev server must allow these hosts.
          um_bridge_model: Its name there. Default "forward".
          domain: The box to sample, [n, 2], or ranges by name of the input. Default: the bounds of
            the dataset's inputs.
          inputs: How some are sampled: on which scale, whole numbers, a fixed value, where their
            values matter.
          constraints: All points meet all of these.
          constraint_program: Points are feasible where all of its outputs are <= 0.
          stop: The job ends as soon as one of these rules holds. None: stop() or cancel() ends it.
          strategy: "adaptive" (default), "space_filling" or "lola_voronoi": in cells of samples
            that are large or around which the function is far from its tangent.
          goal: What points are for. Default: a surrogate that is good everywhere.
          boxes: How the domain is cut into boxes in which the function is simple. Default: by the
            defaults, if at most 3 inputs vary.
          initial_points: Spread evenly before the first model. Default 4 + 4 n.
          round_fraction: Points of a round as a share of the samples known. Default 1 / 8.
          jacobian: Whether workers are to tell the Jacobian. Default True.
          value_cost: What an evaluation costs, in any unit. Default 1.
          jacobian_cost: What the Jacobian costs on top. Default 1.
          lease_seconds: How long a worker may keep a point without a sign of life. Default 600.
          max_attempts: How often a point is handed out before it is given up. Default 3.
          seed: Of the points. Default 1.
          training: How versions are trained: options of train() from `kind` on. Default:
            kind="auto" with effort=1.
          request_id: Repeating a call with the same id returns the first call's job. Default: a
            new one.

        Raises:
          InvalidArgumentError: Options out of range, no domain.
          NotFoundError: The dataset or the program does not exist.
          FailedPreconditionError: Their sizes disagree, or a host is not allowed.
        """
        spec = sampling_spec.to_spec(
            self._connection,
            dataset,
            model=model,
            program=program.name if isinstance(program, Program) else program or "",
            um_bridge=um_bridge,
            um_bridge_model=um_bridge_model,
            domain=domain,
            inputs=inputs,
            constraints=constraints,
            constraint_program=(
                constraint_program.name
                if isinstance(constraint_program, Program)
                else constraint_program or ""
            ),
            strategy=strategy,
            goal=goal,
            boxes=boxes,
            stop=stop,
            training=training,
            initial_points=initial_points,
            round_fraction=round_fraction,
            jacobian=jacobian,
            value_cost=value_cost,
            jacobian_cost=jacobian_cost,
            lease_seconds=lease_seconds,
            max_attempts=max_attempts,
            seed=seed,
        )
        return start(self._connection, spec, request_id)

    def sampling(self, name: str) -> Sampling:
        """An existing sampling job.

        Raises NotFoundError, and FailedPreconditionError if it is a job of another kind.
        """
        return Sampling.fetch(self._connection, full_name("jobs", name))

    def worker(
        self, job: Sampling | str, *, parallel: int = 1, name: str | None = None
    ) -> Callable[[Function], Worker]:
        """Makes a worker of a sampling job of a function: a decorator.

            @client.worker(job, parallel=8)
            def simulate(x):
                ...
                return y, jacobian

            simulate.run()

        The function takes x [n] and returns y, a number or [m], or the tuple (y, Jacobian) with the
        Jacobian [m, n], or [n] if m = 1. It raises sobolev.Infeasible, or returns NaN, where it has
        no value; other exceptions are failures, which are tried again.

        Args:
          job: The sampling job or its name.
          parallel: Evaluations at once, each in a thread.
          name: Of the worker: 1 to 63 characters of [A-Za-z0-9_.-], another one for each. Default:
            made from host and process.
        """
        sampling = self.sampling(job) if isinstance(job, str) else job
        return lambda function: Worker(sampling, function, parallel, name)

    def work(
        self,
        job: Sampling | str,
        function: Function,
        *,
        parallel: int = 1,
        name: str | None = None,
    ) -> WorkSummary:
        """Evaluates points of a sampling job with a function, as worker() does, until it ends."""
        return self.worker(job, parallel=parallel, name=name)(function).run()
