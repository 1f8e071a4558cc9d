"""Data that are wrong or odd: derivatives that contradict values, noise, jumps, constants, repeats,
and functions without values. The job says what it sees and ends."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from naming import unique

import sobolev

FAST = {"kind": "polynomial"}
INPUTS = [sobolev.Variable("a", lower=-1, upper=1), sobolev.Variable("b", lower=0, upper=2)]


def wave(x):
    """y [N, 1] and Jacobian [N, 1, 2] at x [N, 2]."""
    a, b = x[:, 0], x[:, 1]
    y = np.sin(2 * a) * b + b**2
    jacobian = np.stack([2 * np.cos(2 * a) * b, np.sin(2 * a) + 2 * b], axis=1)
    return y[:, np.newaxis], jacobian[:, np.newaxis]


def points(count, seed=0):
    return np.random.default_rng(seed).uniform([-1, 0], [1, 2], (count, 2))


def new_dataset(client):
    return client.create_dataset(unique("odd"), INPUTS, ["u"])


def start(client, dataset=None, **options):
    return client.start_sampling(dataset or new_dataset(client), training=FAST, **options)


def serve(client, job, function):
    """Evaluates all points of the job at once, until it ends."""
    deadline = time.monotonic() + 240
    while True:
        asked = job.ask("w", 64)
        if asked.finished:
            return job.wait(progress=False, timeout=120)
        if asked.points:
            x = np.array([point.x for point in asked.points])
            job.tell("w", asked.points, *function(x))
        else:
            time.sleep(0.02)
        assert time.monotonic() < deadline


# ---- Derivatives that contradict the values ------------------------------------------------------


def messages_of(append):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        append()
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        (lambda jacobian: jacobian * [1, -1], ["du/db have the wrong sign; multiply them by -1"]),
        (
            lambda jacobian: jacobian * [1000, 1],
            ["du/da are off by a factor of about"],
        ),
        (
            lambda jacobian: jacobian[..., ::-1],
            ["du/da are the derivative by b", "du/db are the derivative by a"],
        ),
    ],
    ids=["sign", "unit", "order"],
)
def test_wrong_derivatives_are_named_as_they_are_uploaded(client, mistake, expected):
    x = points(40)
    y, jacobian = wave(x)
    assert messages_of(lambda: new_dataset(client).append(x, y, jacobian)) == []
    said = messages_of(lambda: new_dataset(client).append(x, y, mistake(jacobian)))
    assert len(said) == len(expected)
    for message, part in zip(said, expected, strict=True):
        assert part in message


def test_small_uploads_are_judged_with_those_before_and_again_when_repeated(client):
    x = points(24)
    y, jacobian = wave(x)
    dataset = new_dataset(client)
    for k in range(3):
        part = slice(8 * k, 8 * k + 8)

        def append(part=part, k=k):
            dataset.append(x[part], y[part], -jacobian[part], upload_id=f"upload-{k}")

        said = messages_of(append)
    assert len(said) == 2
    assert messages_of(append) == said
    assert len(dataset) == 24


def test_a_job_names_wrong_derivatives_that_workers_tell(client):
    rule = sobolev.StopRule(evaluations=40)

    def wrong(x):
        y, jacobian = wave(x)
        return y, jacobian * [-1, 1]

    job = start(client, stop=rule, initial_points=24)
    serve(client, job, wrong)
    found = job.status().warnings
    assert [(w.input, w.output, w.kind) for w in found] == [("a", "u", "sign")]
    job = start(client, stop=rule, initial_points=24)
    serve(client, job, wave)
    assert job.status().warnings == ()


# ---- Noise ---------------------------------------------------------------------------------------


def noisy(share, rng):
    def function(x):
        y, jacobian = wave(x)
        return y + share * rng.standard_normal(y.shape), jacobian

    return function


def test_a_target_below_the_noise_ends_the_job(client):
    job = start(client, stop=sobolev.StopRule(value_error=1e-4), initial_points=40)
    model = serve(client, job, noisy(0.1, np.random.default_rng(1)))
    status = job.status()
    assert (status.stop_reason, status.stop_rule) == ("noise", 0)
    x = points(1000, 3)
    y, _ = wave(x)
    last = status.rounds[-1]
    assert 0.5 < last.value_noise / (0.1 / y.std()) < 2
    assert last.value_error <= 1.25 * last.value_noise
    # The model is smooth: it is nearer to the function than the values are.
    assert np.sqrt(np.mean((model.predict(x) - y) ** 2)) < 0.1


def test_a_function_without_noise_shows_none_and_reaches_its_target(client):
    job = start(client, stop=sobolev.StopRule(value_error=1e-4), initial_points=40)
    serve(client, job, wave)
    status = job.status()
    assert status.stop_reason == "rule"
    assert all(each.value_noise == 0 for each in status.rounds)


# ---- Odd functions -------------------------------------------------------------------------------


def test_a_discontinuity_is_sampled_to_the_budget_and_is_not_noise(client):
    def step(x):
        y, jacobian = wave(x)
        return y + 2.0 * (x[:, :1] > 0.1), jacobian

    job = start(client, stop=sobolev.StopRule(evaluations=60), initial_points=30)
    serve(client, job, step)
    status = job.status()
    assert (status.stop_reason, status.counts.done >= 60) == ("rule", True)
    assert status.rounds[-1].value_noise == 0


def test_a_constant_is_known_at_once(client):
    def constant(x):
        return np.full((len(x), 1), 7.0), np.zeros((len(x), 1, 2))

    rule = sobolev.StopRule(value_error=1e-6, gradient_error=1e-6)
    job = start(client, stop=rule)
    model = serve(client, job, constant)
    assert job.status().stop_reason == "rule"
    assert len(job.rounds()) == 1
    np.testing.assert_allclose(model.predict(points(20)), 7.0, rtol=1e-12)


def test_repeated_and_contradictory_samples_do_no_harm(client):
    x = points(30)
    y, jacobian = wave(x)
    dataset = new_dataset(client)
    dataset.append(x, y, jacobian)
    dataset.append(x, y, jacobian)
    dataset.append(x[:1], y[:1] + 1, jacobian[:1])
    job = start(client, dataset, stop=sobolev.StopRule(evaluations=12))
    serve(client, job, wave)
    status = job.status()
    assert (status.stop_reason, status.counts.done >= 12) == ("rule", True)
    assert all(np.isfinite(each.value_error) for each in status.rounds)


def test_values_that_differ_where_points_are_repeated_are_noise(client):
    rng = np.random.default_rng(4)
    x = np.repeat(points(30), 2, axis=0)
    y, _ = wave(x)
    dataset = new_dataset(client)
    dataset.append(x, y + 0.2 * rng.standard_normal(y.shape))
    job = start(client, dataset, jacobian=False, stop=sobolev.StopRule(evaluations=4))
    serve(client, job, lambda x: (noisy(0.2, rng)(x)[0],))
    share = 0.2 / wave(points(1000))[0].std()
    assert 0.5 < job.rounds()[-1].value_noise / share < 2


# ---- Functions without values --------------------------------------------------------------------


def test_a_job_whose_evaluations_all_fail_ends_and_quotes_the_first(client):
    job = start(client, initial_points=4, max_attempts=1)
    with pytest.raises(sobolev.JobFailedError, match=r"the first with \"no licence\"") as failed:
        while True:
            asked = job.ask("w", 4)
            if asked.finished:
                job.wait(progress=False, timeout=60)
            failures = [sobolev.Failure(point.id, "no licence") for point in asked.points]
            if failures:
                job.tell("w", [], failures=failures)
            else:
                time.sleep(0.02)
    assert failed.value.reason == "NO_EVALUATIONS"


def test_constraints_that_nothing_meets_are_refused_with_the_effort(client):
    source = "input a in [-1, 1]\ninput b in [0, 2]\noutput g = a * a + b * b + 0.5"
    program = client.create_program("everywhere-positive", source)
    with pytest.raises(sobolev.SobolevError, match="feasible"):
        start(client, constraint_program=program).wait(progress=False, timeout=120)


def test_results_after_the_end_stay_with_the_job_and_out_of_the_dataset(client):
    dataset = new_dataset(client)
    job = start(client, dataset, initial_points=5)
    deadline = time.monotonic() + 60
    held = ()
    while len(held) < 5 and time.monotonic() < deadline:
        held = job.ask("w", 5).points
    y, jacobian = wave(np.array([point.x for point in held]))
    job.tell("w", held[:4], y[:4], jacobian[:4])
    job.stop()
    job.wait(progress=False, timeout=120)
    assert job.tell("w", held[4:], y[4:], jacobian[4:]) == ("taken",)
    assert job.status().counts.done == 5
    assert len(dataset.refresh()) == 4
