"""Sampling jobs from Python: starting and steering them, and functions that work for them."""

from __future__ import annotations

import math
import pathlib
import threading
import time

import numpy as np
import pytest
from naming import unique

import sobolev

README = (pathlib.Path(__file__).parents[3] / "client" / "python" / "README.md").read_text()
FAST = {"kind": "polynomial"}


def saddle(x):
    """F(a, b) = sin(a) b with its gradient."""
    return math.sin(x[0]) * x[1], [math.cos(x[0]) * x[1], math.sin(x[0])]


@pytest.fixture
def start(client):
    """Starts a job on a dataset of its own, with inputs a in [-1, 1] and b in [0, 2]; ends it."""
    jobs = []

    def started(dataset=None, **options):
        if dataset is None:
            inputs = [sobolev.Variable("a", lower=-1, upper=1), sobolev.Variable("b", "m", 0, 2)]
            dataset = client.create_dataset(unique("sampled"), inputs, ["u"])
        jobs.append(client.start_sampling(dataset, training=FAST, **options))
        return jobs[-1]

    yield started
    for job in jobs:
        job.cancel()


def ask_until(job, worker, count):
    """What the worker holds once it holds so many points."""
    deadline = time.monotonic() + 60
    while True:
        asked = job.ask(worker, count)
        if len(asked.points) == count:
            return asked
        assert time.monotonic() < deadline, asked
        time.sleep(0.02)


def states(job):
    return [point.state for point in job.points()]


# ---- Jobs ----------------------------------------------------------------------------------------


def test_a_program_is_sampled_until_a_rule_holds(client, start):
    program = client.create_program(unique("saddle"), "input a\ninput b\noutput u = sin(a) * b")
    rules = [sobolev.StopRule(value_error=1e-30), sobolev.StopRule(evaluations=30)]
    job = start(program=program, stop=rules, model=unique("m"))
    events = [event.progress.sampling for event in job.job.watch(timeout=300) if event.progress]
    model = job.wait(progress=False)
    assert events[-1].counts.done == 30
    assert events[-1].round is not None
    status = job.status()
    assert status.phase == "ended"
    assert (status.stop_reason, status.stop_rule) == ("rule", 1)
    assert status.counts == sobolev.SamplingCounts(0, 0, 30, 0, 0)
    assert status.cost == 60
    assert status.rounds[-1].evaluations == 30
    assert status.rounds[-1].model_version == model.name
    assert [r.number for r in job.rounds()] == list(range(1, len(status.rounds) + 1))
    assert job.model().name == model.name
    x = np.random.default_rng(1).uniform([-1, 0], [1, 2], (200, 2))
    assert np.abs(model.predict(x)[:, 0] - np.sin(x[:, 0]) * x[:, 1]).max() < 1e-3


def test_points_tell_all_that_happened_to_them(client, start):
    job = start(initial_points=5)
    with pytest.raises(sobolev.NotFoundError, match="no model yet"):
        job.model()
    asked = ask_until(job, "w", 3)
    assert asked.jacobian
    assert not asked.finished
    assert asked.heartbeat == pytest.approx(200)
    first, second, third = asked.points
    assert job.tell("w", [first], [4.0]) == ("taken",)
    assert job.tell("w", [first], [4.0], [[1.0, 2.0]]) == ("late",)
    assert job.tell("w", [first], [4.0]) == ("known",)
    failures = [
        sobolev.Failure(second.id, "no licence", attempt=second.attempt),
        sobolev.Failure(third.id, "separated", infeasible=True),
    ]
    assert job.tell("w", [], failures=failures) == ("retry", "taken")
    points = job.points()  # And maybe one that replaces the third.
    assert [p.id for p in points[:5]] == [1, 2, 3, 4, 5]
    assert [p.state for p in points[:4]] == ["done", "queued", "infeasible", "queued"]
    assert points[0].y == [4.0]
    assert np.array_equal(points[0].x, first.x)
    assert points[1].y is None
    assert (points[1].reason, points[2].reason) == ("no licence", "separated")
    assert [p.id for p in ask_until(job, "v", 1).points] == [2]
    again = job.points()[1]
    assert (again.worker, again.attempt, again.state) == ("v", 2, "leased")
    assert again.lease_expire_time is not None
    assert job.heartbeat("v") == {2}
    assert job.heartbeat("w") == set()
    assert client.sampling(job.id).status() == job.status()


def test_many_points_are_listed_in_several_pages(start, monkeypatch):
    monkeypatch.setattr("sobolev.sampling._PAGE", 7)
    job = start(initial_points=21)
    ask_until(job, "w", 21)
    assert [p.id for p in job.points()] == list(range(1, 22))


