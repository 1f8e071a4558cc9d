"""Local Taylor models of what a fit misses: trained, served, bounded, kept over a restart."""

from __future__ import annotations

import numpy as np
import pytest
from naming import unique

import sobolev

# A bump on a plane, and a second output of degree 2.
SOURCE = """input a in [0, 1]
input b in [10, 14]
let v = (b - 10) / 4
output u = exp(-((a - 0.35)^2 + (v - 0.65)^2) / (2 * 0.08^2)) + 0.2 * (a + v)
output w = 3 + a * v - v^2
"""
SAMPLES = 250
# Bumps end inside their balls, where fourth derivatives jump.
STEP = 1e-5


@pytest.fixture(scope="module")
def client(server):
    with sobolev.Client(server.grpc, timeout=120) as connected:
        yield connected


@pytest.fixture(scope="module")
def bump(client) -> sobolev.Program:
    return client.create_program(unique("bump"), SOURCE)


@pytest.fixture(scope="module")
def dataset(bump) -> sobolev.Dataset:
    return bump.sample_into(unique("bump"), SAMPLES)


@pytest.fixture(scope="module")
def models(client, dataset) -> dict[str, sobolev.Model]:
    """By what the local models are put on."""
    options = {
        "network": {"hidden": [8, 8], "taylor_order": 2},
        "polynomial": {"taylor_base": "polynomial", "taylor_order": 1},
        "constant": {"taylor_base": "constant"},
        "composed": {"taylor_base": "constant", "taylor_order": 2, "lower": {"u": -0.01}},
    }
    jobs = {
        name: client.train(dataset=dataset, model=unique(name), **each)
        for name, each in options.items()
    }
    return {name: job.wait(progress=False) for name, job in jobs.items()}


def points(count: int = 40) -> np.ndarray:
    return np.array([0, 10]) + np.array([1, 4]) * np.random.default_rng(5).uniform(
        0.02, 0.98, (count, 2)
    )


def test_a_version_says_what_it_is_made_of(models):
    local = models["network"].local_taylor
    assert models["network"].kind == models["network"].core_kind == "local_taylor"
    assert models["network"].hidden == (8, 8)
    assert (local.base_kind, local.order, local.centre_count) == ("network", 2, SAMPLES)
    assert models["polynomial"].local_taylor.base_kind == "polynomial"
    assert models["constant"].local_taylor.order in (1, 2, 3)
    assert (models["composed"].kind, models["composed"].core_kind) == ("composed", "local_taylor")
    for model in models.values():
        local = model.local_taylor
        shares = (local.constant_share, local.linear_share, local.quadratic_share)
        assert min(shares) >= 0
        assert 0.3 < sum(shares) <= 1
    assert len(models["constant"].report.leaderboard) == 3
    assert len(models["network"].report.leaderboard) == 1


@pytest.mark.parametrize("kind", ["network", "polynomial", "constant", "composed"])
def test_the_labels_are_met_and_all_derivatives_are_those_of_the_values(models, bump, kind):
    model = models[kind]
    x = points()
    exact = bump.evaluate(x, jacobian=True)
    served = model.evaluate(x, jacobian=True, hessian=True, tangents=[0.3, 2.0], adjoints=[1, -2.0])
    assert np.abs(served.value - exact.value).max() < 0.15
    assert np.abs(served.jacobian - exact.jacobian).max() < 3
    slope = np.empty_like(served.jacobian)
    curvature = np.empty_like(served.hessian)
    for j in range(2):
        step = np.zeros(2)
        step[j] = STEP
        ahead = model.evaluate(x + step, jacobian=True)
        behind = model.evaluate(x - step, jacobian=True)
        slope[:, :, j] = (ahead.value - behind.value) / (2 * STEP)
        curvature[:, :, j, :] = (ahead.jacobian - behind.jacobian) / (2 * STEP)
    np.testing.assert_allclose(served.jacobian, slope, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(served.hessian, curvature, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(served.jvp, served.jacobian @ [0.3, 2.0], atol=1e-10)
    np.testing.assert_allclose(
        served.vjp, np.einsum("i,sij->sj", [1, -2], served.jacobian), atol=1e-10
    )


def test_the_same_samples_and_options_give_the_same_bits_also_after_a_restart(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc, timeout=120) as client:
        program = client.create_program("bump", SOURCE)
        dataset = program.sample_into("bump", 60)
        options = {"dataset": dataset, "hidden": [6], "kind": "local_taylor"}
        first = client.train(model="first", **options).wait(progress=False)
        before = first.evaluate(points(), jacobian=True, hessian=True)
        assert server.terminate() == 0
        server.start()
        after = client.model("first").evaluate(points(), jacobian=True, hessian=True)
        for part in ("value", "jacobian", "hessian"):
            np.testing.assert_array_equal(getattr(before, part), getattr(after, part))
        assert client.model("first").local_taylor == first.local_taylor
        again = client.train(model="second", **options).wait(progress=False)
        assert again.weights_sha256 == first.weights_sha256
    assert server.terminate() == 0


def test_what_the_server_chooses_is_at_least_as_good(client, dataset, bump, models):
    chosen = client.train(dataset=dataset, model=unique("auto"), effort=3).wait(progress=False)
    recipes = [trial.recipe for trial in chosen.report.leaderboard]
    assert any("local taylor" in recipe for recipe in recipes)
    x = points(500)
    exact = bump.evaluate(x).value
    missed = {
        name: np.sqrt(np.mean((model.predict(x) - exact) ** 2))
        for name, model in {**models, "auto": chosen}.items()
    }
    assert missed["auto"] <= 1.5 * min(missed.values())


@pytest.mark.parametrize("kind", ["network", "polynomial", "constant", "composed"])
def test_no_sampled_point_is_outside_of_the_bounds(models, kind):
    box = {"a": (0.3, 0.42), "b": (12.2, 12.9)}
    found = models[kind].bound(box, jacobian=True, max_boxes=200)
    side = found.box[:, 1] - found.box[:, 0]
    x = found.box[:, 0] + side * np.random.default_rng(7).uniform(size=(5000, 2))
    value, jacobian = models[kind].value_and_jacobian(x)
    slack = 1e-11
    assert (found.value_min - slack <= value).all() and (value <= found.value_max + slack).all()
    assert (found.jacobian_min - slack <= jacobian).all()
    assert (jacobian <= found.jacobian_max + slack).all()
    span = value.max(axis=0) - value.min(axis=0)
    assert (found.value_max - found.value_min <= 2 * span).all(), "tight after 200 boxes"


def test_other_questions_have_an_answer_or_a_clear_error(client, models):
    network = models["network"]
    assert network.plan_derivatives() is not None
    assert len(network.significance().inputs) == 2
    with pytest.raises(sobolev.InvalidArgumentError, match="local Taylor models"):
        client.prune(network, fraction=0.5)


def test_the_command_line_trains_and_shows_them(cli, dataset):
    name = unique("shown")
    version = cli.json(
        *("train", dataset.id, "--model", name, "--kind", "local-taylor"),
        *("--taylor-base", "constant", "--taylor-order", "2"),
    )["model_version"]
    assert version["kind"] == "local_taylor"
    assert version["local_taylor"]["centre_count"] == SAMPLES
    said = cli.ok("model", "show", name)
    assert "local taylor on polynomial, " in said
    assert f"order 2 around {SAMPLES} centres; constant in " in said
