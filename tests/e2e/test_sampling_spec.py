"""What sampling jobs are told to do: strategies, goals, boxes, and changes in mid-way."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from naming import unique

import sobolev

FAST = {"kind": "polynomial"}
INPUTS = [sobolev.Variable("a", lower=-1, upper=1), sobolev.Variable("b", lower=0, upper=2)]
# A narrow bump on a slope, and its opposite.
BUMP = """input a in [-1, 1]
input b in [0, 2]
output u = a + 0.5 * b - 4 * exp(-20 * ((a - 0.4)^2 + (b - 1.3)^2))"""
PEAK = """input a in [-1, 1]
input b in [0, 2]
output u = 4 * exp(-20 * ((a - 0.4)^2 + (b - 1.3)^2)) - a - 0.5 * b"""


def bump(x):
    a, b = x[:, 0], x[:, 1]
    return a + 0.5 * b - 4 * np.exp(-20 * ((a - 0.4) ** 2 + (b - 1.3) ** 2))


def grid(count=801):
    axes = np.linspace(-1, 1, count), np.linspace(0, 2, count)
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)


def start(client, source=None, *, variables=INPUTS, **options):
    """A job on a dataset of its own."""
    dataset = client.create_dataset(unique("sampled"), variables, ["u"])
    if source is not None:
        options["program"] = client.create_program(unique("function"), source)
    return client.start_sampling(dataset, **{"training": FAST, **options})


def evaluate(job, function, worker="w", count=64):
    """Tells a worker's points once: how many there were."""
    asked = job.ask(worker, count)
    if asked.points:
        job.tell(worker, asked.points, function(np.array([p.x for p in asked.points]))[:, None])
    return len(asked.points)


def eventually(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def placed(job):
    """The points that are there for the goal."""
    return np.array([p.x for p in job.points() if p.round > 0 and not p.space_filling])


# ---- Strategies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("jacobian", [True, False])
def test_lola_voronoi_samples_where_tangents_fail(client, jacobian):
    job = start(
        *(client, BUMP),
        strategy="lola_voronoi",
        jacobian=jacobian,
        stop=sobolev.StopRule(evaluations=120),
    )
    job.wait(progress=False, timeout=300)
    x = placed(job)
    assert len(x) > 60
    near = np.hypot(x[:, 0] - 0.4, x[:, 1] - 1.3) < 0.5
    even = np.pi * 0.5**2 / 4
    # Without Jacobians it fills the space.
    assert (near.mean() > 1.5 * even) == jacobian


# ---- Goals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "jacobian"), list(itertools.product(["minimum", "maximum"], [True, False]))
)
def test_the_least_and_the_greatest_value_are_found(client, kind, jacobian):
    sign = 1 if kind == "minimum" else -1
    job = start(
        *(client, BUMP if kind == "minimum" else PEAK),
        goal=sobolev.SamplingGoal(kind, "u"),
        jacobian=jacobian,
        stop=sobolev.StopRule(evaluations=80),
    )
    job.wait(progress=False, timeout=300)
    status = job.status()
    truth = bump(grid()).min()
    assert sign * status.best.value < truth + 0.01
    done = [point for point in job.points() if point.state == "done"]
    values = [sign * point.y[0] for point in done]
    assert sign * status.best.value == min(values)
    assert tuple(done[int(np.argmin(values))].x) == status.best.x
    bests = [sign * each.best.value for each in status.rounds]
    assert bests == sorted(bests, reverse=True)
    assert bests[-1] == min(values)


def test_a_level_is_followed(client):
    job = start(
        *(client, BUMP),
        goal=sobolev.SamplingGoal("level", "u", 0.5),
        stop=sobolev.StopRule(evaluations=120),
    )
    job.wait(progress=False, timeout=300)
    even = np.mean(np.abs(bump(grid()) - 0.5) < 0.1)
    assert np.mean(np.abs(bump(placed(job)) - 0.5) < 0.1) > 2 * even
    assert job.status().best is None


