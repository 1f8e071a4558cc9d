"""Surrogates of every kind: chosen by the server or asked for, and what their reports say."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import redirect_stderr

import numpy as np
import pytest
from naming import unique

import sobolev


def wave(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F(a, b) = sin(2 a) b with its gradient [N, 2] and Hessian [N, 2, 2], at x [N, 2]."""
    a, b = x[:, 0], x[:, 1]
    sine, cosine = np.sin(2 * a), np.cos(2 * a)
    hessian = np.array([[-4 * sine * b, 2 * cosine], [2 * cosine, np.zeros_like(a)]])
    gradient = np.stack([2 * cosine * b, sine], axis=1)
    return sine * b, gradient, np.moveaxis(hessian, -1, 0)


def wave_samples(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x, *wave(x)[:2]


@pytest.fixture(scope="module")
def process(server):
    """A Gaussian process of the wave."""
    x, y, jacobian = wave_samples(60)
    with sobolev.Client(server.grpc) as client:
        job = client.train(x, y, jacobian=jacobian, model="process", kind="gaussian_process")
        yield job.wait(progress=False, timeout=300)


def test_the_server_chooses_what_to_fit_and_says_what_it_tried(client):
    x, y, jacobian = wave_samples(80)
    job = client.train(x, y, jacobian=jacobian, effort=3)
    progress = [event.progress for event in job.watch() if event.progress is not None]
    assert progress[-1].fraction == 1
    assert progress[-1].epochs == 0
    model = job.wait(progress=False)
    report = model.report
    assert model.kind in ("network", "polynomial", "gaussian_process", "ensemble", "local_taylor")
    assert report.stop_reason == "selection_done"
    assert report.leaderboard == progress[-1].leaderboard
    assert report.winner in report.leaderboard
    assert report.winner.validation == report.validation
    assert report.winner.state == "finished"
    finished = [trial.score for trial in report.leaderboard if trial.state == "finished"]
    assert finished == sorted(finished)
    assert all(trial.work > 0 for trial in report.leaderboard)
    counts = [point.sample_count for point in report.learning_curve]
    assert counts == sorted(counts) and 0 < counts[0] < counts[-1] < 80
    assert report.value_only.sample_count > counts[-1]
    assert report.value_only.validation != report.validation
    assert report.warnings == ()
    test = wave_samples(200, seed=2)
    value, slope = model.value_and_jacobian(test[0])
    assert np.sqrt(np.mean((value[:, 0] - test[1]) ** 2)) < 0.05 * test[1].std()
    assert np.sqrt(np.mean((slope[:, 0] - test[2]) ** 2)) < 0.1 * test[2].std()


def test_the_same_effort_gives_the_same_model(client):
    x, y, jacobian = wave_samples(40)
    hashes = {
        client.train(x, y, jacobian=jacobian, model="same", effort=0.5)
        .wait(progress=False)
        .weights_sha256
        for _ in range(2)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("kind", ["polynomial", "gaussian-process", "gaussian_process"])
def test_every_kind_answers_values_and_derivatives(client, kind):
    x, y, jacobian = wave_samples(100)
    model = client.train(x, y, jacobian=jacobian, kind=kind).wait(progress=False)
    assert model.kind == kind.replace("-", "_")
    assert model.hidden == () and model.activation == ""
    assert f"kind={model.kind!r}" in repr(model) and "hidden" not in repr(model)
    assert len(model.report.leaderboard) == 1
    points = np.random.default_rng(3).uniform(-0.9, 0.9, (30, 2))
    value, slope, curvature = wave(points)
    answer = model.evaluate(points, jacobian=True, hessian=True, tangents=[1.0, 2.0], adjoints=3.0)
    assert np.abs(answer.value[:, 0] - value).max() < 0.05
    assert np.abs(answer.jacobian[:, 0] - slope).max() < 0.2
    assert answer.hessian.shape == (30, 1, 2, 2)
    assert np.abs(answer.hessian[:, 0] - curvature).max() < 1
    assert np.allclose(answer.jvp, answer.jacobian @ [1.0, 2.0])
    assert np.allclose(answer.vjp, 3 * answer.jacobian[:, 0])
    # The order of differentiation does not matter, but for rounding.
    assert np.allclose(answer.hessian, np.swapaxes(answer.hessian, 2, 3), atol=1e-9)


@pytest.mark.parametrize(
    "spec", [{"hidden": (12,), "optimizer": "levenberg_marquardt"}, {"kind": "polynomial"}]
)
def test_hessian_vector_labels_are_fitted_and_their_error_is_reported(client, spec):
    x, y, _ = wave_samples(40)
    curvature = wave(x)[2]
    models = []
    for name, labels in (
        ("plain", {}),
        ("curved", {"hvp_tangents": np.eye(2)[None], "hvp": curvature}),
    ):
        dataset = client.create_dataset(name, ["a", "b"], ["v"])
        dataset.append(x, y, **labels)
        models.append(client.train(dataset=dataset, **spec).wait(progress=False))
        dataset.delete()
    plain, curved = models
    assert plain.report.gamma == 0
    assert plain.report.validation.hvp_relative is None
    # alpha : gamma = 1 : n / 10.
    assert curved.report.gamma == pytest.approx(0.2 / 1.2)
    assert 0 < curved.report.validation.hvp_relative < 0.5
    test = np.random.default_rng(3).uniform(-1, 1, (200, 2))
    errors = [np.linalg.norm(model.predict(test)[:, 0] - wave(test)[0]) for model in models]
    assert errors[1] < 0.5 * errors[0]


def test_adam_fits_hessian_vector_labels_if_they_have_a_weight(client):
    x, y, _ = wave_samples(40)
    dataset = client.create_dataset("curved", ["a", "b"], ["v"])
    dataset.append(x, y, hvp_tangents=np.eye(2)[None], hvp=wave(x)[2])
    errors = []
    for gamma in (None, 0.3):
        job = client.train(dataset=dataset, optimizer="adam", gamma=gamma)
        model = job.wait(progress=False)
        assert model.report.gamma == (gamma or 0)
        assert (model.report.validation.hvp_relative is None) == (gamma is None)
        test = np.random.default_rng(3).uniform(-1, 1, (200, 2))
        errors.append(np.linalg.norm(model.predict(test)[:, 0] - wave(test)[0]))
    assert errors[1] < errors[0]


def test_a_weight_for_curvatures_needs_labels(client):
    x, y, _ = wave_samples(20)
    with pytest.raises(sobolev.FailedPreconditionError) as failed:
        client.train(x, y, optimizer="adam", gamma=1.0)
    assert failed.value.field == "spec.gamma"
    job = client.train(x, y, gamma=1.0)
    with pytest.raises(sobolev.JobFailedError) as info:
        job.wait(progress=False, timeout=60)
    assert "spec.gamma" in str(info.value)


def test_a_hessian_is_the_derivative_of_the_jacobian(process):
    x = np.random.default_rng(4).uniform(-0.9, 0.9, (20, 2))
    hessian = process.hessian(x)
    # With this step the truncation, h^2 / 6 times fourth derivatives of order 10, and the rounding,
    # eps / h times Jacobians of order 1 and their condition, are both below 1e-6.
    h = 1e-4
    for k in range(2):
        step = h * np.eye(2)[k]
        slope = (process.jacobian(x + step) - process.jacobian(x - step)) / (2 * h)
        assert np.abs(hessian[:, :, :, k] - slope).max() < 1e-4 * np.abs(hessian).max()
    assert np.allclose(process.hessian(x[0]), hessian[0], rtol=1e-9, atol=1e-9)


def test_a_network_has_hessians(client):
    x, y, jacobian = wave_samples(60)
    model = client.train(
        x, y, jacobian=jacobian, hidden=[8], activation="tanh", optimizer="levenberg-marquardt"
    ).wait(progress=False)
    assert (model.kind, model.hidden, model.activation) == ("network", (8,), "tanh")
    (trial,) = model.report.leaderboard
    assert trial.iterations > 0
    points = np.random.default_rng(3).uniform(-0.9, 0.9, (30, 2))
    assert np.abs(model.hessian(points)[:, 0] - wave(points)[2]).max() < 1


def test_a_model_is_monotone_and_concave_where_it_is_asked_to(client):
    x, y, jacobian = wave_samples(60)
    model = client.train(
        x,
        y,
        jacobian=jacobian,
        hidden=[8, 8],
        residual=True,
        optimizer="levenberg-marquardt",
        monotone={"x0": "increasing", "x1": "decreasing"},
        convexity="concave",
    ).wait(progress=False)
    assert (model.activation, model.skip, model.residual) == ("softplus", True, True)
    assert model.monotone == {"x0": "increasing", "x1": "decreasing"}
    assert model.convexity == "concave"
    assert (model.extrapolation, model.periods, model.lower) == ("own", {}, {})
    points = np.random.default_rng(3).uniform(-2, 2, (200, 2))
    slopes = model.jacobian(points)[:, 0]
    assert (slopes[:, 0] >= 0).all()
    assert (slopes[:, 1] <= 0).all()
    middle = model.predict((points[:100] + points[100:]) / 2)
    chord = (model.predict(points[:100]) + model.predict(points[100:])) / 2
    assert (middle >= chord - 1e-12 * np.abs(chord).max()).all()


def test_spreads_tell_where_the_model_knows_little(process):
    inside, outside = process.spread([[0.1, 0.2], [4.0, 4.0]])
    assert inside.shape == (1,)
    assert 0 <= 10 * inside[0] < outside[0]
    answer = process.evaluate([[0.1, 0.2], [4.0, 4.0]], spread=True, jacobian_spread=True)
    assert np.array_equal(answer.spread[:, 0], [inside[0], outside[0]])
    assert answer.jacobian_spread.shape == (2, 1, 2)
    assert (10 * answer.jacobian_spread[0] < answer.jacobian_spread[1]).all()
    assert process.evaluate([0.1, 0.2], spread=True).spread.shape == (1,)
    assert process.evaluate([0.1, 0.2]).spread is None


def test_an_ensemble_tells_its_spread(client):
    x, y, jacobian = wave_samples(60)
    model = client.train(
        x, y, jacobian=jacobian, hidden=[8], optimizer="levenberg-marquardt", ensemble_size=3
    ).wait(progress=False)
    assert model.kind == "ensemble"
    inside, outside = model.spread([[0.1, 0.2], [4.0, 4.0]])
    assert 0 <= inside[0] < outside[0]


def test_what_is_known_of_inputs_and_outputs_holds(client):
    x = np.random.default_rng(3).uniform(0.5, 2, (80, 2))
    # exp(sin(pi a)) / b, positive, of period 2 in a.
    y = np.exp(np.sin(np.pi * x[:, 0])) / x[:, 1]
    jacobian = np.stack([np.pi * np.cos(np.pi * x[:, 0]) * y, -y / x[:, 1]], axis=1)
    dataset = client.create_dataset(unique("known"), ["a", "b"], ["u"])
    dataset.append(x, y, jacobian)
    model = dataset.train(
        kind="polynomial",
        periods={"a": 2},
        harmonics={"a": 1},
        log_inputs=["b"],
        lower={"u": 0},
        log_outputs=["u"],
        extrapolation="constant",
    ).wait(progress=False)
    assert (model.kind, model.core_kind) == ("composed", "polynomial")
    assert model.periods == {"a": pytest.approx(2)}
    assert (model.log_inputs, model.log_outputs, model.lower) == (("b",), ("u",), {"u": 0})
    assert model.extrapolation == "constant"
    # log u is linear in sin, cos and log b, so nothing is left to learn.
    assert np.allclose(model.predict(x)[:, 0], y, rtol=1e-6)
    assert np.allclose(model.predict(x + np.array([6, 0])), model.predict(x), rtol=1e-9)
    assert np.allclose(model.jacobian(x)[:, 0], jacobian, rtol=1e-5, atol=1e-5)
    assert (model.predict([[0.1, 1e3], [0.1, -1e3]]) > 0).all()
    second = 2 * y[0] / x[0, 1] ** 2
    assert model.hessian(x[0])[0, 1, 1] == pytest.approx(second, rel=1e-5)


def test_models_without_spread_say_so(client):
    x, y, jacobian = wave_samples(40)
    model = client.train(x, y, jacobian=jacobian, kind="polynomial").wait(progress=False)
    for options in ({"spread": True}, {"jacobian_spread": True}):
        with pytest.raises(sobolev.InvalidArgumentError, match="Gaussian processes") as info:
            model.evaluate(x, **options)
        assert info.value.reason == "UNSUPPORTED_QUANTITY"
        assert info.value.field == "quantities"


def test_large_batches_of_hessians_and_spreads_are_cut_and_put_together(process):
    x = np.random.default_rng(5).uniform(-1, 1, (9000, 2))
    answer = process.evaluate(x, hessian=True, spread=True)
    last = process.evaluate(x[-1], hessian=True, spread=True)
    assert np.allclose(answer.hessian[-1], last.hessian, rtol=1e-9, atol=1e-9)
    assert np.allclose(answer.spread[-1], last.spread, rtol=1e-6, atol=1e-9)


def test_labels_that_contradict_the_values_are_warned_of_once(client):
    x, y, jacobian = wave_samples(200)
    dataset = client.create_dataset(unique("signs"), ["a", "b"], ["u"])
    dataset.append(x, y, jacobian * [1, -1])
    job = dataset.train(kind="polynomial", model="signs")
    with pytest.warns(sobolev.SuspectLabelsWarning, match="du/db have the wrong sign") as issued:
        model = job.wait(progress=False)
    assert len(issued) == 1
    assert issued[0].filename == __file__
    (warning,) = model.report.warnings
    assert (warning.input, warning.output, warning.kind) == ("b", "u", "sign")
    assert warning.factor == pytest.approx(-1, abs=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert job.wait(progress=False).name == model.name


def test_good_labels_are_not_warned_of(client):
    x, y, jacobian = wave_samples(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.train(x, y, jacobian=jacobian, kind="polynomial").wait(progress=False)


def test_a_dataset_trains_with_the_options_of_the_client(client):
    x, y, jacobian = wave_samples(60)
    dataset = client.create_dataset(unique("trains"), ["a", "b"], ["u"])
    dataset.append(x, y, jacobian)
    dataset.append(x + 1, y, jacobian)
    name = unique("trained")
    model = dataset.train(model=name, dataset_version=1, hidden=[4], epochs=2).wait(progress=False)
    assert model.id == name
    assert model.hidden == (4,)
    assert model.report.dataset_version == 1
    with pytest.raises(sobolev.InvalidArgumentError, match="no_such_option"):
        dataset.train(no_such_option=1)


def test_waiting_for_a_selection_shows_its_best_recipe(client):
    x, y, jacobian = wave_samples(60)
    with redirect_stderr(io.StringIO()) as shown:
        client.train(x, y, jacobian=jacobian, kind="polynomial").wait()
    assert re.search(
        r"100/100 .*1 tried, best polynomial: value .*%, Jacobian .*%", shown.getvalue()
    )


def test_a_cancelled_selection_raises(client):
    x, y, jacobian = wave_samples(2000)
    job = client.train(x, y, jacobian=jacobian, effort=1e6)
    next(event for event in job.watch() if event.state == "running")
    job.cancel()
    with pytest.raises(sobolev.JobCancelledError):
        job.wait(progress=False, timeout=60)
    assert job.state == "cancelled"


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ({"kind": "forest"}, "kind", "gaussian_process, local_taylor, got 'forest'"),
        ({"taylor_base": "sand"}, "taylor_base", "network, polynomial, constant, got 'sand'"),
        ({"taylor_order": 9}, "spec.local_taylor.order", "1 to 3, got 9"),
        ({"optimizer": "sgd"}, "optimizer", "adam, levenberg_marquardt, hybrid, lbfgs, got 'sgd'"),
        ({"precision": "float16"}, "precision", "float32, float64"),
        ({"monotone": {"x0": "up"}}, "monotone[x0]", "increasing, decreasing, got 'up'"),
        ({"monotone": {"z": "increasing"}}, "spec.monotone[z]", "the inputs are x0, x1"),
        ({"convexity": "flat"}, "convexity", "convex, concave, got 'flat'"),
        ({"activation": "sin", "convexity": "convex"}, "spec.network.activation", "softplus"),
        ({"effort": 0}, "spec.effort", "more than 0"),
        ({"effort": 2e6}, "spec.effort", "at most 1e+06"),
        ({"effort": float("nan")}, "spec.effort", "got nan"),
        ({"effort": "much"}, "spec", "wrong type"),
        ({"hidden": [8], "residual": True}, "spec.network.residual", "the same width"),
        ({"time_limit": 0}, "spec.time_limit_seconds", "leave it unset"),
        ({"kind": "polynomial", "effort": 1}, "spec.effort", "KIND_AUTO"),
        ({"kind": "polynomial", "hidden": [4]}, "spec.network", "KIND_NETWORK"),
        ({"kind": "auto", "optimizer": "adam"}, "spec.optimizer", "KIND_NETWORK"),
        ({"ensemble_size": 0}, "spec.ensemble_size", "got 0"),
        ({"periods": {"x0": 0}}, "spec.input_maps", "period > 0 of input 'x0', got 0"),
        ({"log_inputs": ["x9"]}, "spec.input_maps[0].input", "the inputs are x0"),
        ({"log_inputs": "x0"}, "spec", "expected a list of inputs"),
        ({"lower": {"y0": 2}, "upper": {"y0": 1}}, "spec.output_maps", "lower < upper"),
        ({"lower": ["y0"]}, "spec", "wrong type"),
        ({"feature_degree": 5}, "spec.feature_degree", "got 5"),
        ({"extrapolation": "wild"}, "extrapolation", "own, constant, linear, got 'wild'"),
        ({"epochs": 1, "feature_degree": 5}, "spec.feature_degree", "got 5"),
        ({"kind": "polynomial", "ensemble_size": 3}, "spec.ensemble_size", "unset it"),
        ({"optimizer": "hybrid", "epochs": 3}, "spec.epochs", "OPTIMIZER_ADAM"),
        ({"optimizer": "adam", "huber": 2}, "spec.huber", "unset it"),
        ({"huber": 0}, "spec.huber", "1.345"),
        ({"output_weights": [1, 2, 3]}, "spec.output_weights", "got 3"),
        ({"derivative_weights": [[1, -1]]}, "spec.derivative_weights", "got -1"),
        ({"derivative_weights": "none"}, "spec", "wrong type"),
        ({"kind": "auto", "validation_fraction": 0.2}, "spec.validation_fraction", "unset it"),
        ({"gamma": -1}, "spec.gamma", "got -1"),
        ({"kind": "gaussian_process", "gamma": 1}, "spec.gamma", "KIND_POLYNOMIAL"),
        ({"optimizer": "adam", "gamma": -1}, "spec.gamma", "got -1"),
    ],
)
def test_bad_options_are_refused_with_field_and_fix(client, options, field, says):
    x, y, _ = wave_samples(20)
    with pytest.raises(sobolev.InvalidArgumentError) as info:
        client.train(x, y, **options)
    assert info.value.field == field
    assert says in info.value.message
