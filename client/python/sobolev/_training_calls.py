"""The calls of a client that train and prune."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sobolev import _arrays, _training, pruning
from sobolev._connection import Connection, full_name
from sobolev.dataset import Dataset
from sobolev.errors import invalid_argument
from sobolev.job import Job
from sobolev.model import Model


class TrainingCalls:
    """What Client does to make versions of models: from samples, and from larger versions."""

    _connection: Connection

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
        dataset = Dataset.create(self._connection, f"samples-{upload_id}", inputs, outputs)
        if dataset.version == 0:
            dataset.append(arrays[0], arrays[1], jacobian, weight, upload_id=upload_id)
        return dataset
