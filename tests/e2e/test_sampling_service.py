"""Sampling jobs through gRPC: programs, workers that compete, vanish and come late, and kills."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import random
import threading
import time

import numpy as np
import pytest
from naming import unique

import sobolev

FAST = {"kind": "polynomial"}
SOURCE = "input a in [-1, 1]\ninput b in [0, 2]\noutput u = sin(2 * a) * b\noutput v = a * b * b"
# One that takes a selection some seconds.
RUGGED = """input a in [-1, 1]
input b in [0, 2]
output u = sin(9 * a * b) + exp(-20 * ((a - 0.3)^2 + (b - 1)^2))
output v = tanh(12 * (a * a + b * b - 1))"""
INPUTS = [sobolev.Variable("a", lower=-1, upper=1), sobolev.Variable("b", lower=0, upper=2)]


def wave(x):
    """The function of SOURCE at x [N, 2]: y [N, 2] and Jacobian [N, 2, 2]."""
    a, b = x[:, 0], x[:, 1]
    y = np.stack([np.sin(2 * a) * b, a * b * b], axis=1)
    jacobian = np.array([[2 * np.cos(2 * a) * b, np.sin(2 * a)], [b * b, 2 * a * b]])
    return y, np.moveaxis(jacobian, -1, 0)


def start(client, *, outputs=("u",), **options):
    """A job on a dataset of its own."""
    dataset = client.create_dataset(unique("sampled"), INPUTS, outputs)
    return client.start_sampling(dataset, training=FAST, **options)


def start_wave(client, **options):
    program = client.create_program("sampled-wave", SOURCE)
    return start(client, outputs=("u", "v"), program=program, **options)


def hold(job, worker, count):
    """The points of a worker once it holds so many."""
    deadline = time.monotonic() + 60
    while True:
        points = job.ask(worker, count).points
        if len(points) == count:
            return points
        assert time.monotonic() < deadline, f"{worker} holds {len(points)} of {count}"
        time.sleep(0.02)


def evaluate(job, worker="w", count=64):
    """Tells a worker's points once: how many there were."""
    asked = job.ask(worker, count)
    if asked.points:
        y, _ = wave(np.array([point.x for point in asked.points]))
        job.tell(worker, asked.points, y[:, :1])
    return len(asked.points)


