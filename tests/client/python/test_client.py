"""The package against the real server: what goes in comes out, and derivatives are derivatives."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr

import numpy as np
import pandas as pd
import pytest
from naming import unique

import sobolev


def smooth(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F(a, b) = (sin a cos b, a b + a^2) with its Jacobian, at x [N, 2]."""
    a, b = x[:, 0], x[:, 1]
    y = np.stack([np.sin(a) * np.cos(b), a * b + a * a], axis=1)
    rows = [[np.cos(a) * np.cos(b), -np.sin(a) * np.sin(b)], [b + 2 * a, a]]
    return y, np.moveaxis(np.array(rows), -1, 0)


def smooth_samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x, *smooth(x)


@pytest.fixture(scope="module")
def smooth_model(server):
    x, y, jacobian = smooth_samples(2048, seed=1)
    with sobolev.Client(server.grpc) as client:
        job = client.train(
            x, y, jacobian=jacobian, model="smooth", epochs=100, seed=3, precision="float64"
        )
        yield job.wait(progress=False, timeout=300)


# ---- Datasets -----------------------------------------------------------------------------------


def test_samples_come_back_bit_for_bit(client):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((30_000, 3))
    y = rng.standard_normal((30_000, 2))
    jacobian = rng.standard_normal((30_000, 2, 3))
    weight = rng.uniform(0.5, 2, 30_000)
    dataset = client.create_dataset(unique("roundtrip"), ["a", "b", "c"], ["u", "v"])
    assert dataset.append(x, y, jacobian, weight) == 1
    samples = dataset.read()
    for sent, received in zip(
        (x, y, jacobian, weight), (samples.x, samples.y, samples.jacobian, samples.weight)
    ):
        assert received.tobytes() == sent.tobytes()
        assert received.shape == sent.shape
    assert len(dataset) == len(samples) == 30_000
    statistics = dataset.statistics
    assert statistics.sample_count == statistics.jacobian_count == statistics.weight_count == 30_000
    assert np.array_equal(statistics.input_ranges, np.stack([x.min(0), x.max(0)], axis=1))
    assert np.array_equal(statistics.output_ranges, np.stack([y.min(0), y.max(0)], axis=1))
    assert dataset.state == "active"


def test_versions_are_snapshots_and_missing_derivatives_are_nan_not_zero(client):
    dataset = client.create_dataset(unique("versions"), ["a"], ["u"])
    assert dataset.append([1.0, 2.0], [3.0, 4.0]) == 1
    assert dataset.append([5.0], [6.0], jacobian=[7.0], weight=[2.0]) == 2
    assert dataset.read(version=1).x.ravel().tolist() == [1, 2]
    assert dataset.read(version=1).jacobian is None
    samples = dataset.read()
    assert samples.x.ravel().tolist() == [1, 2, 5]
    assert np.isnan(samples.jacobian[:2]).all()
    assert samples.jacobian[2, 0, 0] == 7
    assert samples.weight.tolist() == [1, 1, 2]


def labelled_samples(count, rng):
    """u = a^2 b, v = sin b, with labels of every kind."""
    x = rng.standard_normal((count, 2))
    a, b = x.T
    zero = np.zeros(count)
    jacobian = np.array([[2 * a * b, a**2], [zero, np.cos(b)]]).transpose(2, 0, 1)
    hessians = np.array([[[2 * b, 2 * a], [2 * a, zero]], [[zero, zero], [zero, -np.sin(b)]]])
    tangents = rng.standard_normal((count, 3, 2))
    adjoints = rng.standard_normal((count, 2, 2))
    hvp_adjoints = rng.standard_normal((count, 4, 2))
    hvp_tangents = rng.standard_normal((count, 4, 2))
    return {
        "x": x,
        "y": np.stack([a**2 * b, np.sin(b)], axis=1),
        "jacobian": jacobian,
        "weight": rng.uniform(0.5, 2, count),
        "tangents": tangents,
        "jvp": np.einsum("sij,skj->ski", jacobian, tangents),
        "adjoints": adjoints,
        "vjp": np.einsum("sij,ski->skj", jacobian, adjoints),
        "hvp_adjoints": hvp_adjoints,
        "hvp_tangents": hvp_tangents,
        "hvp": np.einsum("ski,ijls,skl->skj", hvp_adjoints, hessians, hvp_tangents),
        "y_variance": rng.uniform(0.5, 2, (count, 2)),
        "jacobian_variance": rng.uniform(0.5, 2, (count, 2, 2)),
    }


