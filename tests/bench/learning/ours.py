"""Sobolev's side of the suite: a server of its own, one training thread, models over gRPC."""

from __future__ import annotations

import math
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import workloads

import sobolev

# What Client.train is asked for, by the name of the method. This is the only place that knows.
NETWORK = {"hidden": (20, 20, 20, 20), "activation": "softplus"}
OURS = {
    "value": {**NETWORK, "beta": 0.0},
    "differential": NETWORK,
    "auto": {"kind": "auto"},
    "quick": {"kind": "auto", "effort": 0.04},
    "second_order": {
        "kind": "network",
        "hidden": (20, 20),
        "activation": "tanh",
        "optimizer": "levenberg-marquardt",
    },
    "polynomial": {"kind": "polynomial"},
    "gaussian_process": {"kind": "gaussian-process"},
}
CHOICES = ("auto", "quick")
DEFAULT = ("value", "differential", "quick", "auto")

START_SECONDS = 60
FIT_SECONDS = 1200  # On the wall, on a busy machine.
PREDICT_ROWS = 4096


class Server:
    """A server on a data directory that goes with it."""

    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory(prefix="sobolev-suite-")
        folder = pathlib.Path(self.directory.name)
        ports = folder / "ports"
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    binary,
                    *("--listen", "127.0.0.1:0"),
                    *("--metrics", "127.0.0.1:0"),
                    *("--gateway", "off"),
                    *("--data-dir", str(folder / "data")),
                    *("--port-file", str(ports)),
                    *("--train-threads", "1"),
                    *("--threads", "1"),
                    *("--checkpoint-interval-seconds", "3600"),
                ],
                stdout=log,
                stderr=log,
            )
        try:
            self.grpc = self.wait_for(ports)
        except BaseException:
            self.stop()
            raise

    def wait_for(self, ports):
        deadline = time.monotonic() + START_SECONDS
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.01)
        return dict(line.split("=") for line in ports.read_text().split())["grpc"]

    def cpu_seconds(self):
        """Of all its threads so far: clock_getcpuclockid(3) of another process."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()


def choice_of(report):
    """What the automatic choice came to, if there was one.

    recipe: the winner; trials: how many were judged; runner_up: the best of the others, with its
    score in parts of the winner's, which is below 1 where a cheaper winner was as good but for
    chance.
    """
    winner = report.winner
    if winner is None:
        return {}
    judged = [trial for trial in report.leaderboard if math.isfinite(trial.score)]
    others = [trial for trial in judged if trial != winner]
    choice = {"recipe": winner.recipe, "trials": len(judged)}
    if others and winner.score > 0:
        second = min(others, key=lambda trial: trial.score)
        choice |= {"runner_up": second.recipe, "runner_up_score": second.score / winner.score}
    return choice


def upload(client, problem, case, samples):
    dataset = client.create_dataset(
        f"{case.problem}-{case.size}-{case.seed}".replace("_", "-"),
        [f"x{j}" for j in range(problem.n)],
        [f"y{i}" for i in range(problem.m)],
    )
    dataset.append(samples.x, samples.y, samples.jacobian)
    return dataset


def fit(client, server, dataset, spec, seed):
    """The model of one training, and its times.

    cpu_seconds is what the server's process uses from Train to the end of the job: with reading the
    samples, storing the model and, on a machine that has other work, without waiting for it.
    train_seconds is what the report says.
    """
    start = server.cpu_seconds()
    job = client.train(dataset=dataset, seed=seed, **spec)
    try:
        model = job.wait(progress=False, timeout=FIT_SECONDS)
    except sobolev.DeadlineExceededError:
        job.cancel()
        raise
    seconds = server.cpu_seconds() - start
    return model, {
        "cpu_seconds": round(seconds, 5),
        "train_seconds": round(model.report.train_seconds, 5),
        **choice_of(model.report),
    }


def score(problem, server, model, test):
    """Errors at the test points, counted as those of the peers, and the time to predict."""
    start = server.cpu_seconds()
    parts = [
        model.value_and_jacobian(test.x[first : first + PREDICT_ROWS])
        for first in range(0, len(test.x), PREDICT_ROWS)
    ]
    seconds = server.cpu_seconds() - start
    errors = problem.errors(test, *(np.concatenate(part) for part in zip(*parts, strict=True)))
    bad = [key for key, value in errors.items() if not math.isfinite(value)]
    if bad:
        return {"error": f"{bad[0]} is not finite"}
    return {**errors, "predict_us": round(seconds / len(test.x) * 1e6, 3)}


def run(binary, cases, methods, results, report):
    """Fits the methods to the cases that are not in results yet.

    report is called with every method, case and new result.
    """
    lacking = {case: [m for m in methods if results.get(m, case) is None] for case in cases}
    with Server(binary) as server, sobolev.Client(server.grpc) as client:
        for case in (case for case in cases if lacking[case]):
            problem = workloads.PROBLEMS[case.problem]
            dataset = upload(client, problem, case, problem.train(case.size, case.seed))
            test = problem.test()
            for method in lacking[case]:
                try:
                    model, times = fit(client, server, dataset, OURS[method], case.seed)
                    result = {**times, **score(problem, server, model, test)}
                    client.delete_model(model.id)
                except sobolev.SobolevError as error:
                    result = {"error": f"{type(error).__name__}: {str(error)[:120]}"}
                results.put(method, case, result)
                report(method, case, result)
            dataset.delete()