def test_a_job_can_be_paused_and_resumed_and_stopped(start):
    job = start(initial_points=4)
    held = ask_until(job, "w", 4).points
    assert job.pause().phase == "paused"
    assert job.ask("v", 1).points == ()
    assert job.tell("w", held[:1], [saddle(held[0].x)[0]]) == ("taken",)
    assert job.heartbeat("w") == {p.id for p in held[1:]}
    assert job.resume().phase == "sampling"
    job.tell("w", held[1:], [saddle(p.x)[0] for p in held[1:]])
    job.stop()
    model = job.wait(progress=False, timeout=120)
    assert job.status().stop_reason == "stopped"
    assert job.rounds()[-1].model_version == model.name
    assert job.ask("w", 1).finished
    with pytest.raises(sobolev.FailedPreconditionError, match="has ended"):
        job.resume()


def test_the_domain_is_given_by_order_by_name_or_by_the_schema(client, start):
    unbounded = client.create_dataset(unique("unbounded"), ["a", "b"], ["u"])
    for options, low, high in (
        ({}, [-1, 0], [1, 2]),
        ({"domain": [(0, 0.5), (1, 1.5)]}, [0, 1], [0.5, 1.5]),
        ({"domain": {"b": (1, 1.5)}}, [-1, 1], [1, 1.5]),
        ({"dataset": unbounded, "domain": {"b": (5, 6), "a": (3, 4)}}, [3, 5], [4, 6]),
        ({"dataset": unbounded.id, "domain": {"b": (5, 6), "a": (3, 4)}}, [3, 5], [4, 6]),
    ):
        job = start(initial_points=16, **options)
        x = np.array([p.x for p in ask_until(job, "w", 16).points])
        assert (x >= low).all() and (x <= high).all()
        assert (np.ptp(x, axis=0) > 0.8 * np.subtract(high, low)).all()


def test_inputs_are_sampled_as_they_are_described(client, start):
    inputs = [sobolev.Variable("a", "", 1, 100), *(sobolev.Variable(n, "", 0, 4) for n in "bcde")]
    dataset = client.create_dataset(unique("described"), inputs, ["u"])
    disc = client.create_program(
        unique("disc"),
        "input a\ninput b\ninput c\ninput d\ninput e\noutput g = (d - 2)^2 + (e - 2)^2 - 4",
    )
    described = [
        sobolev.SamplingInput("c", fixed=3),
        sobolev.SamplingInput("a", logarithmic=True),
        sobolev.SamplingInput("b", integer=True),
        sobolev.SamplingInput("d", normal=(2, 0.5)),
    ]
    limit = sobolev.LinearConstraint({"d": 1, "e": -1}, 0)
    options = {"inputs": described, "constraints": [limit], "constraint_program": disc}
    job = start(dataset, initial_points=64, **options)
    a, b, c, d, e = np.array([p.x for p in ask_until(job, "w", 64).points]).T
    assert 20 < (a < 10).sum() < 44
    assert set(b) == {0, 1, 2, 3, 4}
    assert set(c) == {3}
    assert (d <= e).all()
    assert (np.hypot(d - 2, e - 2) <= 2).all()
    assert np.mean(np.abs(d - 2) < 1) > 0.85


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"inputs": [sobolev.SamplingInput("c")]}, "spec.inputs[0].input"),
        ({"inputs": [sobolev.SamplingInput("a", triangular=7)]}, "spec.inputs[0].triangular.mode"),
        (
            {"inputs": [sobolev.SamplingInput("a", beta=(1, 2), normal=(0, 1))]},
            "inputs[a]",
        ),
        (
            {"inputs": [sobolev.SamplingInput("a", piecewise_linear=([-1, 1], [-1, 1]))]},
            "spec.inputs[0].piecewise_linear.densities",
        ),
        ({"inputs": [sobolev.SamplingInput("a", normal="ab")]}, "spec"),
        (
            {"constraints": [sobolev.LinearConstraint({"c": 1}, 0)]},
            "spec.constraints[0].coefficients",
        ),
        ({"domain": {"c": (0, 1)}}, "domain[c]"),
        ({"domain": [0, 1]}, "domain"),
        ({"domain": [(0, 1)]}, "spec.domain"),
        ({"domain": [(0, 1), (1, 0)]}, "spec.domain[1].max"),
        ({"domain": [(-2, 1), (0, 1)]}, "spec.domain[0].min"),
        ({"strategy": "clever"}, "strategy"),
        ({"stop": sobolev.StopRule()}, "spec.stop_rules[0]"),
        ({"stop": sobolev.StopRule(cost=-1.0)}, "spec.stop_rules[0].cost"),
        ({"stop": 100}, "stop"),
        ({"stop": {"evaluations": 100}}, "stop[0]"),
        ({"stop": [sobolev.StopRule(evaluations=9), "cost"]}, "stop[1]"),
        ({"stop": sobolev.StopRule(evaluations="many")}, "stop"),
        ({"stop": [sobolev.StopRule(cost=1.0), sobolev.StopRule(evaluations=2**70)]}, "stop[1]"),
        ({"strategy": 3}, "strategy"),
        ({"goal": "minimum"}, "goal"),
        ({"goal": ("minimum", "u")}, "goal"),
        ({"goal": sobolev.SamplingGoal(2, "u")}, "goal.kind"),
        ({"goal": sobolev.SamplingGoal("minimum", 0)}, "goal"),
        ({"boxes": {"max_boxes": 4}}, "boxes"),
        ({"boxes": sobolev.SamplingBoxSpec(max_boxes="all")}, "boxes"),
        ({"inputs": "a"}, "inputs[0]"),
        ({"inputs": sobolev.SamplingInput("a")}, "inputs"),
        ({"constraints": [{"a": 1}]}, "constraints[0]"),
        ({"initial_points": "many"}, "spec"),
        ({"max_attempts": 0}, "spec.max_attempts"),
        ({"um_bridge": "http://host:1"}, "um_bridge"),
        ({"um_bridge": []}, "spec.um_bridge.urls"),
        ({"um_bridge": ["host"]}, "spec.um_bridge.urls[0]"),
        ({"um_bridge": ["http://h:1"], "um_bridge_model": "a/b"}, "spec.um_bridge.model"),
    ],
    ids=str,
)
def test_bad_options_are_refused_by_name(start, options, field):
    with pytest.raises(sobolev.InvalidArgumentError) as refused:
        start(**options)
    assert refused.value.field == field