def eventually(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---- Programs ------------------------------------------------------------------------------------


def test_a_program_is_sampled_to_its_budget(client):
    job = start_wave(client, stop=sobolev.StopRule(evaluations=50), initial_points=10, seed=3)
    model = job.wait(progress=False, timeout=300)
    status = job.status()
    assert (status.phase, status.stop_reason, status.stop_rule) == ("ended", "rule", 0)
    assert status.counts.done == 50
    evaluations = [each.evaluations for each in status.rounds]
    assert evaluations == sorted(set(evaluations))
    assert evaluations[-1] == 50
    versions = [each.model_version for each in status.rounds]
    assert versions == [m.name for m in client.model_versions(model.name.split("/")[1])]
    assert versions[-1] == model.name
    # What was told is in the dataset, once each, and right.
    samples = client.dataset(job.job.dataset.rpartition("/")[2]).read()
    points = np.array([point.x for point in job.points()])
    assert len({tuple(x) for x in points}) == 50
    assert {tuple(x) for x in samples.x} == {tuple(x) for x in points}
    y, jacobian = wave(samples.x)
    np.testing.assert_allclose(samples.y, y, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(samples.jacobian, jacobian, rtol=1e-13, atol=1e-14)
    assert (points >= [-1, 0]).all() and (points <= [1, 2]).all()
    assert np.array_equal(model.domain, [[-1, 1], [0, 2]])


def believed(rounds):
    """The errors of values that stop rules take those of the rounds for."""
    errors = []
    for before, each in zip([None, *rounds], rounds):
        doubt = 10 * max(before.value_error, each.value_error) if before else np.inf
        if each.value_error <= 1e-9:
            doubt = 10 * each.value_error
        errors.append(doubt if each.few_samples else each.value_error)
    return errors


@pytest.mark.parametrize("strategy", ["adaptive", "space_filling"])
def test_a_program_is_sampled_to_its_target(client, strategy):
    target = 1e-3
    job = start_wave(client, stop=sobolev.StopRule(value_error=target), strategy=strategy)
    model = job.wait(progress=False, timeout=300)
    last = job.rounds()[-1]
    assert last.value_error <= target
    assert all(error > target for error in believed(job.rounds())[:-1])
    for each in job.rounds()[:-1]:
        assert each.few_samples == (each.samples < 40)  # Two inputs.
        assert each.value_error <= each.held_out_value_error
        assert each.gradient_error <= each.held_out_gradient_error
    x = np.random.default_rng(5).uniform([-1, 0], [1, 2], (1000, 2))
    y, _ = wave(x)
    error = np.sqrt(np.mean(((model.predict(x) - y) / y.std(axis=0)) ** 2))
    assert error <= 2 * target


def test_a_program_without_values_somewhere_is_sampled_around(client):
    source = "input a in [-1, 1]\ninput b in [0, 2]\noutput u = exp(1.5 * log(a)) * b"
    program = client.create_program("half", source)
    job = start(client, program=program, stop=sobolev.StopRule(evaluations=30))
    job.wait(progress=False, timeout=300)
    points = job.points()
    assert sum(point.state == "done" for point in points) == 30
    assert any(point.state == "infeasible" for point in points)
    for point in points:
        assert point.state == ("done" if point.x[0] > 0 else "infeasible")
    assert len(client.dataset(job.job.dataset.rpartition("/")[2])) == 30


def test_a_program_without_values_anywhere_fails_and_says_so(client):
    source = "input a in [-1, 1]\ninput b in [0, 2]\noutput u = log(a - 2) * b"
    program = client.create_program("never-defined", source)
    job = start(client, program=program, initial_points=5)
    with pytest.raises(sobolev.JobFailedError, match=r"at some of \d+ points, got 0") as failed:
        job.wait(progress=False, timeout=120)
    assert failed.value.reason == "NO_EVALUATIONS"
    assert job.status().counts.infeasible >= 5


def test_the_same_seed_gives_the_same_points(client):
    def points(seed):
        job = start_wave(client, stop=sobolev.StopRule(evaluations=12), seed=seed)
        job.wait(progress=False, timeout=120)
        return [tuple(point.x) for point in job.points()]

    assert points(1) == points(1)
    assert points(1) != points(2)


def test_samples_of_the_dataset_count_from_the_start(client):
    dataset = client.create_dataset(unique("sampled"), INPUTS, ["u", "v"])
    x = np.random.default_rng(1).uniform([-1, 0], [1, 2], (40, 2))
    dataset.append(x, *wave(x))
    program = client.create_program("sampled-wave", SOURCE)
    rule = sobolev.StopRule(evaluations=4)
    job = client.start_sampling(dataset, program=program, training=FAST, stop=rule)
    model = job.wait(progress=False, timeout=120)
    assert model.report.training_samples == 44
    assert job.rounds()[-1].evaluations == 4


# ---- Workers -------------------------------------------------------------------------------------


def test_points_of_a_worker_that_vanishes_go_to_another_one(client):
    job = start(client, lease_seconds=1, initial_points=3, stop=sobolev.StopRule(evaluations=3))
    gone = hold(job, "gone", 3)
    assert job.ask("other", 3).points == ()
    taken_over = hold(job, "other", 3)
    assert [p.id for p in taken_over] == [p.id for p in gone]
    assert [p.attempt for p in taken_over] == [2, 2, 2]
    assert job.heartbeat("gone") == set()
    # Who tells first is believed, lease or none.
    assert job.tell("gone", gone[:1], [1.0]) == ("taken",)
    assert job.tell("other", taken_over, [2.0, 2.0, 2.0]) == ("late", "taken", "taken")
    assert job.tell("gone", gone[1:], [1.0, 2.0]) == ("late", "known")
    eventually(lambda: job.status().phase == "ended")
    assert [(p.worker, p.y[0]) for p in job.points()] == [("gone", 1), ("other", 2), ("other", 2)]


def test_a_budget_is_spent_once_what_it_paid_for_is_told(client):
    job = start(client, initial_points=20, stop=sobolev.StopRule(cost=40))
    points = hold(job, "w", 20)
    assert job.status().cost == 0
    job.tell("w", points[:5], [float(p.id) for p in points[:5]])
    time.sleep(1)
    status = job.status()
    assert (status.phase, status.cost) == ("sampling", 10)
    job.tell("w", points[5:], [float(p.id) for p in points[5:]])
    job.wait(progress=False, timeout=120)
    status = job.status()
    assert (status.counts.done, status.cost, status.rounds[-1].evaluations) == (20, 40, 20)


def test_points_that_a_smaller_budget_has_no_room_for_are_dropped(client):
    job = start(client, initial_points=20, stop=sobolev.StopRule(evaluations=20))
    held = hold(job, "w", 3)
    eventually(lambda: job.status().counts.queued == 17)
    job.update(stop=sobolev.StopRule(evaluations=8))
    eventually(lambda: job.status().counts.queued == 5)
    assert [p.id for p in job.points()] == list(range(1, 9))
    # A failure costs as much as a result: of 16 two are spent then.
    job.update(stop=sobolev.StopRule(cost=16))
    job.tell("w", [], failures=[sobolev.Failure(held[0].id, reason="disk full")])
    eventually(lambda: [p.id for p in job.points()] == list(range(1, 8)))
    assert (job.status().cost, job.status().counts.queued) == (2, 5)
    job.tell("w", held[1:], [1.0, 2.0])
    client.work(job, lambda x: x[0], name="v")
    job.wait(progress=False, timeout=120)
    status = job.status()
    assert (status.cost, status.counts.done, status.counts.queued) == (16, 7, 0)


def test_progress_is_that_of_the_stop_rules(client):
    job = start_wave(
        client,
        stop=[sobolev.StopRule(evaluations=60), sobolev.StopRule(value_error=1e-12)],
        initial_points=10,
    )
    job.wait(progress=False, timeout=300)
    events = [event.progress for event in job.job.watch() if event.progress is not None]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.5 and fractions[-1] == 1
    assert job.job.refresh().progress.fraction == 1
    # Evaluations are farther than the error is.
    errors = believed(job.rounds())
    known = [e for e in events if e.sampling.round is not None and e.fraction < 1]
    assert known
    for event in known:
        finite = [e for e in errors[: event.sampling.round.number] if np.isfinite(e)]
        decades = 0
        if finite:
            decades = np.log(finite[0] / min(finite)) / np.log(finite[0] / 1e-12)
        share = max(event.sampling.counts.done / 60, decades)
        np.testing.assert_allclose(event.fraction, share, rtol=1e-9)


def test_results_are_taken_after_the_end(client):
    job = start(client, initial_points=4)
    points = hold(job, "w", 4)
    job.tell("w", points[:3], [1.0, 2.0, 3.0])
    job.stop()
    job.wait(progress=False, timeout=120)
    assert job.rounds()[-1].evaluations == 3
    assert job.tell("w", points[3:], [4.0]) == ("taken",)
    assert job.status().counts.done == 4
    assert job.ask("w").finished


def test_a_cancelled_job_ends_without_a_model(client):
    job = start(client)
    hold(job, "w", 1)
    job.cancel()
    with pytest.raises(sobolev.JobCancelledError):
        job.wait(progress=False, timeout=60)
    assert job.status().phase == "ended"
    assert job.ask("w").finished
    assert job.rounds() == ()


def test_a_dataset_cannot_be_deleted_under_its_job(client):
    job = start(client)
    dataset = client.dataset(job.job.dataset.rpartition("/")[2])
    with pytest.raises(sobolev.FailedPreconditionError) as refused:
        dataset.delete()
    assert refused.value.reason == "DATASET_IN_USE"
    job.cancel()


def test_results_at_other_places_are_refused_and_none_is_taken(client):
    job = start(client)
    first, second = hold(job, "w", 2)
    elsewhere = dataclasses.replace(second, x=first.x)
    with pytest.raises(sobolev.InvalidArgumentError) as refused:
        job.tell("w", [first, elsewhere], [1.0, 2.0])
    assert refused.value.reason == "WRONG_PLACE"
    assert refused.value.field == "block.x[1][0]"
    assert job.heartbeat("w") == {first.id, second.id}
    job.cancel()


# ---- Kills ---------------------------------------------------------------------------------------


class Ledger:
    """What workers were given and what they told, as they saw it: the truth that no kill changes.

    Leases are longer than the test, so a point may be given to another worker only after a failure.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._holders = {}
        self.told = {}  # Worker by point.
        self.failures = collections.Counter()
        self.errors = []

    def give(self, worker, points):
        with self._lock:
            for point in points:
                holder = self._holders.setdefault(point.id, worker)
                if holder != worker or point.id in self.told:
                    self.errors.append(f"{point.id} of {holder} was given to {worker}")

    def will_fail(self, point):
        """Before it is told: another worker may have it before the answer is here."""
        with self._lock:
            del self._holders[point.id]
            self.failures[point.id] += 1

    def tell(self, worker, point, outcome):
        with self._lock:
            if point.id in self.told or outcome not in ("taken", "known"):
                self.errors.append(f"{point.id} told by {worker}: {outcome}")
            self.told[point.id] = worker


def work(job, worker, ledger, rng):
    """Evaluates until the job ends, telling point by point; one in ten fails at first."""
    while True:
        asked = job.ask(worker, 4)
        ledger.give(worker, asked.points)
        if asked.finished:
            return
        if not asked.points:
            time.sleep(asked.retry_after * rng.uniform(0.1, 0.5))
        for point in asked.points:
            if point.attempt == 1 and rng.random() < 0.1:
                ledger.will_fail(point)
                failure = sobolev.Failure(point.id, "unlucky", attempt=point.attempt)
                job.tell(worker, [], failures=[failure])
                continue
            y, jacobian = wave(point.x[np.newaxis])
            (outcome,) = job.tell(worker, [point], y[:, :1], jacobian[:, :1])
            ledger.tell(worker, point, outcome)


def resume(server, job):
    """Starts the server; the seconds until it answers for the job."""
    begin = time.monotonic()
    server.start()
    with sobolev.Client(server.grpc) as client:
        client.sampling(job.job.name).status()
    return time.monotonic() - begin


# SOBOLEV_TEST_TELLS=10000 for a campaign of that length.
def test_no_result_is_lost_and_no_point_leased_twice_under_kills(make_server):
    num_points, num_workers = int(os.environ.get("SOBOLEV_TEST_TELLS", "2000")), 64
    server = make_server().start()
    ledger = Ledger()
    rng = random.Random(1)
    with sobolev.Client(server.grpc) as client:
        job = start(
            client,
            lease_seconds=100_000,
            initial_points=400,
            round_fraction=1.0,
            stop=sobolev.StopRule(evaluations=num_points),
        )

        def run(number):
            try:
                work(job, f"worker-{number}", ledger, random.Random(number))
            except Exception as error:
                ledger.errors.append(repr(error))
                raise

        threads = [threading.Thread(target=run, args=(k,)) for k in range(num_workers)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        resumes = []  # Seconds until the server answers for the job again.
        while any(thread.is_alive() for thread in threads):
            time.sleep(rng.uniform(0.02, 0.2))
            if len(ledger.told) * 8 > len(resumes) * num_points and len(resumes) < 8:
                server.kill()
                resumes.append(resume(server, job))
        for thread in threads:
            thread.join()
        rate = len(ledger.told) / (time.monotonic() - begin)
        print(f"{rate:.0f} results a second; back after {max(resumes):.2f} s at most")
        assert ledger.errors == []
        assert len(resumes) >= 4
        model = job.wait(progress=False, timeout=300)
        status = job.status()
        points = job.points()
        samples = client.dataset(job.job.dataset.rpartition("/")[2]).read()
    assert status.counts.done == len(ledger.told) >= num_points
    assert {p.id: p.worker for p in points if p.state == "done"} == ledger.told
    for point in points:
        assert point.attempt == (point.state != "queued") + ledger.failures[point.id]
    assert status.rounds[-1].evaluations >= num_points
    assert model.report.training_samples == len(samples)
    done = {tuple(p.x) for p in points if p.state == "done"}
    assert len(samples) == len({tuple(x) for x in samples.x}) == status.rounds[-1].evaluations
    assert {tuple(x) for x in samples.x} <= done
    y, jacobian = wave(samples.x)
    np.testing.assert_array_equal(samples.y, y[:, :1])
    np.testing.assert_array_equal(samples.jacobian, jacobian[:, :1])


def test_a_job_goes_on_after_a_restart(make_server):
    server = make_server().start()
    with sobolev.Client(server.grpc) as client:
        job = start(client, initial_points=6, stop=sobolev.StopRule(evaluations=20))
        held = hold(job, "w", 6)
        job.tell("w", held[:2], wave(np.array([p.x for p in held[:2]]))[0][:, :1])
        job.pause()
        assert server.terminate() == 0
        server.start()
        status = job.status()
        assert (status.phase, status.counts.done, status.counts.leased) == ("paused", 2, 4)
        assert job.heartbeat("w") == {p.id for p in held[2:]}
        job.resume()
        summary = client.work(job, lambda x: wave(x[np.newaxis])[0][0, :1], name="w")
        assert summary.evaluated >= 18
        model = job.wait(progress=False, timeout=300)
        assert job.status().counts.done >= 20
        assert job.rounds()[-1].model_version == model.name
        assert [p.id for p in job.points() if p.attempt > 1] == []


def test_a_program_is_sampled_to_its_end_under_kills(make_server):
    server = make_server().start()
    rng = random.Random(2)
    with sobolev.Client(server.grpc) as client:
        job = start_wave(client, stop=sobolev.StopRule(evaluations=400), round_fraction=0.25)
        for _ in range(6):
            time.sleep(rng.uniform(0.1, 0.8))
            server.kill()
            server.start()
        model = job.wait(progress=False, timeout=300)
        status = job.status()
        samples = client.dataset(job.job.dataset.rpartition("/")[2]).read()
    assert status.counts.done == 400
    assert len(samples) == len({tuple(x) for x in samples.x}) == 400
    assert [each.number for each in status.rounds] == list(range(1, len(status.rounds) + 1))
    assert status.rounds[-1].model_version == model.name
    np.testing.assert_allclose(samples.y, wave(samples.x)[0], rtol=1e-14, atol=1e-15)


def trials(job):
    """The recipes that the round in training has tried."""
    progress = job.job.refresh().progress
    return set() if progress is None else {trial.recipe for trial in progress.leaderboard}


def last_event(job):
    """The number of the latest."""
    last = 0
    with contextlib.suppress(sobolev.DeadlineExceededError):
        for event in job.job.watch(timeout=0.5):
            last = event.number
    return last


def test_the_training_of_a_round_goes_on_after_a_kill(make_server):
    weights = []
    for is_killed in (False, True):
        server = make_server("--checkpoint-interval-seconds", "0.05").start()
        with sobolev.Client(server.grpc, timeout=60) as client:
            job = client.start_sampling(
                client.create_dataset("sampled", INPUTS, ["u", "v"]),
                program=client.create_program("rugged", RUGGED),
                stop=sobolev.StopRule(evaluations=200),
                initial_points=200,
                training={"effort": 4.0},
            )
            if is_killed:
                eventually(lambda job=job: len(trials(job)) >= 2)
                tried = trials(job)
                last = last_event(job)
                assert not job.rounds()
                server.kill()
                server.start()
                events = job.job.watch(last)
                next(e for e in events if e.state == "running" and e.progress is None)
                progress = next(e.progress for e in events if e.progress is not None)
                assert tried <= {trial.recipe for trial in progress.leaderboard}
            weights.append(job.wait(progress=False, timeout=300).weights_sha256)
        server.kill()
    assert weights[0] == weights[1]


# ---- One processor for all -----------------------------------------------------------------------


def test_rounds_wait_until_other_jobs_have_computed(make_server):
    server = make_server("--max-running-jobs", "1").start()
    with sobolev.Client(server.grpc, timeout=60) as client:
        job = start(client, initial_points=4, jacobian=False)
        eventually(lambda: evaluate(job) and job.rounds())
        x = np.random.default_rng(1).uniform(-1, 1, (4096, 4))
        training = client.train(
            x, x[:, 0], model="long", hidden=(64, 64), epochs=100_000, patience=0
        )
        eventually(lambda: training.refresh().state == "running")
        rounds = len(job.rounds())
        before = job.status().counts.done
        # Workers go on meanwhile, beyond the points of a round.
        eventually(lambda: evaluate(job) >= 0 and job.status().counts.done >= before + 12)
        assert len(job.rounds()) == rounds
        # So does all that steers the job.
        other = start(client, initial_points=4, jacobian=False)
        eventually(lambda: evaluate(other) and other.status().counts.done >= 4)
        job.pause()
        assert job.status().phase == "paused"
        job.resume()
        other.cancel()
        eventually(lambda: other.status().phase == "ended")
        assert training.refresh().state == "running"
        training.cancel()
        eventually(lambda: len(job.rounds()) > rounds)
        # The other way round a training waits for no job that only waits for its workers.
        client.train(x, x[:, 0], model="short", hidden=(4,), epochs=1).wait(progress=False)
        job.stop()
        job.wait(progress=False, timeout=120)