def test_the_best_is_that_of_seeds_and_of_what_was_told_last(client):
    job = start(client, goal=sobolev.SamplingGoal("minimum", "u"), initial_points=4, jacobian=False)
    assert job.status().best is None
    eventually(lambda: evaluate(job, bump) > 0)
    eventually(lambda: job.rounds())
    told = [point.y[0] for point in job.points() if point.state == "done"]
    assert job.status().best.value == min(told)
    seeded = client.dataset(job.job.dataset.rpartition("/")[2])
    job.stop()
    job.wait(progress=False, timeout=120)
    seeded.append([[0.4, 1.3], [0.9, 1.3]], [[-9.0], [-99.0]])  # The second one is outside.
    again = client.start_sampling(
        *(seeded,),
        domain=[(-1, 0.5), (0, 2)],
        goal=sobolev.SamplingGoal("minimum", "u"),
        training=FAST,
        jacobian=False,
        initial_points=4,
    )
    eventually(lambda: again.rounds())
    assert again.status().best == sobolev.SamplingBest((0.4, 1.3), -9.0)
    again.cancel()


# ---- Boxes ---------------------------------------------------------------------------------------


def slope(x, h=1e-6):
    """Of the bump, by central differences: [N, 2]."""
    steps = h * np.eye(2)
    return np.stack([(bump(x + step) - bump(x - step)) / (2 * h) for step in steps], axis=1)


def curvature(x, h=1e-4):
    """Likewise [N, 2, 2]."""
    steps = h * np.eye(2)
    return np.stack([(slope(x + step) - slope(x - step)) / (2 * h) for step in steps], axis=2)


def largest_error(box, rng):
    """Of the Taylor polynomial about the centre, at random points of the box."""
    centre = ((box.min + box.max) / 2)[None]
    x = rng.uniform(box.min, box.max, (200, 2))
    t = x - centre
    taylor = np.repeat(bump(centre), len(x))
    if box.order in ("linear", "quadratic"):
        taylor += t @ slope(centre)[0]
    if box.order == "quadratic":
        taylor += 0.5 * np.einsum("si,ij,sj->s", t, curvature(centre)[0], t)
    return np.abs(bump(x) - taylor).max()


@pytest.mark.parametrize("is_program", [True, False])
def test_boxes_keep_what_they_promise(client, is_program):
    job = start(
        *(client, BUMP if is_program else None),
        boxes=sobolev.SamplingBoxSpec(tolerance=0.05, max_boxes=400),
        stop=sobolev.StopRule(evaluations=150),
        jacobian=is_program,
    )
    if not is_program:
        while not job.job.refresh().is_done:
            evaluate(job, bump)
            time.sleep(0.02)
    job.wait(progress=False, timeout=300)
    last = job.rounds()[-1]
    boxes = job.boxes()
    assert boxes.round == last.number
    assert boxes.closed == last.closed
    assert last.closed.proved == is_program
    assert 0.3 < last.closed.total <= 1
    volumes = dict.fromkeys(("constant", "linear", "quadratic", "open"), 0.0)
    for box in boxes.boxes:
        volumes[box.order] += box.volume
        assert box.volume == pytest.approx(np.prod(box.max - box.min) / 4)
    assert sum(volumes.values()) == pytest.approx(1)
    assert volumes["quadratic"] > 0.1
    for order in ("constant", "linear", "quadratic"):
        assert volumes[order] == pytest.approx(getattr(last.closed, order))
    y = np.array([point.y[0] for point in job.points() if point.state == "done"])
    rng = np.random.default_rng(1)
    errors = [largest_error(box, rng) for box in boxes.boxes if box.order != "open"]
    broken = np.mean(np.array(errors) > 0.05 * y.std() * (1 + 1e-6))
    assert broken <= (0 if is_program else 0.05)


def test_a_job_ends_when_its_boxes_are_closed(client):
    source = "input a in [-1, 1]\ninput b in [0, 2]\noutput u = a + 2 * b"
    job = start(client, source, stop=sobolev.StopRule(closed_share=1))
    job.wait(progress=False, timeout=120)
    status = job.status()
    assert (status.stop_reason, status.stop_rule, len(status.rounds)) == ("rule", 0, 1)
    assert status.rounds[0].closed == sobolev.ClosedShare(0, 1, 0, True)
    (box,) = job.boxes().boxes
    np.testing.assert_array_equal([box.min, box.max], [[-1, 0], [1, 2]])