def test_bad_changes_are_refused_by_name(start):
    job = start()
    for change, field in (
        ({"stop": 100}, "stop"),
        ({"stop": ["cost"]}, "stop[0]"),
        ({"stop": sobolev.StopRule(cost="much")}, "stop"),
        ({"strategy": 3}, "strategy"),
        ({"goal": "minimum"}, "goal"),
        ({"goal": sobolev.SamplingGoal("minimum", "u", level="low")}, "goal"),
        ({"boxes": 10}, "boxes"),
        ({"round_fraction": "half"}, "round_fraction"),
        ({"round_fraction": 2.0}, "spec.round_fraction"),
    ):
        with pytest.raises(sobolev.InvalidArgumentError) as refused:
            job.update(**change)
        assert refused.value.field == field, change
    job.cancel()


def test_um_bridge_servers_must_be_allowed_by_the_operator(start):
    with pytest.raises(sobolev.FailedPreconditionError) as refused:
        start(um_bridge=["http://localhost:1"])
    assert refused.value.reason == "HOST_NOT_ALLOWED"


def test_an_input_without_bounds_needs_a_range(client):
    dataset = client.create_dataset(unique("unbounded"), ["a", "b"], ["u"])
    with pytest.raises(sobolev.InvalidArgumentError) as refused:
        client.start_sampling(dataset, domain={"a": (0, 1)})
    assert refused.value.field == "domain[b]"
    with pytest.raises(sobolev.InvalidArgumentError) as refused:
        client.start_sampling(dataset)
    assert refused.value.field == "spec.domain"


def test_the_same_request_starts_one_job(start, client):
    client.create_dataset("sampled-once", [sobolev.Variable("a", lower=0, upper=1)], ["u"])
    first, again = (start("sampled-once", model="once", request_id="sampled") for _ in range(2))
    assert first.name == again.name
    assert repr(client.sampling(first.id)) == f"Sampling({first.id!r})"


def test_a_training_is_no_sampling_job(client):
    job = client.train([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0], kind="polynomial")
    with pytest.raises(sobolev.FailedPreconditionError):
        client.sampling(job.id)
    with pytest.raises(sobolev.NotFoundError):
        client.sampling("nobody")


# ---- Workers -------------------------------------------------------------------------------------


def test_a_function_works_until_the_job_ends(client, start):
    job = start(stop=sobolev.StopRule(evaluations=25))

    @client.worker(job, parallel=3, name="decorated")
    def simulate(x):
        return saddle(x)

    assert simulate(np.array([0.5, 2.0])) == saddle([0.5, 2.0])
    summary = simulate.run()
    assert summary == sobolev.WorkSummary(evaluated=summary.evaluated, infeasible=0, failed=0)
    assert summary.evaluated >= 25
    model = job.wait(progress=False, timeout=300)
    assert model.report.jacobian_samples == model.report.training_samples
    points = job.points()
    assert {p.worker for p in points if p.state == "done"} == {"decorated"}
    for point in points:
        if point.state == "done":
            assert point.y == pytest.approx([saddle(point.x)[0]], abs=0)