def test_labels_of_every_kind_come_back_bit_for_bit(client):
    labels = labelled_samples(10_000, np.random.default_rng(6))
    dataset = client.create_dataset(unique("labels"), ["a", "b"], ["u", "v"])
    assert dataset.append(**labels) == 1
    samples = dataset.read()
    for name, sent in labels.items():
        received = getattr(samples, name)
        assert received.shape == sent.shape, name
        assert received.tobytes() == sent.tobytes(), name
    statistics = dataset.statistics
    assert statistics.tangent_count == 30_000
    assert statistics.adjoint_count == 20_000
    assert statistics.hvp_count == 40_000
    assert statistics.y_variance_count == statistics.jacobian_variance_count == 10_000
    assert statistics.missing_value_count == statistics.missing_derivative_count == 0


def test_missing_labels_are_none_or_nan_where_the_schema_allows_it(client):
    outputs = [sobolev.Variable("u"), sobolev.Variable("v", allow_missing=True)]
    dataset = client.create_dataset(
        unique("missing"), ["a"], outputs, allow_missing_derivatives=True
    )
    assert dataset.outputs == tuple(outputs)
    assert dataset.allow_missing_derivatives
    dataset.append([1.0, 2.0], [[3.0, None], [4.0, 5.0]], jacobian=[[1.0, np.nan], [2.0, 3.0]])
    masked = np.ma.masked_equal([[6.0, -1.0]], -1.0)
    dataset.append([3.0], masked)
    samples = dataset.read()
    assert np.array_equal(samples.y, [[3, np.nan], [4, 5], [6, np.nan]], equal_nan=True)
    expected = [[[1], [np.nan]], [[2], [3]], [[np.nan], [np.nan]]]
    assert np.array_equal(samples.jacobian, expected, equal_nan=True)
    statistics = dataset.statistics
    assert (statistics.missing_value_count, statistics.missing_derivative_count) == (
        2,
        1,
    )
    assert statistics.jacobian_count == 2
    assert statistics.output_ranges.tolist() == [[3, 6], [5, 5]]
    with pytest.raises(sobolev.InvalidArgumentError, match="allow_missing on this output") as info:
        dataset.append([1.0], [[None, 1.0]])
    assert info.value.field == "y[0][0]"
    with pytest.raises(sobolev.InvalidArgumentError, match="expected a finite number, got inf"):
        dataset.append([1.0], [[1.0, np.inf]])


def test_samples_may_have_derivatives_without_values(client):
    dataset = client.create_dataset(
        unique("bare"), ["a", "b"], [sobolev.Variable("u", allow_missing=True)]
    )
    x = np.arange(6.0).reshape(3, 2)
    # One direction for all samples; axes of length 1 left out.
    dataset.append(x, tangents=[1.0, 2.0], jvp=[7.0, 8.0, 9.0])
    dataset.append(x, [1.0, 2.0, 3.0], hvp_tangents=x[:, None], hvp=2 * x)
    samples = dataset.read()
    assert np.array_equal(samples.y.ravel(), [np.nan] * 3 + [1, 2, 3], equal_nan=True)
    assert samples.tangents.shape == (6, 1, 2)
    assert samples.tangents[:3].tolist() == [[[1, 2]]] * 3
    assert (samples.tangents[3:] == 0).all()
    assert samples.jvp[:3].ravel().tolist() == [7, 8, 9]
    assert np.isnan(samples.jvp[3:]).all()
    assert samples.hvp[3:, 0].tolist() == (2 * x).tolist()
    assert samples.hvp_adjoints is None
    assert np.isnan(dataset.statistics.output_ranges).sum() == 0
    with pytest.raises(
        sobolev.InvalidArgumentError, match="jvp: expected it together with"
    ) as info:
        dataset.append(x, tangents=[1.0, 2.0])
    assert info.value.reason == "MISSING_FIELD"
    with pytest.raises(sobolev.InvalidArgumentError, match="at least one value or derivative"):
        dataset.append(x, [1.0, np.nan, 2.0])


