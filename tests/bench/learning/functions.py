"""Ten functions on the unit cube, from few samples: 5, 10, 20 and 50 for each input.

Gradients are to the inputs of the cube, where each input counts the same. Where samples are few, a
hypercube that happens to leave a corner empty costs more than the choice of the method: they are
spread.
"""

from __future__ import annotations

import math

import numpy as np
import smooth
import streams
from problem import BoxProblem


class Branin(BoxProblem):
    name = "branin2"

    def __init__(self):
        super().__init__([-5.0, 0.0], [10.0, 15.0])

    def value(self, x):
        a, b = x.T
        bowl = (b - 5.1 / (4 * np.pi**2) * a * a + 5 / np.pi * a - 6) ** 2
        return (bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)[:, None]


class Camel(BoxProblem):
    name = "camel2"

    def __init__(self):
        super().__init__([-3.0, -2.0], [3.0, 2.0])

    def value(self, x):
        a, b = x.T
        y = (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2
        return y[:, None]


class Torsion(BoxProblem):
    """Natural frequency of two discs between three shafts (Liping, Don, Gene and Mahidhar 2006)."""

    name = "torsion15"

    def __init__(self):
        # 10 % to either side of the nominal design.
        nominal = np.array(
            [
                *(2.0, 10.0, 11.7e6, 8.0, 3.9e6, 12.0, 1.825, 12.0),
                *(6.2e6, 2.25, 3.0, 0.28, 14.0, 4.0, 0.1),
            ]
        )
        super().__init__(0.9 * nominal, 1.1 * nominal)

    def value(self, x):
        def shaft(modulus, diameter, length):
            return math.pi * x[:, modulus] * x[:, diameter] / (32 * x[:, length])

        def disc(density, thickness, diameter):
            mass = x[:, density] * math.pi * x[:, thickness] * x[:, diameter] / (4 * 9.80665)
            return 0.5 * mass * (x[:, diameter] / 2) ** 2

        k1, k2, k3 = shaft(2, 0, 1), shaft(8, 6, 7), shaft(4, 9, 3)
        j1, j2 = disc(11, 10, 5), disc(14, 13, 12)
        b = -((k1 + k2) / j1 + (k2 + k3) / j2)
        c = (k1 * k2 + k2 * k3 + k3 * k1) / (j1 * j2)
        return (np.sqrt((-b - np.sqrt(b * b - 4 * c)) / 2) / (2 * math.pi))[:, None]


class UnitCube(BoxProblem):
    """A function of a box, seen from the unit cube."""

    test_count = 2048

    def __init__(self, name, inner):
        super().__init__(np.zeros(inner.n), np.ones(inner.n))
        self.name, self.inner = name, inner
        self.sizes = tuple(k * self.n for k in (5, 10, 20, 50))
        self.note = inner.note

    def train(self, size, seed):
        return self.label(streams.spread(streams.latin_hypercube(seed, 1, size, self.n), seed, 3))

    def value(self, x):
        return self.inner.value(self.inner.points(x))

    def input_scales(self, test):
        return np.ones(self.n)


PROBLEMS = (
    UnitCube("rosenbrock2", smooth.Rosenbrock(2, ())),
    UnitCube("branin2", Branin()),
    UnitCube("camel2", Camel()),
    UnitCube("rastrigin2", smooth.Rastrigin(-1.5, 1.5)),
    UnitCube("cantilever3", smooth.Cantilever(1)),
    UnitCube("borehole8", smooth.Borehole()),
    UnitCube("robot8", smooth.RobotArm()),
    UnitCube("wing10", smooth.WingWeight()),
    UnitCube("rosenbrock10", smooth.Rosenbrock(10, ())),
    UnitCube("torsion15", Torsion()),
)
