"""Jobs: follow a training or pruning, wait for its model, stop it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

from tqdm.auto import tqdm

from sobolev import errors, records, reports
from sobolev._connection import Connection
from sobolev._stubs import jobs_pb2
from sobolev.model import Model

_TERMINAL = ("succeeded", "failed", "cancelled")


class Job:
    """A unit of work on the server, which goes on whether or not anybody watches.

    The attributes are those at the time of the last answer; refresh() asks again. Thread-safe.
    """

    def __init__(self, connection: Connection, message: jobs_pb2.Job) -> None:
        self._connection = connection
        self._message = message
        self._has_warned = False

    @property
    def name(self) -> str:
        """The resource name, "jobs/...". Its last part is what Client.job takes."""
        return self._message.name

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self._message.name.rpartition("/")[2]

    @property
    def state(self) -> str:
        """One of "queued", "running", "succeeded", "failed" and "cancelled"."""
        return records.enum_name(jobs_pb2.Job.State, self._message.state)

    @property
    def is_done(self) -> bool:
        """Whether the job has ended, one way or another."""
        return self.state in _TERMINAL

    @property
    def attempt(self) -> int:
        """How often it was started: more than 1 after a restart of the server."""
        return self._message.attempt

    @property
    def kind(self) -> str:
        """One of "train" and "prune"."""
        return records.enum_name(jobs_pb2.Job.Kind, self._message.kind)

    @property
    def dataset(self) -> str:
        """The name of the dataset that it reads; empty if it reads none."""
        return self._message.dataset

    @property
    def model(self) -> str:
        """The name of the model, and once succeeded of the version that the job made."""
        return self._message.model

    @property
    def source_model(self) -> str:
        """Of kind "prune": the name of the version that is pruned."""
        return self._message.source_model

    @property
    def progress(self) -> reports.Progress | None:
        """Latest progress; None before the first epoch or trial."""
        if not self._message.HasField("progress"):
            return None
        return reports.from_progress(self._message.progress)

    def __repr__(self) -> str:
        return f"Job({self.id!r}, state={self.state!r}, model={self.model!r})"

    def refresh(self) -> Job:
        """Asks the server for the present attributes; returns this object."""
        self._message = self._connection.call(
            self._connection.jobs.GetJob, jobs_pb2.GetJobRequest(name=self.name)
        )
        return self

    def cancel(self) -> None:
        """Asks the job to stop. A finished job is left as it is."""
        self._message = self._connection.call(
            self._connection.jobs.CancelJob, jobs_pb2.CancelJobRequest(name=self.name)
        )

    def watch(self, after: int = 0, *, timeout: float | None = None) -> Iterator[reports.JobEvent]:
        """The job's events, past ones first, up to the one that ends it.

        A connection that breaks, or a server that restarts, is taken up where it stopped, for as
        long as Client's timeout passes without an answer.

        Args:
          after: Only events with a greater number.
          timeout: Seconds for all of it; None waits for ever.

        Raises:
          DeadlineExceededError: The timeout passed; the job goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        last = after

        def open_call() -> Any:
            return self._connection.jobs.WatchJob(
                jobs_pb2.WatchJobRequest(name=self.name, after_event=last),
                timeout=None if end is None else max(0.0, end - time.monotonic()),
            )

        for response in self._connection.stream(open_call):
            last = response.event.number
            if response.HasField("job"):
                self._message = response.job
            yield reports.from_event(response.event)

    def wait(self, progress: bool = True, *, timeout: float | None = None) -> Model:
        """The trained model, once the job has succeeded.

        Warns, once, with SuspectLabelsWarning of each derivative whose labels contradict the values
        (TrainingReport.warnings).

        Args:
          progress: Show a progress bar with the losses, or with the best of what was tried.
          timeout: Seconds to wait; None waits for ever.

        Raises:
          JobFailedError: The job failed; reason and message say why.
          JobCancelledError: The job was cancelled.
          DeadlineExceededError: The timeout passed; the job goes on.
        """
        with tqdm(unit="epoch", desc=self.id, disable=not progress) as bar:
            for event in self.watch(timeout=timeout):
                if event.progress is not None:
                    _show(event.progress, bar)
        if not self.is_done:
            self.refresh()
        if self.state == "failed":
            error = self._message.error
            raise errors.JobFailedError(f"{self.name}: {error.message}", reason=error.reason)
        if self.state == "cancelled":
            raise errors.JobCancelledError(f"{self.name} was cancelled", reason="CANCELLED")
        model = Model.fetch(self._connection, self.model)
        if not self._has_warned:
            self._has_warned = True
            for warning in model.report.warnings:
                warnings.warn(warning.message, errors.SuspectLabelsWarning, stacklevel=2)
        return model


def _show(progress: reports.Progress, bar: Any) -> None:
    """Moves the bar to where the job is: by epochs, or where there are none by percent."""
    if progress.sampling is not None:
        bar.unit = " evaluations"
        bar.set_postfix_str(_describe_sampling(progress.sampling), refresh=False)
        bar.update(progress.sampling.counts.done - bar.n)
        return
    if progress.epochs > 0 and not progress.stage:
        done = progress.epoch.epoch
        bar.total = progress.epochs
    else:
        done = round(100 * progress.fraction)
        bar.total = 100
        bar.unit = "%"
    bar.set_postfix_str(_describe(progress), refresh=False)
    bar.update(done - bar.n)


def _describe(progress: reports.Progress) -> str:
    if progress.stage:
        return progress.stage
    if progress.epochs == 0:
        return _describe_trials(progress.leaderboard)
    epoch = progress.epoch
    text = f"value {epoch.value_loss:.3g}"
    if epoch.gradient_loss > 0:
        text += f", gradient {epoch.gradient_loss:.3g}"
    return (
        f"{text}, validation {epoch.validation_loss:.3g}, "
        f"{progress.samples_per_second:.3g} samples/s"
    )


def _describe_sampling(sampling: reports.SamplingProgress) -> str:
    counts = sampling.counts
    text = f"{counts.leased} with workers"
    if counts.infeasible + counts.failed > 0:
        text += f", {counts.infeasible} infeasible, {counts.failed} failed"
    if sampling.round is not None:
        last = sampling.round
        text += f", round {last.number}: value error {last.value_error:.3%}"
        if last.closed is not None:
            text += f", closed {last.closed.total:.1%}"
        if last.best is not None:
            text += f", best value {last.best.value:.6g}"
    return text


def _describe_trials(trials: tuple[reports.Trial, ...]) -> str:
    text = f"{len(trials)} tried"
    if trials and trials[0].state == "finished" and trials[0].validation is not None:
        best = trials[0].validation
        errors = []
        if best.value_rmse:
            errors.append(f"value {best.value_relative:.3%}")
        if best.jacobian_rmse:
            errors.append(f"Jacobian {best.jacobian_relative:.3%}")
        text += f", best {trials[0].recipe}: {', '.join(errors)}"
    return text