def test_nothing_is_proved_of_a_function_that_jumps(client):
    source = "input a in [-1, 1]\ninput b in [0, 2]\noutput u = floor(3 * a) + b"
    job = start(client, source, stop=sobolev.StopRule(evaluations=40))
    job.wait(progress=False, timeout=120)
    assert not job.rounds()[-1].closed.proved
    assert job.boxes().closed.total < 1


def test_boxes_lie_evenly_on_the_scales_of_inputs(client):
    source = "input a in [1, 10000]\ninput b in [0, 2]\noutput u = exp(-((log(a) - 4)^2)) + b"
    job = start(
        *(client, source),
        variables=[sobolev.Variable("a", lower=1, upper=10000), INPUTS[1]],
        inputs=[sobolev.SamplingInput("a", logarithmic=True)],
        boxes=sobolev.SamplingBoxSpec(tolerance=0.1),
        stop=sobolev.StopRule(evaluations=40),
    )
    job.wait(progress=False, timeout=300)
    boxes = job.boxes()
    assert boxes.closed.proved and boxes.closed.total > 0.9
    y = np.array([point.y[0] for point in job.points() if point.state == "done"])
    rng = np.random.default_rng(2)
    for box in boxes.boxes:
        log_min, log_max = np.log(box.min[0]), np.log(box.max[0])
        width = (log_max - log_min) / np.log(10000)
        assert box.volume == pytest.approx(width * (box.max[1] - box.min[1]) / 2)
        if box.order not in ("linear", "quadratic"):
            continue
        t = rng.uniform(-0.5, 0.5, 500) * (log_max - log_min)
        centre = (log_min + log_max) / 2
        value = np.exp(-((centre - 4) ** 2))
        tangent = value - 2 * (centre - 4) * value * t
        if box.order == "quadratic":
            tangent += (2 * (centre - 4) ** 2 - 1) * value * t**2
        errors = np.abs(np.exp(-((centre + t - 4) ** 2)) - tangent)
        assert errors.max() <= 0.1 * y.std() * (1 + 1e-9)


def test_jobs_without_boxes_have_none(client):
    job = start(
        *(client, BUMP),
        boxes=sobolev.SamplingBoxSpec(max_boxes=0),
        stop=sobolev.StopRule(evaluations=20),
    )
    job.wait(progress=False, timeout=120)
    assert all(each.closed is None for each in job.rounds())
    assert job.boxes().round == 0 and job.boxes().boxes == ()


# ---- Updates -------------------------------------------------------------------------------------


def test_a_job_that_has_ended_goes_on_with_more_budget(client):
    job = start(client, BUMP, stop=sobolev.StopRule(evaluations=20))
    first = job.wait(progress=False, timeout=120)
    before = job.status()
    with pytest.raises(sobolev.FailedPreconditionError, match="change stop_rules") as refused:
        job.update(strategy="space_filling")
    assert refused.value.reason == "JOB_ENDED"
    rules = [sobolev.StopRule(evaluations=50), sobolev.StopRule(value_error=1e-12)]
    status = job.update(stop=rules, strategy="space_filling")
    assert (status.phase, status.stop_reason) == ("sampling", "unspecified")
    assert job.job.state in ("queued", "running", "succeeded")
    second = job.wait(progress=False, timeout=120)
    after = job.status()
    assert (after.phase, after.stop_reason, after.stop_rule) == ("ended", "rule", 0)
    assert after.counts.done == 50
    assert after.rounds[: len(before.rounds)] == before.rounds
    assert first.name == before.rounds[-1].model_version
    assert second.name == after.rounds[-1].model_version != first.name
    versions = [m.name for m in client.model_versions(second.name.split("/")[1])]
    assert versions == [each.model_version for each in after.rounds]
    # Which spec each round had.
    assert [each.strategy for each in after.revisions] == ["adaptive", "space_filling"]
    assert [each.stop for each in after.revisions] == [
        (sobolev.StopRule(evaluations=20),),
        tuple(rules),
    ]
    old = len(before.rounds)
    assert [each.revision for each in after.rounds] == [0] * old + [1] * (len(after.rounds) - old)
    # Again: nothing is left to be done, and nothing happens.
    assert job.update(stop=rules, strategy="space_filling") == after
    states = [event.state for event in job.job.watch(timeout=60)]
    assert states.count("succeeded") == 2 and states[-1] == "succeeded"