def test_samples_can_be_read_as_float32(client):
    dataset = client.create_dataset(unique("float32"), ["a"], ["u"])
    dataset.append([1 / 3], [2 / 3])
    samples = dataset.read(dtype=np.float32)
    assert samples.x.dtype == np.float32
    assert samples.x[0, 0] == np.float32(1 / 3)


def test_an_upload_under_the_same_id_is_made_once(client):
    dataset = client.create_dataset(unique("twice"), ["a"], ["u"])
    assert dataset.append([1.0, 2.0], [3.0, 4.0], upload_id="first") == 1
    assert dataset.append([1.0, 2.0], [3.0, 4.0], upload_id="first") == 1
    assert len(dataset) == 2


def test_creating_a_dataset_again_returns_it_unless_the_schema_differs(client):
    name = unique("again")
    inputs = [sobolev.Variable("a", unit="m/s", lower=-1, upper=1)]
    first = client.create_dataset(name, inputs, ["u"])
    assert first.inputs == tuple(inputs)
    assert first.outputs == (sobolev.Variable("u"),)
    assert client.create_dataset(name, inputs, ["u"]).name == first.name
    with pytest.raises(sobolev.AlreadyExistsError):
        client.create_dataset(name, ["a"], ["u"])


def test_bounds_of_the_schema_are_kept(client):
    dataset = client.create_dataset(unique("bounds"), [sobolev.Variable("a", upper=1)], ["u"])
    with pytest.raises(sobolev.InvalidArgumentError, match="a <= 1") as info:
        dataset.append([0.5, 1.5], [0, 0])
    assert info.value.reason == "OUT_OF_BOUNDS"
    assert "x[1][0]" in info.value.field
    assert len(dataset.refresh()) == 0


def test_data_frames_upload_by_column_name(client):
    dataset = client.create_dataset(unique("frames"), ["a", "b"], ["u"])
    table = pd.DataFrame({"u": [5.0], "b": [2.0], "a": [1.0]})
    dataset.append(table[["b", "a"]], table[["u"]])
    assert dataset.read().x.tolist() == [[1, 2]]


def test_datasets_are_listed_and_deleted(client):
    names = sorted(unique("listed") for _ in range(3))
    for name in names:
        client.create_dataset(name, ["a"], ["u"])
    listed = [dataset.id for dataset in client.datasets()]
    assert listed == sorted(listed)
    assert set(names) <= set(listed)
    client.dataset(names[1]).delete()
    assert names[1] not in [dataset.id for dataset in client.datasets()]
    with pytest.raises(sobolev.NotFoundError):
        client.dataset(names[1])


def test_wrong_rows_are_refused_before_sending(client):
    dataset = client.create_dataset(unique("rows"), ["a"], ["u"])
    with pytest.raises(sobolev.InvalidArgumentError, match="as many rows as x"):
        dataset.append([1.0, 2.0], [1.0])
    with pytest.raises(sobolev.InvalidArgumentError, match="row 1, column 0"):
        dataset.append([1.0, np.nan], [1.0, 2.0])


# ---- Training -----------------------------------------------------------------------------------


def test_the_model_learns_values_and_derivatives(smooth_model):
    x, y, jacobian = smooth_samples(500, seed=9)
    value, slope = smooth_model.value_and_jacobian(x)
    assert value.shape == (500, 2)
    assert slope.shape == (500, 2, 2)
    assert np.sqrt(np.mean((value - y) ** 2)) < 0.02 * y.std()
    assert np.sqrt(np.mean((slope - jacobian) ** 2)) < 0.05 * jacobian.std()


