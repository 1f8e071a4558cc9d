"""Independent witnesses of the problems' derivatives and labels.

Jacobians of smooth problems are complex steps; central differences of real values confirm them.
Means of noisy labels at one point, over many paths, must come within a few standard errors of the
exact value and Jacobian.
"""

from __future__ import annotations

import numpy as np
import streams
from problem import DIFFERENCE_SEED, BoxProblem

LABEL_SEED = 8
PATHS = 200000
STANDARD_ERRORS = 4.5  # Of a few hundred means, none is so far out but by a mistake.


def differences(value, x, widths):
    """Central differences [N, m, n] of value, [N, n] to [N, m]; widths [n]."""
    columns = []
    for j, width in enumerate(widths):
        above, below = x.copy(), x.copy()
        above[:, j] += width
        below[:, j] -= width
        step = (above[:, j] - below[:, j])[:, None]
        columns.append((value(above) - value(below)) / step)
    return np.stack(columns, 2)


def difference_error(problem, x, widths):
    """Largest deviation in an entry, in units of its root mean square over the points.

    An entry of which little is left next to its gradient's largest is measured by that one.
    """
    exact = problem.jacobian(x)
    entries = np.sqrt((exact**2).mean(0)) * widths
    scale = np.maximum(entries, 1e-3 * entries.max(1, keepdims=True)) / widths
    return np.abs((differences(problem.value, x, widths) - exact) / scale).max()


def standard_errors(labels, exact):
    """How far the mean of labels [N, ...] is from the exact one, in its standard errors."""
    spread = labels.std(0) / np.sqrt(len(labels)) + 1e-12
    return np.abs((labels.mean(0) - exact) / spread).max()


def check_box(problem):
    x = problem.points(
        0.01 + 0.98 * streams.uniforms(DIFFERENCE_SEED, 9, 40 * problem.n).reshape(-1, problem.n)
    )
    low, high = problem.box
    # With a step h of 1e-5 of the box the truncation error is h^2/6 times the third derivative,
    # which is large at the robot arm's kink and at the fronts of van der Pol's oscillator.
    yield "Jacobian by differences", difference_error(problem, x, 1e-5 * (high - low)), 1e-5


def check_paths(problem, paths):
    test = problem.test()
    x = test.x[:: max(1, len(test.x) // 64)]
    yield "Jacobian by differences", difference_error(problem, x, np.full(problem.n, 1e-5)), 1e-6
    point = x[len(x) // 2][None]
    z = streams.normals(LABEL_SEED, 1, (paths, problem.n))
    if problem.n == 1 and not hasattr(problem, "factor"):
        y, slope = problem.label(np.full(paths, point[0, 0]), z[:, 0])
        y, slope = y[:, None], slope[:, None, None]
    else:
        y, slope = problem.label(np.repeat(point, paths, 0), z @ problem.factor.T)
    yield (
        "mean of values, in standard errors",
        standard_errors(y, problem.value(point)[0]),
        STANDARD_ERRORS,
    )
    yield (
        "mean of gradients, in standard errors",
        standard_errors(slope, problem.jacobian(point)[0]),
        STANDARD_ERRORS,
    )


def check_libor(problem):
    import libor

    x = problem.points(64, DIFFERENCE_SEED, 9)
    z = streams.normals(DIFFERENCE_SEED, 10, (64, libor.STEPS))
    gradient = libor.simulate(x, z)[1]
    estimate = differences(lambda a: libor.simulate(a, z)[0][:, None], x, np.full(80, 1e-8))
    wrong = np.abs(estimate[:, 0] - gradient).max(1) / (np.abs(gradient).max(1) + 1e-300)
    # A few paths cross a swaption's kink within the step: the median does not see them.
    yield "adjoint by differences, median", np.median(wrong), 1e-5
    points = problem.points(4, 6, 9)
    (y, slope), (other_y, other_slope) = problem.reference(points), problem.reference(points, 4)
    yield "values of two lattices", np.abs(y / other_y - 1).max(), 1e-2
    distance = np.linalg.norm(slope - other_slope) / np.linalg.norm(other_slope)
    yield "gradients of two lattices", distance, 1.5e-2
    paths = np.repeat(points[:1], 20000, 0)
    labels = libor.label(paths, streams.normals(LABEL_SEED, 1, (20000, libor.STEPS)))[0]
    yield "mean of values, in standard errors", standard_errors(labels, y[0]), STANDARD_ERRORS


def discrepancy(x):
    """The centred one in the mean square, as Hickernell 1998 writes it."""
    count, n = x.shape
    z = np.abs(x - 0.5)
    alone = np.prod(1 + z / 2 - z**2 / 2, 1).sum()
    distance = np.abs(x[:, None] - x[None])
    pairs = np.prod(1 + (z[:, None] + z[None]) / 2 - distance / 2, 2).sum()
    return np.sqrt((13 / 12) ** n - 2 / count * alone + pairs / count**2)


def check_streams():
    p = np.array([1e-9, 1e-4, 0.02, 0.3, 0.5, 0.77, 0.999, 1 - 1e-7])
    back = streams.normal_distribution(streams.inverse_normal(p))
    yield "inverse normal and back", np.abs(back / p - 1).max(), 1e-13
    # SplitMix64 from 0 gives 0xe220a8397b1dcdaf first (Vigna's reference implementation).
    first = int(streams.mix(np.zeros(1, np.uint64) + streams.GOLDEN)[0])
    yield "first number of SplitMix64", float(first != 0xE220A8397B1DCDAF), 0
    points = streams.latin_hypercube(1, 2, 50, 3)
    better = streams.spread(points, 1, 3)
    for what, design in (("", points), (", spread", better)):
        strata = np.sort(np.floor(50 * design), axis=0)
        wrong = np.abs(strata - np.arange(50)[:, None]).max()
        yield f"strata of a Latin hypercube{what}", wrong, 0
    # Without swaps it is 0.034 to 0.057; SciPy 1.17's "random-cd" comes to 0.0245 to 0.0261.
    yield "discrepancy of one, spread", discrepancy(better), 0.0261


def checks_of(problem):
    if isinstance(problem, BoxProblem):
        return check_box(problem)
    if problem.name == "libor_80":
        return check_libor(problem)
    return check_paths(problem, PATHS if problem.n < 50 else PATHS // 10)


def passes(problems):
    """Prints every check; whether all of them are within tolerance."""
    failures = 0
    groups = [("streams", check_streams())]
    groups += [(problem.name, checks_of(problem)) for problem in problems]
    for name, group in groups:
        for what, error, tolerance in group:
            is_good = error <= tolerance
            failures += not is_good
            verdict = "ok" if is_good else "FAILED"
            print(f"{name:18} {what:38} {error:9.2e} (at most {tolerance:.0e}) {verdict}")
    print(f"{failures} checks failed" if failures else "all checks passed")
    return failures == 0