def test_goals_change_in_mid_way(client):
    job = start(client, initial_points=8, jacobian=False)
    eventually(lambda: evaluate(job, bump) and job.rounds())
    changed = job.update(goal=sobolev.SamplingGoal("minimum", "u"), round_fraction=0.5)
    assert changed.best is not None
    rounds = len(changed.rounds)
    eventually(lambda: evaluate(job, bump) and len(job.rounds()) > rounds + 1)
    status = job.status()
    assert [each.goal.kind for each in status.revisions] == ["surrogate", "minimum"]
    assert [each.round_fraction for each in status.revisions] == [0.125, 0.5]
    assert status.rounds[0].best is None and status.rounds[-1].best is not None
    assert status.rounds[-1].revision == 1
    job.update(stop=sobolev.StopRule(evaluations=1))
    job.wait(progress=False, timeout=120)
    assert job.status().stop_reason == "rule"
    job.cancel()


def test_a_target_that_is_reached_already_ends_the_job(client):
    job = start(client, BUMP, stop=sobolev.StopRule(value_error=1e-12))
    eventually(lambda: len(job.rounds()) >= 2)
    job.update(stop=sobolev.StopRule(value_error=1e6))
    model = job.wait(progress=False, timeout=120)
    status = job.status()
    assert status.stop_reason == "rule"
    assert status.rounds[-1].model_version == model.name


def test_an_update_survives_a_kill(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        job = start(client, BUMP, stop=sobolev.StopRule(evaluations=20))
        job.wait(progress=False, timeout=120)
        job.update(stop=sobolev.StopRule(evaluations=60), strategy="lola_voronoi")
        server.kill()
        server.start()
        model = job.wait(progress=False, timeout=120)
        status = job.status()
        assert status.counts.done == 60
        assert status.rounds[-1].model_version == model.name
        versions = [m.name for m in client.model_versions(model.name.split("/")[1])]
        assert versions == [each.model_version for each in status.rounds]
        assert [each.strategy for each in status.revisions] == ["adaptive", "lola_voronoi"]


def test_jobs_that_failed_or_were_cancelled_are_not_reopened(client):
    job = start(client)
    job.cancel()
    eventually(lambda: job.job.refresh().is_done)
    with pytest.raises(sobolev.FailedPreconditionError, match="start another one"):
        job.update(stop=sobolev.StopRule(evaluations=9))
    with pytest.raises(sobolev.InvalidArgumentError, match="something to change"):
        job.update()


# ---- Ends and leases -----------------------------------------------------------------------------


def test_stopping_without_news_ends_with_the_version_that_is_there(client):
    job = start(client, initial_points=6, jacobian=False)
    eventually(lambda: len(job.ask("w", 6).points) == 6)
    evaluate(job, bump, count=6)
    eventually(lambda: job.status().counts.queued > 0 and job.rounds())
    before = job.status()
    job.stop()
    model = job.wait(progress=False, timeout=120)
    after = job.status()
    assert len(after.rounds) == len(before.rounds) == 1 and after.stop_reason == "stopped"
    assert model.name == before.rounds[-1].model_version
    assert len(client.model_versions(model.name.split("/")[1])) == 1


def test_points_of_workers_that_vanish_are_queued_by_themselves(client):
    job = start(client, initial_points=6, lease_seconds=1, max_attempts=2)
    eventually(lambda: len(job.ask("vanishes", 6).points) == 6)
    assert job.status().counts.leased == 6
    eventually(lambda: job.status().counts.leased == 0)
    assert job.status().counts.queued == 6
    assert {p.reason for p in job.points()} == {'the lease of worker "vanishes" ran out'}
    job.cancel()
