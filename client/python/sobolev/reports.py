"""What the server tells of trainings, under way and finished, as plain immutable values."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2, progress_pb2
from sobolev.records import enum_name


@dataclass(frozen=True)
class Epoch:
    """Losses of one epoch, and errors on the held-out samples."""

    epoch: int
    value_loss: float
    gradient_loss: float
    validation_loss: float
    validation_value_relative: float
    validation_jacobian_relative: float
    learning_rate: float


@dataclass(frozen=True)
class Errors:
    """Errors on held-out samples.

    Attributes:
      value_rmse: Root mean square error of each output, in its unit; NaN of outputs without values
        among these samples, empty without any.
      value_relative: value_rmse over the output's standard deviation, over all outputs with values;
        NaN without values.
      jacobian_rmse: Of each output's Jacobian entries, standardised; NaN of outputs without, empty
        without any.
      jacobian_relative: ||J - J_label|| / ||J_label||, standardised, over all entries; NaN without
        Jacobians.
      hvp_relative: ||h - h_label|| / ||h_label|| over Hessian-vector labels, standardised; None
        without such labels.
    """

    value_rmse: tuple[float, ...]
    value_relative: float
    jacobian_rmse: tuple[float, ...]
    jacobian_relative: float
    hvp_relative: float | None = None


@dataclass(frozen=True)
class Trial:
    """One way to fit that was tried.

    Attributes:
      recipe: In words, such as "network 16-16 tanh, lbfgs 200 + lm 100, 3 directions".
      state: "running", "finished", "abandoned" (clearly worse than the best on the first part of
        the samples) or "failed" (made no model from these samples).
      validation: Errors on held-out samples, mean over the folds of a cross-validation; None if it
        was not judged.
      score: Geometric mean of the relative errors; NaN if it was not judged.
      work: Multiply-adds spent.
      iterations: Of the optimiser, after which it was best; 0 for closed forms.
    """

    recipe: str
    state: str
    validation: Errors | None
    score: float
    work: float
    iterations: int


@dataclass(frozen=True)
class ComparisonPoint:
    """The winning recipe on other labels, judged on held-out samples.

    Attributes:
      sample_count: Samples that it was fitted to.
      validation: Its errors; None if it made no model of these labels.
    """

    sample_count: int
    validation: Errors | None


@dataclass(frozen=True)
class LabelWarning:
    """Labels of d(output)/d(input) that contradict the values.

    Attributes:
      input: Name of the input.
      output: Name of the output.
      kind: "sign": the negative of what the values say; "scale": a multiple of it, as with a wrong
        unit; "swapped": the derivative by other_input; "bias": something else on average.
      factor: What the labels would have to be multiplied by to agree with the values best.
      message: In words.
      other_input: With "swapped": the name of the other input; else empty.
    """

    input: str
    output: str
    kind: str
    factor: float
    message: str
    other_input: str = ""


@dataclass(frozen=True)
class LocalTaylor:
    """Local Taylor models of what a surrogate misses at its samples.

    The shares are of the box of the samples, by the lowest order of a Taylor polynomial of the
    model around the nearest sample that is within 1% of the spread of every output.

    Attributes:
      base_kind: Kind of the surrogate; "polynomial" if the models are alone, around the means.
      order: The degree of the polynomials.
      centre_count: How many there are.
      constant_share: Of order 0, 0 to 1.
      linear_share: Of order 1.
      quadratic_share: Of order 2. What is left takes the whole model.
    """

    base_kind: str
    order: int
    centre_count: int
    constant_share: float
    linear_share: float
    quadratic_share: float


@dataclass(frozen=True)
class TrainingReport:
    """How a model version came about and how good it is.

    The last four are empty or None for a network trained with Adam alone.

    Attributes:
      job: The name of the job.
      dataset: The name of the dataset.
      dataset_version: The snapshot that was used.
      dataset_fingerprint: Its fingerprint.
      training_samples: Samples that the optimiser saw.
      validation_samples: Samples held out.
      jacobian_samples: Samples with a Jacobian among those seen.
      alpha: Weight of the value loss as used.
      beta: Weight of the gradient loss as used.
      gamma: Weight of the loss of Hessian-vector labels as used.
      seed: As used.
      epochs: Epochs run; 0 where there are none.
      best_epoch: Epoch whose weights were kept.
      stop_reason: "max_epochs", "early_stopping", "selection_done", "time_limit" or "diverged".
      rollbacks: With Adam alone: how often a number that was not finite sent the training back to
        its best epoch, to go on with a tenth of the learning rate.
      learning_rate: With Adam alone: peak of the schedule after the last of them; else 0.
      train_seconds: Wall-clock time spent computing, over all attempts.
      samples_per_second: Over the optimiser's steps; 0 where it was not measured.
      validation: Held-out errors.
      history: At most 256 epochs, evenly thinned.
      instruction_set: "sse2", "avx2" or "avx512".
      leaderboard: What was tried, by score, the best first.
      learning_curve: The winner on fewer samples, ascending.
      value_only: The winner fitted to values alone: what the derivative labels were worth.
      warnings: Derivative labels to have a look at.
    """

    job: str
    dataset: str
    dataset_version: int
    dataset_fingerprint: str
    training_samples: int
    validation_samples: int
    jacobian_samples: int
    alpha: float
    beta: float
    gamma: float
    seed: int
    epochs: int
    best_epoch: int
    stop_reason: str
    rollbacks: int
    learning_rate: float
    train_seconds: float
    samples_per_second: float
    validation: Errors
    history: tuple[Epoch, ...]
    instruction_set: str
    leaderboard: tuple[Trial, ...]
    learning_curve: tuple[ComparisonPoint, ...]
    value_only: ComparisonPoint | None
    warnings: tuple[LabelWarning, ...]

    @property
    def winner(self) -> Trial | None:
        """The trial that became the model; None without leaderboard.

        It need not have the best score: a cheaper one wins where the difference is noise.
        """
        return next(
            (
                trial
                for trial in self.leaderboard
                if trial.state == "finished" and trial.validation == self.validation
            ),
            None,
        )


@dataclass(frozen=True)
class SamplingCounts:
    """Points of a sampling job: waiting, with a worker, evaluated, without a value, given up."""

    queued: int
    leased: int
    done: int
    infeasible: int
    failed: int


@dataclass(frozen=True)
class ClosedShare:
    """Shares of the domain in boxes in which a function is simple.

    Attributes:
      constant: Where it is quasi-constant.
      linear: Quasi-linear.
      quadratic: Quasi-quadratic.
      proved: By interval arithmetic, not by samples.
    """

    constant: float
    linear: float
    quadratic: float
    proved: bool

    @property
    def total(self) -> float:
        """The share of all closed boxes."""
        return self.constant + self.linear + self.quadratic


@dataclass(frozen=True)
class SamplingBest:
    """Where an output is least or greatest, as far as is known."""

    x: tuple[float, ...]
    value: float


@dataclass(frozen=True)
class SamplingRound:
    """A model version of a sampling job, and what was known when it was made.

    Attributes:
      number: From 1.
      evaluations: Points of the job evaluated when it was trained.
      model_version: "models/.../versions/...".
      value_error: Root mean square over the domain, relative to the standard deviation of the
        values: held_out_value_error, lowered as the rounds before tell; NaN where unknown.
      gradient_error: Likewise of the Jacobian, relative to its root mean square.
      cost: Spent when it was trained.
      time: When it was published.
      value_noise: Standard deviation of the noise in the values, on the scale of value_error, of
        which it is a part; 0 where they show none.
      revision: Which of the revisions of its job it had, from 0.
      closed: Of jobs with boxes.
      best: Of jobs that look for a least or greatest value.
      samples: That it was trained on, those of the dataset included.
      held_out_value_error: As value_error, of models that did not know the samples they are judged
        by.
      held_out_gradient_error: Likewise.
      few_samples: So few that stop rules ask the errors of two rounds for a tenth of their targets.
    """

    number: int
    evaluations: int
    model_version: str
    value_error: float
    gradient_error: float
    cost: float
    time: datetime.datetime
    value_noise: float = 0
    revision: int = 0
    closed: ClosedShare | None = None
    best: SamplingBest | None = None
    samples: int = 0
    held_out_value_error: float = math.nan
    held_out_gradient_error: float = math.nan
    few_samples: bool = False


@dataclass(frozen=True)
class SamplingProgress:
    """How far a sampling job is; `round` is the latest, None before the first."""

    counts: SamplingCounts
    cost: float
    round: SamplingRound | None


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
      epoch: The latest finished one.
      epochs: Asked for; 0 where there are none, and trials instead.
      samples_per_second: Recent speed of the optimiser.
      remaining_seconds: An estimate.
      leaderboard: What was tried so far, by score, the best first.
      fraction: The share of the work that is done, 0 to 1.
      stage: What a pruning job is at, such as "retraining", whose epochs are those above; empty of
        others.
      sampling: Of a sampling job; fraction is then how far it is by its stop rules, and the other
        attributes are those of the model in training.
    """

    epoch: Epoch
    epochs: int
    samples_per_second: float
    remaining_seconds: float
    leaderboard: tuple[Trial, ...]
    fraction: float
    stage: str
    sampling: SamplingProgress | None = None


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job; pass `number` to Job.watch to go on from here."""

    number: int
    time: datetime.datetime
    state: str
    progress: Progress | None


def from_epoch(record: progress_pb2.EpochRecord) -> Epoch:
    """Epoch of a message."""
    return Epoch(
        epoch=record.epoch,
        value_loss=record.value_loss,
        gradient_loss=record.gradient_loss,
        validation_loss=record.validation_loss,
        validation_value_relative=record.validation_value_relative,
        validation_jacobian_relative=record.validation_jacobian_relative,
        learning_rate=record.learning_rate,
    )


def from_errors(errors: progress_pb2.ErrorReport) -> Errors:
    """Errors of a message."""
    return Errors(
        value_rmse=tuple(errors.value_rmse),
        value_relative=errors.value_relative,
        jacobian_rmse=tuple(errors.jacobian_rmse),
        jacobian_relative=errors.jacobian_relative,
        hvp_relative=errors.hvp_relative if errors.HasField("hvp_relative") else None,
    )


def _judged(errors: progress_pb2.ErrorReport) -> Errors | None:
    """Errors of a message, which has none of any output if nothing was judged."""
    return from_errors(errors) if errors.value_rmse or errors.jacobian_rmse else None


def from_trials(trials: Iterable[progress_pb2.Trial]) -> tuple[Trial, ...]:
    """Trials of messages."""
    return tuple(
        Trial(
            recipe=trial.recipe,
            state=enum_name(progress_pb2.Trial.State, trial.state),
            validation=_judged(trial.validation),
            score=trial.score if _judged(trial.validation) else math.nan,
            work=trial.work,
            iterations=trial.iterations,
        )
        for trial in trials
    )


def from_comparison(point: models_pb2.ComparisonPoint) -> ComparisonPoint:
    """ComparisonPoint of a message."""
    return ComparisonPoint(point.sample_count, _judged(point.validation))


def from_warning(warning: datasets_pb2.LabelWarning) -> LabelWarning:
    """LabelWarning of a message."""
    return LabelWarning(
        input=warning.input,
        output=warning.output,
        kind=enum_name(datasets_pb2.LabelWarning.Kind, warning.kind),
        factor=warning.factor,
        message=warning.message,
        other_input=warning.other_input,
    )


def from_local_taylor(message: models_pb2.LocalTaylor) -> LocalTaylor:
    """LocalTaylor of a message."""
    return LocalTaylor(
        base_kind=enum_name(models_pb2.ModelVersion.Kind, message.base_kind),
        order=message.order,
        centre_count=message.centre_count,
        constant_share=message.constant_share,
        linear_share=message.linear_share,
        quadratic_share=message.quadratic_share,
    )


def from_report(report: models_pb2.TrainingReport) -> TrainingReport:
    """TrainingReport of a message."""
    return TrainingReport(
        job=report.job,
        dataset=report.dataset,
        dataset_version=report.dataset_version,
        dataset_fingerprint=report.dataset_fingerprint,
        training_samples=report.training_samples,
        validation_samples=report.validation_samples,
        jacobian_samples=report.jacobian_samples,
        alpha=report.alpha,
        beta=report.beta,
        gamma=report.gamma,
        seed=report.seed,
        epochs=report.epochs,
        best_epoch=report.best_epoch,
        stop_reason=enum_name(models_pb2.TrainingReport.StopReason, report.stop_reason),
        rollbacks=report.rollbacks,
        learning_rate=report.learning_rate,
        train_seconds=report.train_seconds,
        samples_per_second=report.samples_per_second,
        validation=from_errors(report.validation),
        history=tuple(map(from_epoch, report.history)),
        instruction_set=report.instruction_set,
        leaderboard=from_trials(report.leaderboard),
        learning_curve=tuple(map(from_comparison, report.learning_curve)),
        value_only=from_comparison(report.value_only) if report.HasField("value_only") else None,
        warnings=tuple(map(from_warning, report.warnings)),
    )


def from_time(time: Any) -> datetime.datetime:
    """A Timestamp message, in UTC."""
    moment: datetime.datetime = time.ToDatetime()
    return moment.replace(tzinfo=datetime.timezone.utc)


def from_counts(counts: jobs_pb2.SamplingCounts) -> SamplingCounts:
    """SamplingCounts of a message."""
    return SamplingCounts(
        queued=counts.queued,
        leased=counts.leased,
        done=counts.done,
        infeasible=counts.infeasible,
        failed=counts.failed,
    )


def from_closed(message: jobs_pb2.ClosedShare) -> ClosedShare:
    """ClosedShare of a message."""
    return ClosedShare(message.constant, message.linear, message.quadratic, message.proved)


def from_best(message: jobs_pb2.SamplingBest) -> SamplingBest:
    """SamplingBest of a message."""
    return SamplingBest(tuple(message.x), message.value)


def from_round(message: jobs_pb2.SamplingRound) -> SamplingRound:
    """SamplingRound of a message."""
    return SamplingRound(
        number=message.number,
        evaluations=message.evaluations,
        model_version=message.model_version,
        value_error=message.value_error,
        gradient_error=message.gradient_error,
        cost=message.cost,
        time=from_time(message.time),
        value_noise=message.value_noise,
        samples=message.samples,
        held_out_value_error=message.held_out_value_error,
        held_out_gradient_error=message.held_out_gradient_error,
        few_samples=message.few_samples,
        revision=message.revision,
        closed=from_closed(message.closed) if message.HasField("closed") else None,
        best=from_best(message.best) if message.HasField("best") else None,
    )


def _from_sampling(sampling: jobs_pb2.SamplingProgress) -> SamplingProgress:
    return SamplingProgress(
        counts=from_counts(sampling.counts),
        cost=sampling.cost,
        round=from_round(sampling.round) if sampling.HasField("round") else None,
    )


def from_progress(progress: jobs_pb2.TrainingProgress) -> Progress:
    """Progress of a message."""
    return Progress(
        epoch=from_epoch(progress.epoch),
        epochs=progress.epochs,
        samples_per_second=progress.samples_per_second,
        remaining_seconds=progress.remaining_seconds,
        leaderboard=from_trials(progress.leaderboard),
        fraction=progress.fraction,
        stage=progress.stage,
        sampling=_from_sampling(progress.sampling) if progress.HasField("sampling") else None,
    )


def from_event(event: jobs_pb2.JobEvent) -> JobEvent:
    """JobEvent of a message."""
    return JobEvent(
        number=event.number,
        time=from_time(event.time),
        state=enum_name(jobs_pb2.Job.State, event.state),
        progress=from_progress(event.progress) if event.HasField("progress") else None,
    )