def test_the_report_tells_how_the_model_came_about(smooth_model):
    report = smooth_model.report
    assert report.training_samples + report.validation_samples == 2048
    assert report.jacobian_samples == report.training_samples
    assert report.alpha == pytest.approx(1 / 3)
    assert report.beta == pytest.approx(2 / 3)
    assert report.seed == 3
    assert report.epochs == len(report.history) <= 100
    assert report.stop_reason in ("max_epochs", "early_stopping")
    assert 0 < report.validation.value_relative < 0.02
    assert 0 < report.validation.jacobian_relative < 0.05
    assert len(report.validation.value_rmse) == 2
    assert report.history[-1].value_loss < report.history[0].value_loss
    assert report.leaderboard == report.learning_curve == report.warnings == ()
    assert report.value_only is report.winner is None
    assert smooth_model.kind == "network"
    assert smooth_model.hidden == (20, 20, 20, 20)
    assert smooth_model.activation == "softplus"
    assert smooth_model.parameter_count == 2 * 20 + 20 + 3 * (20 * 20 + 20) + 20 * 2 + 2
    assert [variable.name for variable in smooth_model.inputs] == ["x0", "x1"]
    x = smooth_samples(2048, seed=1)[0]
    assert np.array_equal(smooth_model.domain, np.stack([x.min(0), x.max(0)], axis=1))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(client):
    x, y, jacobian = smooth_samples(300, seed=2)
    hashes = [
        client.train(x, y, jacobian=jacobian, model="seeds", hidden=[8], epochs=5, seed=seed)
        .wait(progress=False)
        .weights_sha256
        for seed in (1, 1, 2)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    versions = client.model_versions("seeds")
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    assert client.model("seeds").version == len(versions)
    assert client.model("seeds/versions/1").weights_sha256 == versions[0].weights_sha256
    datasets = {version.report.dataset for version in versions}
    assert len(datasets) == 1, "equal samples are uploaded once"


def test_training_on_a_dataset_takes_the_names_of_its_columns(client):
    dataset = client.create_dataset(unique("trained"), ["spot", "rate"], ["price", "cost"])
    dataset.append(*smooth_samples(200, seed=4))
    model = client.train(dataset=dataset, hidden=[8], epochs=3).wait(progress=False)
    assert [variable.name for variable in model.inputs] == ["spot", "rate"]
    assert model.report.dataset == dataset.name
    table = pd.DataFrame({"rate": [0.2], "spot": [0.1]})
    assert np.array_equal(model.predict(table), model.predict([[0.1, 0.2]]))


def test_data_frames_name_the_variables_of_a_model(client):
    x, y, _ = smooth_samples(100, seed=4)
    model = client.train(
        pd.DataFrame(x, columns=["a", "b"]), pd.Series(y[:, 0], name="u"), hidden=[4], epochs=2
    ).wait(progress=False)
    assert [variable.name for variable in model.inputs] == ["a", "b"]
    assert [variable.name for variable in model.outputs] == ["u"]


@pytest.mark.parametrize("activation", ["softplus", "tanh", "silu", "gelu", "sin"])
def test_every_activation_trains(client, activation):
    x, y, jacobian = smooth_samples(200, seed=6)
    model = client.train(
        x, y, jacobian=jacobian, model=activation, activation=activation, hidden=[6], epochs=3
    ).wait(progress=False)
    assert model.activation == activation
    assert np.isfinite(model.predict(x)).all()


def test_watching_gives_events_in_order_up_to_the_end(client):
    x, y, _ = smooth_samples(500, seed=7)
    job = client.train(x, y, hidden=[16], epochs=20)
    events = list(job.watch())
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    assert events[0].state == "queued"
    assert events[-1].state == "succeeded"
    assert job.state == "succeeded"
    progress = [event.progress for event in events if event.progress is not None]
    assert progress[-1].epochs == 20
    assert progress[-1].epoch.epoch <= 20
    middle = numbers[len(numbers) // 2]
    assert [e.number for e in job.watch(after=middle)] == [n for n in numbers if n > middle]
    assert client.job(job.name).model == job.model
    assert job.name in [other.name for other in client.jobs()]


def test_waiting_shows_a_progress_bar(client):
    x, y, jacobian = smooth_samples(200, seed=8)
    with redirect_stderr(io.StringIO()) as shown:
        client.train(x, y, jacobian=jacobian, hidden=[4], epochs=7).wait()
    assert re.search(r"7/7 .*value .*gradient .*validation", shown.getvalue())


def test_a_cancelled_job_raises(client):
    x, y, jacobian = smooth_samples(5000, seed=8)
    job = client.train(x, y, jacobian=jacobian, hidden=[256, 256], epochs=100_000, patience=0)
    job.cancel()
    with pytest.raises(sobolev.JobCancelledError):
        job.wait(progress=False, timeout=60)
    assert job.state == "cancelled"


def test_waiting_ends_at_the_timeout_and_the_job_goes_on(client):
    x, y, jacobian = smooth_samples(5000, seed=8)
    job = client.train(x, y, jacobian=jacobian, hidden=[256, 256], epochs=100_000, patience=0)
    with pytest.raises(TimeoutError):
        job.wait(progress=False, timeout=0.5)
    assert not job.refresh().is_done
    job.cancel()
    list(job.watch())


def test_bad_options_are_refused_with_the_field(client):
    x, y, _ = smooth_samples(100, seed=3)
    with pytest.raises(sobolev.InvalidArgumentError, match="softplus, tanh, silu, gelu, sin"):
        client.train(x, y, activation="relu")
    with pytest.raises(sobolev.InvalidArgumentError) as info:
        client.train(x, y, epochs=0)
    assert info.value.field == "spec.epochs"
    with pytest.raises(sobolev.InvalidArgumentError, match="either arrays or a dataset"):
        client.train(x, y, dataset="d")
    with pytest.raises(sobolev.InvalidArgumentError, match="x and y, or a dataset"):
        client.train()
    with pytest.raises(sobolev.FailedPreconditionError) as precondition:
        client.train(x, y, kind="network", beta=1.0)
    assert precondition.value.reason == "NO_JACOBIANS"


def test_a_repeated_request_id_returns_the_first_job(client):
    x, y, _ = smooth_samples(100, seed=3)
    request_id = unique("request")
    options = {"hidden": [4], "epochs": 2, "request_id": request_id, "model": "requested"}
    first = client.train(x, y, **options)
    assert client.train(x, y, **options).name == first.name
    first.wait(progress=False)
    with pytest.raises(sobolev.InvalidArgumentError) as info:
        client.train(x, y, **{**options, "epochs": 3})
    assert info.value.reason == "REQUEST_ID_REUSED"


# ---- Prediction ---------------------------------------------------------------------------------


def test_the_jacobian_is_the_derivative_of_the_value(smooth_model):
    x = np.random.default_rng(11).uniform(-0.9, 0.9, (50, 2))
    jacobian = smooth_model.jacobian(x)
    # Central differences: truncation h^2 |f'''| / 6 and rounding eps |f| / h are both below 1e-8.
    h = 1e-5
    for j in range(2):
        step = h * np.eye(2)[j]
        slope = (smooth_model.predict(x + step) - smooth_model.predict(x - step)) / (2 * h)
        assert np.allclose(jacobian[:, :, j], slope, rtol=1e-7, atol=1e-7)


def test_products_agree_with_the_jacobian(smooth_model):
    rng = np.random.default_rng(12)
    x = rng.uniform(-1, 1, (40, 2))
    jacobian = smooth_model.jacobian(x)
    tangents = rng.standard_normal((40, 3, 2))
    adjoints = rng.standard_normal((40, 3, 2))
    close = {"rtol": 1e-12, "atol": 1e-13}
    jvp = np.einsum("sij,skj->ski", jacobian, tangents)
    vjp = np.einsum("sij,ski->skj", jacobian, adjoints)
    assert np.allclose(smooth_model.jvp(x, tangents), jvp, **close)
    assert np.allclose(smooth_model.vjp(x, adjoints), vjp, **close)
    assert np.allclose(smooth_model.jvp(x, tangents[:, 0]), jvp[:, 0], **close)
    assert np.allclose(smooth_model.vjp(x, adjoints[:, 0]), vjp[:, 0], **close)
    shared = np.einsum("sij,j->si", jacobian, tangents[0, 0])
    assert np.allclose(smooth_model.jvp(x, tangents[0, 0]), shared, **close)
    shared = np.einsum("sij,kj->ski", jacobian, tangents[0])
    assert np.allclose(smooth_model.jvp(x, tangents[:1]), shared, **close)


def test_one_call_answers_everything(smooth_model):
    rng = np.random.default_rng(13)
    x = rng.uniform(-1, 1, (10, 2))
    v, u = rng.standard_normal((2, 10, 2))
    evaluation = smooth_model.evaluate(x, jacobian=True, tangents=v, adjoints=u)
    assert np.array_equal(evaluation.value, smooth_model.predict(x))
    assert np.array_equal(evaluation.jacobian, smooth_model.jacobian(x))
    assert np.allclose(evaluation.jvp, smooth_model.jvp(x, v), rtol=1e-12, atol=1e-13)
    assert np.allclose(evaluation.vjp, smooth_model.vjp(x, u), rtol=1e-12, atol=1e-13)
    # <u, J v> = <J^T u, v>.
    assert np.sum(u * evaluation.jvp) == pytest.approx(np.sum(evaluation.vjp * v), rel=1e-12)
    assert smooth_model.evaluate(x).jacobian is None


def test_a_single_point_has_no_batch_axis(smooth_model):
    point = [0.1, -0.3]
    batch = smooth_model.evaluate([point], jacobian=True)
    single = smooth_model.evaluate(point, jacobian=True, tangents=[1, 0], adjoints=[[1, 0], [0, 1]])
    assert single.value.shape == (2,)
    assert np.array_equal(single.value, batch.value[0])
    assert np.array_equal(single.jacobian, batch.jacobian[0])
    assert np.allclose(single.jvp, single.jacobian[:, 0], rtol=1e-13)
    assert np.allclose(single.vjp, single.jacobian, rtol=1e-13)
    assert single.in_domain is True


def test_points_outside_the_training_box_are_flagged(smooth_model):
    low, high = smooth_model.domain.T
    points = np.array([low, high, (low + high) / 2, high + 1e-9, low - [1e-9, 0]])
    assert smooth_model.in_domain(points).tolist() == [True, True, True, False, False]


def test_large_batches_are_cut_and_put_together(smooth_model):
    x = np.random.default_rng(14).uniform(-1, 1, (20_001, 2))
    v = np.random.default_rng(15).standard_normal(x.shape)
    whole = smooth_model.evaluate(x, jacobian=True, tangents=v)
    for rows in (slice(0, 5), slice(8190, 8195), slice(19_996, 20_001)):
        part = smooth_model.evaluate(x[rows], jacobian=True, tangents=v[rows])
        assert np.allclose(whole.value[rows], part.value, rtol=1e-12)
        assert np.allclose(whole.jacobian[rows], part.jacobian, rtol=1e-12)
        assert np.allclose(whole.jvp[rows], part.jvp, rtol=1e-12)


def test_no_points_give_empty_answers(smooth_model):
    evaluation = smooth_model.evaluate(np.empty((0, 2)), jacobian=True)
    assert evaluation.value.shape == (0, 2)
    assert evaluation.jacobian.shape == (0, 2, 2)
    assert evaluation.in_domain.shape == (0,)


def test_float32_answers_are_the_rounded_float64_answers(smooth_model):
    x = np.random.default_rng(16).uniform(-1, 1, (10, 2))
    value = smooth_model.predict(x, dtype=np.float32)
    assert value.dtype == np.float32
    assert np.array_equal(value, smooth_model.predict(x).astype(np.float32))


def test_answers_may_be_written_to(smooth_model):
    value = smooth_model.predict([[0.0, 0.0]])
    value += 1
    assert value.shape == (1, 2)


def test_a_model_keeps_its_version_when_a_newer_one_is_trained(client):
    x, y, _ = smooth_samples(100, seed=3)
    first = client.train(x, y, model="pinned", hidden=[4], epochs=2).wait(progress=False)
    before = first.predict(x)
    second = client.train(x, y, model="pinned", hidden=[4], epochs=2, seed=9).wait(progress=False)
    assert (first.version, second.version) == (1, 2)
    assert np.array_equal(first.predict(x), before)
    assert not np.array_equal(second.predict(x), before)
    assert "pinned" in [model.id for model in client.models()]
    client.delete_model("pinned")
    with pytest.raises(sobolev.NotFoundError):
        first.predict(x)
    with pytest.raises(sobolev.NotFoundError):
        client.model("pinned")
