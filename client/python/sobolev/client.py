"""The entry point: a connection to a server."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _training, pipelines, pruning, records, sampling
from sobolev._connection import Connection, Security, full_name
from sobolev._stubs import datasets_pb2, jobs_pb2, models_pb2, programs_pb2
from sobolev.dataset import Dataset
from sobolev.errors import NotFoundError, invalid_argument
from sobolev.job import Job
from sobolev.model import Model
from sobolev.program import Program
from sobolev.sampling import (
    DomainLike,
    LinearConstraint,
    Sampling,
    SamplingBoxSpec,
    SamplingGoal,
    SamplingInput,
    StopRule,
)
from sobolev.worker import Function, Worker, WorkSummary


class Client:
    """A connection to a Sobolev server. Thread-safe; a context manager.

    Names may be given whole ("models/m/versions/3") or without the collection ("m/versions/3").
    Every method raises SobolevError: UnavailableError if no server answers, after a few retries,
    and DeadlineExceededError if the answer takes longer than the timeout.
    """

    def __init__(
        self,
        target: str = "localhost:50551",
        *,
        timeout: float = 60.0,
        tls: bool = False,
        ca: str | os.PathLike[str] | None = None,
        cert: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        token: str | None = None,
    ) -> None:
        """Connects on first use.

        Args:
          target: "host:port".
          timeout: Seconds for each call. Uploads and waiting for jobs may take longer; they end
            when the connection is broken for this long.
          tls: Whether to encrypt; any of the files below does so, too. The server's certificate
            must name the host of the target.
          ca: PEM file with the certificates of the authorities to trust, instead of grpc's own.
          cert: PEM file with our certificate, for servers that ask for one.
          key: PEM file with its private key.
          token: Sent with each call, for servers that ask for a login. Whoever sees it can use it:
            without TLS, that is everyone on the way.
        """
        self._connection = Connection(target, timeout, Security(tls, ca, cert, key, token))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.target!r})"

    def close(self) -> None:
        """Closes the connection. Jobs on the server go on."""
        self._connection.close()

    # ---- Datasets -------------------------------------------------------------------------------

    def create_dataset(
        self,
        name: str,
        inputs: Sequence[records.VariableLike],
        outputs: Sequence[records.VariableLike],
        *,
        allow_missing_derivatives: bool = False,
    ) -> Dataset:
        """A new, empty dataset, or the existing one if it has the same inputs and outputs.

        NaN is refused in samples, unless it stands for a missing value of an output with
        Variable.allow_missing, or for a missing derivative and allow_missing_derivatives is set.

        Raises AlreadyExistsError if the name is taken by other inputs and outputs.
        """
        return Dataset.create(self._connection, name, inputs, outputs, allow_missing_derivatives)

    def dataset(self, name: str) -> Dataset:
        """An existing dataset. Raises NotFoundError."""
        return Dataset.fetch(self._connection, full_name("datasets", name))

    def datasets(self) -> list[Dataset]:
        """All datasets, in order of name."""
        pages = self._connection.pages(
            self._connection.datasets.ListDatasets, datasets_pb2.ListDatasetsRequest()
        )
        return [Dataset(self._connection, message) for page in pages for message in page.datasets]

    # ---- Training -------------------------------------------------------------------------------

    def train(
        self,
        x: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        *,
        jacobian: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
        dataset: Dataset | str | None = None,
        dataset_version: int = 0,
        model: str = "",
        kind: str | None = None,
        optimizer: str | None = None,
        effort: float | None = None,
        time_limit: float | None = None,
        ensemble_size: int | None = None,
        hidden: Iterable[int] | None = None,
        activation: str | None = None,
        skip: bool | None = None,
        residual: bool | None = None,
        monotone: Mapping[str, str] | None = None,
        convexity: str | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        gamma: float | None = None,
        derivative_scale: str | None = None,
        output_weights: Iterable[float] | None = None,
        derivative_weights: npt.ArrayLike | None = None,
        huber: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        seed: int | None = None,
        precision: str | None = None,
        derivative_sketch: int | None = None,
        periods: Mapping[str, float] | None = None,
        harmonics: Mapping[str, int] | None = None,
        log_inputs: Iterable[str] | None = None,
        feature_degree: int | None = None,
        lower: Mapping[str, float] | None = None,
        upper: Mapping[str, float] | None = None,
        log_outputs: Iterable[str] | None = None,
        extrapolation: str | None = None,
        taylor_base: str | None = None,
        taylor_order: int | None = None,
        request_id: str | None = None,
    ) -> Job:
        """Starts training a new version of a model; Job.wait gives the model.

        Unless told what to fit, the server tries polynomials, Gaussian processes and networks, and
        takes what predicts held-out values and derivatives best; Model.report says what was tried.

        The loss is alpha * l_value + beta * l_gradient + gamma * l_curvature, all scaled to be
        comparable. Options left at None take the server's defaults.

        Args:
          x: Samples [N, n] or [N], to be uploaded; a DataFrame's columns name the inputs. The same
            samples are uploaded once, however often they are trained on.
          y: Values [N, m] or [N]; a DataFrame's columns name the outputs.
          jacobian: dy/dx at the samples, [N, m, n]; the axis of outputs or inputs may be left out
            where it is 1.
          weight: [N], each > 0.
          dataset: Instead of x and y: a dataset that is on the server.
          dataset_version: The snapshot of `dataset` to train on; 0 for the current one.
          model: The model that gets the new version, made if missing. Empty: the server chooses.
          kind: "auto", "network", "polynomial", "gaussian_process" or "local_taylor". Default
            "local_taylor" if an option of that is given (taylor_base, taylor_order), else
            "network" if an option of networks is given (hidden, activation, skip, residual,
            optimizer, derivative_scale, derivative_sketch, epochs, batch_size, learning_rate,
            patience, precision), else "auto".
          optimizer: Of a network: "adam" (default), "levenberg_marquardt" (far more accurate on
            smooth functions, for up to some thousand weights, at most 100000), "hybrid", one after
            the other, or "lbfgs" (as "levenberg_marquardt", slower, for more weights). All but
            "adam" take hidden, activation, skip, residual and derivative_scale, and no other option
            of networks.
          effort: Of "auto": work to spend, about in seconds of one core. Default 30. The same
            effort gives the same model.
          time_limit: Seconds of computing after which the best so far is taken. Default: none.
            A single network stops within about a second ("adam": after its first epoch), an
            ensemble keeps the members that are finished; polynomials and Gaussian processes run to
            their end.
          ensemble_size: Networks from so many starts whose mean is predicted; they also tell the
            spread. Default 1. Not with "adam", polynomials and Gaussian processes.
          hidden: Width of each hidden layer. Default (20, 20, 20, 20) with "adam", (20, 20) with
            "hybrid", else (16, 16).
          activation: "softplus" (default with "adam"), "tanh" (default else), "silu", "gelu" or
            "sin".
          skip: Every layer after the first also sees the inputs. Default False, or True with
            `convexity`.
          residual: A hidden layer as wide as the one before is added to that; there must be such a
            layer. Default False.
          monotone: By name of the input "increasing" or "decreasing": what the model does by
            construction, whatever the labels say. Of "auto" and of networks with "tanh" or
            "softplus". Inputs of arrays are named "x0", "x1", ... Not with feature_degree, nor with
            a period of the same input.
          convexity: "convex" or "concave": the model's shape as a function of all inputs, likewise.
            Of "auto" and of networks with "softplus". Not with anything from periods to
            extrapolation below.
          alpha: Weight of the value loss. Default 1 / (1 + n), or 1 without Jacobians.
          beta: Weight of the gradient loss. Default n / (1 + n), or 0 without Jacobians.
          gamma: Weight of the loss of Hessian-vector labels. Default 0 without such labels; with
            them alpha : beta : gamma = 1 : n : n / 10. "adam" leaves such labels out unless gamma
            is given, Gaussian processes always.
          derivative_scale: "balanced" (default of "adam"), "per_output" (default else) or
            "per_input": how Jacobian entries are made comparable.
          output_weights: [m], factors of the squared errors of outputs. Default all 1. Not with
            "adam", as the next two.
          derivative_weights: [m, n], further factors of those of Jacobian entries; 0 leaves a
            derivative out; not all 0. Default all 1.
          huber: Robust standard deviations beyond which errors of labels count less; 1.345 is usual
            where there are outliers. Default: all squared errors count alike.
          epochs: Passes over the samples.
          batch_size: Samples in a step of the optimiser.
          learning_rate: Peak of the one-cycle schedule.
          validation_fraction: Share of the samples held out. Default 0.1.
          patience: Epochs without improvement after which to stop; 0: never.
          seed: The same seed, samples and options give the same weights. Default 1.
          precision: "float32" (default) or "float64", of the training; models are served in
            float64.
          derivative_sketch: With "adam": fit, in each step, the derivatives of so many outputs,
            drawn anew for every sample, instead of all; 0: all. Default: 0 for up to 16 outputs,
            else 4.
          periods: Of inputs by name: after how much the function repeats; so does the model.
          harmonics: Of inputs with a period: sines and cosines of so many multiples of the
            frequency, 1 to 8. Default 1.
          log_inputs: Names of positive inputs of which the model sees the logarithm.
          feature_degree: Products and powers of inputs up to this degree, 1 to 4, are inputs of the
            model as well. Default 1: none.
          lower: Of outputs by name: bounds that predictions stay above, as do all samples. With
            bounds or logarithms, derivatives of an output are used only where the same sample has
            its value.
          upper: The same for bounds that predictions stay below.
          log_outputs: Names of outputs whose logarithm (above `lower`, else 0) is fitted: for
            values over several decades.
          extrapolation: "own" (default), "constant" or "linear": how the model goes on outside the
            box of the samples. Linear is what is fitted: outputs among log_outputs go on
            exponentially, and bounds are kept.
          taylor_base: Of "local_taylor": "network" (default; with options of networks, but not
            "adam"), "polynomial", or "constant" for local Taylor models alone.
          taylor_order: Of "local_taylor": degree, 1 to 3, of the Taylor polynomials, around every
            sample, of what the base misses there. Default: by held-out error.
          request_id: Repeating a call with the same id returns the first call's job. Default: a
            new one.

        Raises:
          InvalidArgumentError: Wrong shape, NaN or infinity, options out of range.
          FailedPreconditionError: Too few samples.
        """
        spec = _training.to_spec(
            kind=kind,
            optimizer=optimizer,
            effort=effort,
            time_limit=time_limit,
            ensemble_size=ensemble_size,
            hidden=hidden,
            activation=activation,
            skip=skip,
            residual=residual,
            monotone=monotone,
            convexity=convexity,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
            derivative_scale=derivative_scale,
            output_weights=output_weights,
            derivative_weights=derivative_weights,
            huber=huber,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_fraction=validation_fraction,
            patience=patience,
            seed=seed,
            precision=precision,
            derivative_sketch=derivative_sketch,
            periods=periods,
            harmonics=harmonics,
            log_inputs=log_inputs,
            feature_degree=feature_degree,
            lower=lower,
            upper=upper,
            log_outputs=log_outputs,
            extrapolation=extrapolation,
            taylor_base=taylor_base,
            taylor_order=taylor_order,
        )
        if dataset is None:
            if x is None or y is None:
                raise invalid_argument("MISSING_FIELD", "x", "expected x and y, or a dataset")
            dataset = self._upload(x, y, jacobian, weight)
            dataset_version = 1  # Whatever anybody adds later.
        elif not (x is None and y is None and jacobian is None and weight is None):
            raise invalid_argument(
                "CONFLICT",
                "dataset",
                "expected either arrays or a dataset, got both; "
                "Dataset.append adds samples to a dataset",
            )
        return _training.start(
            self._connection,
            dataset.name if isinstance(dataset, Dataset) else full_name("datasets", dataset),
            dataset_version=dataset_version,
            model=model,
            request_id=request_id,
            spec=spec,
        )

    def _upload(self, x: Any, y: Any, jacobian: Any, weight: Any) -> Dataset:
        """The dataset of these samples, whose name tells its content; uploaded unless it exists."""
        arrays = [_arrays.as_samples(x, "x"), _arrays.as_samples(y, "y")]
        n = arrays[0].shape[1]
        m = arrays[1].shape[1]
        inputs = _arrays.column_names(x) or [f"x{j}" for j in range(n)]
        outputs = _arrays.column_names(y) or [f"y{i}" for i in range(m)]
        if jacobian is not None:
            arrays.append(_arrays.as_jacobian(jacobian, len(arrays[0]), m, n))
        if weight is not None:
            arrays.append(_arrays.as_weight(weight, len(arrays[0])))
        digest = hashlib.sha256(repr((inputs, outputs)).encode())
        for array in arrays:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        upload_id = digest.hexdigest()[:32]
        dataset = self.create_dataset(f"samples-{upload_id}", inputs, outputs)
        if dataset.version == 0:
            dataset.append(arrays[0], arrays[1], jacobian, weight, upload_id=upload_id)
        return dataset

    # ---- Jobs and models ------------------------------------------------------------------------

    def job(self, name: str) -> Job:
        """An existing job. Raises NotFoundError."""
        request = jobs_pb2.GetJobRequest(name=full_name("jobs", name))
        return Job(self._connection, self._connection.call(self._connection.jobs.GetJob, request))

    def jobs(self) -> list[Job]:
        """All jobs, newest first."""
        pages = self._connection.pages(self._connection.jobs.ListJobs, jobs_pb2.ListJobsRequest())
        return [Job(self._connection, message) for page in pages for message in page.jobs]

    def model(self, name: str) -> Model:
        """The version "m/versions/3", or the newest version of "m" as of now.

        Versions never change: call again to see a newer one. Raises NotFoundError.
        """
        return Model.fetch(self._connection, full_name("models", name))

    def models(self) -> list[Model]:
        """The newest version of each model, in order of name."""
        pages = self._connection.pages(
            self._connection.models.ListModels, models_pb2.ListModelsRequest()
        )
        return [
            Model(self._connection, message.latest_version)
            for page in pages
            for message in page.models
        ]

    def model_versions(self, name: str) -> list[Model]:
        """All versions of a model, oldest first. Raises NotFoundError."""
        request = models_pb2.ListModelVersionsRequest(parent=full_name("models", name))
        pages = self._connection.pages(self._connection.models.ListModelVersions, request)
        return [
            Model(self._connection, message) for page in pages for message in page.model_versions
        ]

    def delete_model(self, name: str) -> None:
        """Deletes a model with all its versions. Predictions under way finish undisturbed."""
        request = models_pb2.DeleteModelRequest(name=full_name("models", name))
        self._connection.call(self._connection.models.DeleteModel, request)

    def create_pipeline(
        self,
        name: str,
        stages: Iterable[pipelines.StageLike],
        *,
        outputs: Iterable[str] = (),
    ) -> Model:
        """A model composed of models and programs, differentiated through the whole chain.

        It copies its parts, so that deleting one changes nothing. Repeating the call returns the
        newest version if it is the same function, and adds a version otherwise.

        Args:
          name: The model that gets the version, made if missing.
          stages: 1 to 64, in order of evaluation: a Model, a Program, "models/wing",
            "programs/lift", or a Stage with a name of its own and sources of its inputs.
          outputs: "stage.output", the name of an output (of the latest stage that has it), or of an
            input to hand through. Default: those of the last stage.

        Raises:
          InvalidArgumentError: Names that nothing has, sizes.
          NotFoundError: A stage that does not exist.
          AlreadyExistsError: The model was trained.
        """
        request = pipelines.to_request(name, stages, outputs)
        message = self._connection.call(self._connection.models.CreatePipeline, request)
        return Model(self._connection, message)

    def prune(
        self,
        model: Model | str,
        *,
        fraction: float | None = None,
        parameters: int | None = None,
        multiply_adds: int | None = None,
        value_error: float | None = None,
        jacobian_error: float | None = None,
        input_threshold: float | None = None,
        parts: str | None = None,
        rule: str | None = None,
        compensation: str | None = None,
        box: npt.ArrayLike | None = None,
        retrain: bool = False,
        dataset: Dataset | str | None = None,
        dataset_version: int = 0,
        steps: int | None = None,
        learning_rate: float | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        certificate_boxes: int | None = None,
        num_points: int | None = None,
        seed: int | None = None,
        into: str = "",
        request_id: str | None = None,
    ) -> Job:
        """Starts making a smaller version of a network that keeps values and derivatives.

        Job.wait gives the new version, and Model.pruning what was removed, how far values and
        Jacobians are from the original, and the proved bounds of that. How far to go is one of the
        first three, or one or both errors; it may be left out with input_threshold.

        Args:
          model: A plain network: a Model, or a name.
          fraction: Of the vertices or weights to remove. Three vertices stay in each layer.
          parameters: That are left at most.
          multiply_adds: Of a Jacobian, that are left at most.
          value_error: Remove as much as goes with a PruningReport.result.value of at most that.
          jacobian_error: The same for PruningReport.result.jacobian.
          input_threshold: Drop inputs whose bound on the total Sobol index is below it; 0.01 is
            usual. Default: keep all.
          parts: "vertices" (default) or "weights".
          rule: "sobolev_obs" (default), "interval", "magnitude" or "random"; of vertices also
            "sampled" and "taylor", of weights "wanda".
          compensation: "sobolev" (default): refit what is left to values and tangents; "mean",
            "midpoint" or "zero".
          box: [n, 2], where the network is to stay what it is. Default: its domain.
          retrain: Whether to retrain what is left on samples, and a network of the same size from
            scratch for comparison; so do the next six. Removed weights stay 0.
          dataset: Default: what the model was trained on.
          dataset_version: Default: the one of the training, or of another dataset the current one.
          steps: Of the optimiser. Default 1000.
          learning_rate: Peak of the schedule.
          alpha: Weight of the value loss, as in train.
          beta: Weight of the gradient loss, as in train.
          certificate_boxes: How much to spend on the certificate; 0: none. Default 5000.
          num_points: To rank and fit with. Default 2048.
          seed: The same arguments give the same weights. Default 1.
          into: The model that gets the new version, made if missing. Default: the same.
          request_id: As in train.

        Raises:
          InvalidArgumentError: No plain network, a box beyond the domain, options out of range.
          FailedPreconditionError: Nothing to prune, or no dataset to retrain on.
        """
        if isinstance(dataset, Dataset):
            dataset = dataset.name
        request = pruning.to_request(
            model.name if isinstance(model, Model) else full_name("models", model),
            model_id=into,
            box=box,
            parts=parts,
            rule=rule,
            compensation=compensation,
            target={
                "fraction": fraction,
                "parameters": parameters,
                "multiply_adds": multiply_adds,
                "value_error": value_error,
                "jacobian_error": jacobian_error,
            },
            retrain=retrain,
            retraining={
                "dataset": full_name("datasets", dataset) if dataset else None,
                "dataset_version": dataset_version or None,
                "steps": steps,
                "learning_rate": learning_rate,
                "alpha": alpha,
                "beta": beta,
            },
            request_id=request_id,
            input_threshold=input_threshold,
            certificate_boxes=certificate_boxes,
            num_points=num_points,
            seed=seed,
        )
        return Job(self._connection, self._connection.call(self._connection.models.Prune, request))

    # ---- Sampling -------------------------------------------------------------------------------

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
        return sampling.start(
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
            request_id=request_id,
            initial_points=initial_points,
            round_fraction=round_fraction,
            jacobian=jacobian,
            value_cost=value_cost,
            jacobian_cost=jacobian_cost,
            lease_seconds=lease_seconds,
            max_attempts=max_attempts,
            seed=seed,
        )

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

    # ---- Programs -------------------------------------------------------------------------------

    def create_program(self, name: str, source: str) -> Program:
        """A new program, or the existing one if it has the same source.

        Raises AlreadyExistsError if the name is taken by another source, and InvalidArgumentError
        with line and column if the source does not compile.
        """
        request = programs_pb2.CreateProgramRequest(program_id=name, source=_source_text(source))
        message = self._connection.call(self._connection.programs.CreateProgram, request)
        return Program(self._connection, message)

    def check_program(self, source: str) -> Program:
        """What a source would be as a program; nothing is stored, so it cannot be evaluated."""
        request = programs_pb2.CheckProgramRequest(source=_source_text(source))
        message = self._connection.call(self._connection.programs.CheckProgram, request)
        return Program(self._connection, message)

    def program(self, name: str) -> Program:
        """An existing program. Raises NotFoundError."""
        request = programs_pb2.GetProgramRequest(name=full_name("programs", name))
        message = self._connection.call(self._connection.programs.GetProgram, request)
        return Program(self._connection, message)

    def program_names(self) -> list[str]:
        """The ids of all programs, in order."""
        pages = self._connection.pages(
            self._connection.programs.ListPrograms, programs_pb2.ListProgramsRequest()
        )
        return [message.name.rpartition("/")[2] for page in pages for message in page.programs]

    def programs(self) -> list[Program]:
        """All programs, in order of name. Takes a call for each; program_names() takes one."""
        programs = []
        for name in self.program_names():
            with contextlib.suppress(NotFoundError):  # Deleted meanwhile.
                programs.append(self.program(name))
        return programs


def _source_text(source: Any) -> str:
    """A program's text, which the wire carries as UTF-8."""
    if not isinstance(source, (str, bytes)):
        raise invalid_argument(
            "NOT_TEXT", "source", f"expected a str with the text, got {type(source).__name__}"
        )
    try:
        text = source if isinstance(source, str) else source.decode()
        text.encode()
    except UnicodeError as error:
        start = error.start if isinstance(error, (UnicodeDecodeError, UnicodeEncodeError)) else 0
        newline = "\n" if isinstance(source, str) else b"\n"
        before: Any = source[:start]
        what = ascii(source[start]) if isinstance(source, str) else f"the byte {source[start]:#04x}"
        raise invalid_argument(
            "NOT_UTF8",
            "source",
            f"line {before.count(newline) + 1}, column {start - before.rfind(newline)}: "
            f"expected text in UTF-8, got {what}",
        ) from None
    return text
