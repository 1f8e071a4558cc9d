"""Evaluations to an error of 1e-2 against LearnerND of the `adaptive` package, in two inputs.

  python tests/bench/sampling_peers.py --bench build/release/tests/bench/sampling_bench

LearnerND is used with its curvature loss and judged by its own piecewise linear interpolant; it
takes no gradients. Ours counts evaluations of value and gradient, placed where local Taylor models
disagree and judged by these models, and by a Gaussian process. Errors are RMS over points of the
square by the standard deviation of the function. Needs adaptive, numpy and scipy.
"""

from __future__ import annotations

import argparse
import math
import subprocess
from collections.abc import Callable

import adaptive
import numpy as np
from adaptive.learner.learnerND import curvature_loss_function
from scipy.interpolate import LinearNDInterpolator
from scipy.stats import qmc

TARGET = 1e-2
MOST = 2048


def franke(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two peaks, a slope and a dip (Franke 1979)."""
    return (
        0.75 * np.exp(-((9 * a - 2) ** 2 + (9 * b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * a + 1) ** 2) / 49 - (9 * b + 1) / 10)
        + 0.5 * np.exp(-((9 * a - 7) ** 2 + (9 * b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * a - 4) ** 2) - (9 * b - 7) ** 2)
    )


FUNCTIONS: dict[str, Callable] = {
    "bump2": lambda a, b: (
        np.exp(-((a - 0.35) ** 2 + (b - 0.65) ** 2) / (2 * 0.06**2)) + 0.2 * (a + b)
    ),
    "franke2": franke,
    "tanh2": lambda a, b: np.tanh(20 * (a + 0.5 * b - 0.75) / math.sqrt(1.25)),
    "circle2": lambda a, b: np.tanh(20 * (a**2 + b**2 - 0.5)),
    "sines2": lambda a, b: np.sin(4 * a) + np.sin(4 * b + 1) + np.cos(1.5 * a) * np.cos(1.5 * b),
}


def learner_nd(function: Callable) -> float:
    """The evaluations of LearnerND, between the sizes that were tried."""
    points = qmc.Sobol(2, seed=4242).random(4096)
    truth = function(*points.T)
    learner = adaptive.LearnerND(
        lambda x: float(function(*x)),
        bounds=[(0, 1)] * 2,
        loss_per_simplex=curvature_loss_function(),
    )
    before, error_before, size = 0, math.inf, 16
    while size <= MOST:
        while learner.npoints < size:
            for x in learner.ask(min(max(1, learner.npoints // 16), size - learner.npoints))[0]:
                learner.tell(x, learner.function(x))
        known = np.array(list(learner.data))
        interpolant = LinearNDInterpolator(known, np.array(list(learner.data.values())))
        error = math.sqrt(np.nanmean((interpolant(points) - truth) ** 2)) / truth.std()
        if error <= TARGET:
            if before == 0:
                return size
            part = math.log(error_before / TARGET) / math.log(error_before / error)
            return before * (size / before) ** part
        before, error_before, size = size, error, size + max(1, size // 8)
    return math.inf


def placement(bench: str, seeds: int, table: str, column: int) -> dict[str, float]:
    """Our evaluations of each function, from a column of a table that the benchmark prints."""
    output = subprocess.run(
        [
            bench,
            f"--seeds={seeds}",
            f"--functions={','.join(FUNCTIONS)}",
            f"--target={TARGET}",
            f"--tables={table}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: float(row[column].lstrip(">")) for row in rows if row and row[0] in FUNCTIONS}


def main() -> None:
    """Runs both and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bench", required=True, help="sampling_bench")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    taylor = placement(arguments.bench, arguments.seeds, "evaluations", 5)
    process = placement(arguments.bench, arguments.seeds, "process", 2)

    print("function    LearnerND  Taylor   ratio  process   ratio  (S4: 3x, geometric mean 6x)")
    logs = np.zeros(2)
    for name, function in FUNCTIONS.items():
        theirs = learner_nd(function)
        ratios = np.array([theirs / taylor[name], theirs / process[name]])
        logs += np.log(ratios) / len(FUNCTIONS)
        print(
            f"{name:10s} {theirs:10.0f} {taylor[name]:7.0f} {ratios[0]:6.1f}x"
            f" {process[name]:8.0f} {ratios[1]:6.1f}x",
            flush=True,
        )
    means = np.exp(logs)
    print(f"geometric mean {means[0]:21.1f}x {means[1]:15.1f}x")


if __name__ == "__main__":
    main()
