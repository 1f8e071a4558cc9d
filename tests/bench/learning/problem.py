"""What a learning problem is: labelled samples, an exact test set, and how errors are counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streams

MODEL_SEED = 20200506  # Draws what belongs to a problem's definition.
TEST_SEED = 7777777
DIFFERENCE_SEED = 5  # Points where the derivatives are checked.
COMPLEX_STEP = 1e-30


class Samples(NamedTuple):
    """N points with labels: x [N, n], y [N, m], jacobian [N, m, n]."""

    x: np.ndarray
    y: np.ndarray
    jacobian: np.ndarray


class Problem:
    """A map from R^n to R^m with training labels, which may be noisy, and exact test labels."""

    name = ""
    n = 1
    m = 1
    is_noisy = False
    sizes: tuple[int, ...] = (100, 400, 1600)
    test_count = 4096
    # Lower and upper ends of the inputs [n], or None where they are unbounded.
    box: tuple[np.ndarray, np.ndarray] | None = None
    note = ""

    def train(self, size, seed) -> Samples:
        raise NotImplementedError

    def test(self) -> Samples:
        raise NotImplementedError

    def value(self, x):
        """Exact values [N, m]."""
        raise NotImplementedError

    def jacobian(self, x):
        """Exact Jacobians [N, m, n]."""
        raise NotImplementedError

    def input_scales(self, test):
        """[n], what one unit of each input is when gradients are compared."""
        return test.x.std(0)

    def errors(self, test, y, jacobian):
        """Errors of predictions at (some of) the test points.

        value_nrmse: sqrt(mean_i MSE_i / var_i) over the outputs i.
        grad_nrmse: ||J - J_exact|| / ||J_exact|| over all points and entries, each entry in units
          of its input's scale over its output's standard deviation.
        max_error: the largest error of a value in standard deviations of its output.
        value_rmse, grad0_rmse: root mean square error of output 0 and of its derivative to input 0,
          raw, as Huge and Savine plot them.
        """
        y = np.asarray(y, np.float64).reshape(test.y.shape)
        jacobian = np.asarray(jacobian, np.float64).reshape(test.jacobian.shape)
        variance = test.y.var(0)
        weight = self.input_scales(test)[None, :] ** 2 / variance[:, None]
        wrong = (weight * ((jacobian - test.jacobian) ** 2).mean(0)).sum()
        right = (weight * (test.jacobian**2).mean(0)).sum()
        squares = (y - test.y) ** 2
        slopes = (jacobian - test.jacobian)[:, 0, 0]
        return {
            "value_nrmse": float(np.sqrt((squares.mean(0) / variance).mean())),
            "grad_nrmse": float(np.sqrt(wrong / right)),
            "max_error": float(np.sqrt((squares / variance).max())),
            "value_rmse": float(np.sqrt(squares[:, 0].mean())),
            "grad0_rmse": float(np.sqrt((slopes**2).mean())),
        }


class BoxProblem(Problem):
    """A smooth function on a box, sampled without noise by Latin hypercubes.

    `value` takes complex points, too, and is analytic: the Jacobian is its complex step (Squire and
    Trapp 1998), which is exact to rounding.
    """

    def __init__(self, low, high):
        self.box = (np.asarray(low, np.float64), np.asarray(high, np.float64))
        self.n = len(self.box[0])

    def points(self, units):
        """Points of the box from points of the unit cube."""
        low, high = self.box
        return low + units * (high - low)

    def label(self, x):
        return Samples(x, self.value(x), self.jacobian(x))

    def train(self, size, seed):
        return self.label(self.points(streams.latin_hypercube(seed, 1, size, self.n)))

    def test(self):
        units = streams.uniforms(TEST_SEED, 2, self.test_count * self.n)
        return self.label(self.points(units.reshape(-1, self.n)))

    def jacobian(self, x):
        columns = []
        for j in range(self.n):
            z = x.astype(np.complex128)
            z[:, j] += COMPLEX_STEP * 1j
            columns.append(self.value(z).imag / COMPLEX_STEP)
        return np.stack(columns, 2)