def test_what_a_function_raises_and_returns_is_told(client, start):
    """Each point another answer, in the order in which points are handed out."""
    job = start(initial_points=11, max_attempts=1)
    answers = {
        1: (lambda: 1, "done", ""),
        2: (lambda: [2.0], "done", ""),
        3: (lambda: np.array([[3.0]]), "done", ""),
        4: (lambda: (4.0, [[1.0, 2.0]]), "done", ""),
        5: (lambda: (5.0, np.array([1.0, 2.0])), "done", ""),
        6: (lambda: math.nan, "infeasible", "y[0][0]"),
        7: (lambda: (7.0, [math.inf, 0.0]), "infeasible", "jacobian[0][0][0]"),
        8: (lambda: fail(sobolev.Infeasible("behind the wall")), "infeasible", "behind the wall"),
        9: (lambda: fail(RuntimeError("ü" * 2000)), "failed", "RuntimeError: üüü"),
        10: (lambda: [1.0, 2.0], "failed", "expected shape [N, 1]"),
        11: (lambda: None, "failed", "got None"),
    }

    def fail(error):
        raise error

    called = iter(answers)
    done = threading.Event()

    def answer(x):
        number = next(called, None)
        if number is None:  # Points that replace those without a value.
            done.set()
            raise RuntimeError("enough")
        return answers[number][0]()

    worker = client.worker(job.id)(answer)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert done.wait(120)
    worker.stop()
    thread.join(120)
    points = {p.id: p for p in job.points()}
    for number, (_, state, reason) in answers.items():
        assert points[number].state == state, points[number]
        assert reason in points[number].reason, points[number]
        if state == "done":
            assert points[number].y == [float(number)]


def test_functions_run_at_once_and_leases_are_kept_meanwhile(client, start):
    """Four calls wait for each other, for longer than a lease."""
    job = start(initial_points=4, lease_seconds=5, stop=sobolev.StopRule(evaluations=4))
    meeting = threading.Barrier(4)

    def slow(x):
        meeting.wait(60)
        time.sleep(6)
        return saddle(x)

    summary = client.work(job, slow, parallel=4)
    assert summary.evaluated == 4
    job.wait(progress=False, timeout=120)
    assert [(p.state, p.attempt) for p in job.points()] == [("done", 1)] * 4


def test_leases_are_kept_while_the_job_is_paused(client, start):
    job = start(initial_points=4, lease_seconds=5, stop=sobolev.StopRule(evaluations=4))
    started, released = threading.Event(), threading.Event()

    def slow(x):
        started.set()
        assert released.wait(60)
        return saddle(x)

    worker = client.worker(job, parallel=2)(slow)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert started.wait(60)
    job.pause()
    time.sleep(6)
    assert job.ask("thief", 4).points == ()
    assert len(job.heartbeat(worker.name)) == 2
    job.resume()
    released.set()
    thread.join(120)
    assert not thread.is_alive()
    assert [(p.state, p.attempt) for p in job.points()] == [("done", 1)] * 4


def test_failures_are_tried_again_by_whoever_asks(client, start):
    job = start(initial_points=4, stop=sobolev.StopRule(evaluations=4))
    seen = {}

    def flaky(x):
        seen[tuple(x)] = seen.get(tuple(x), 0) + 1
        if seen[tuple(x)] == 1:
            raise OSError("no licence")
        return saddle(x)

    assert client.work(job, flaky) == sobolev.WorkSummary(evaluated=4, infeasible=0, failed=4)
    job.wait(progress=False, timeout=120)
    assert states(job) == ["done"] * 4
    assert set(seen.values()) == {2}


def test_a_worker_needs_a_thread_and_a_job(client, start):
    with pytest.raises(ValueError, match="parallel"):
        client.worker(start(), parallel=0)(saddle)
    with pytest.raises(sobolev.NotFoundError):
        client.work("nobody", saddle)
    with pytest.raises(sobolev.InvalidArgumentError, match="worker"):
        client.work(start(), saddle, name="a/b")


def test_the_example_of_the_readme_runs(client):
    (example,) = (code for code in README.split("```")[1::2] if "start_sampling" in code)
    made = {"client": client, "np": np, "sobolev": sobolev}
    exec(example.removeprefix("python"), made)
    assert made["model"].name.startswith("models/runs/versions/")
    assert made["job"].status().stop_reason == "rule"


def test_a_job_without_any_value_fails_and_says_why(client, start):
    job = start(initial_points=2, max_attempts=1)

    def broken(x):
        raise ZeroDivisionError("always")

    client.work(job, broken)
    with pytest.raises(sobolev.JobFailedError, match="ZeroDivisionError: always"):
        job.wait(progress=False, timeout=60)
