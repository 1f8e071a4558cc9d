"""Parameters and initial states of ordinary differential equations to their later states.

Steps are fixed, so that the map is a smooth function of its inputs to the last bit, and its
Jacobian the tangent of that discrete map.
"""

from __future__ import annotations

import numpy as np
from problem import BoxProblem


class Trajectory(BoxProblem):
    """States at some times, by the classical Runge-Kutta method of order 4."""

    test_count = 2048
    step = 0.0
    times: tuple[float, ...] = ()

    def start(self, x):
        """The first state, and the parameters: lists of [N] each."""
        raise NotImplementedError

    def slope(self, state, parameters):
        raise NotImplementedError

    def value(self, x):
        state, parameters = self.start(x)
        ends = [round(time / self.step) for time in self.times]
        seen = []
        for k in range(1, ends[-1] + 1):
            state = self.advance(state, parameters)
            if k in ends:
                seen.append(state)
        return np.concatenate(seen, 1)

    def advance(self, s, p):
        h = self.step
        k1 = self.slope(s, p)
        k2 = self.slope(s + 0.5 * h * k1, p)
        k3 = self.slope(s + 0.5 * h * k2, p)
        k4 = self.slope(s + h * k3, p)
        return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


class LotkaVolterra(Trajectory):
    name = "lotka_volterra_6"
    m = 8
    step = 0.02
    times = (1.0, 2.0, 3.0, 4.0)
    note = "4 rates and 2 populations to the populations at t = 1, 2, 3, 4"

    def __init__(self):
        super().__init__([0.8] * 4 + [0.5] * 2, [1.2] * 4 + [1.5] * 2)

    def start(self, x):
        return x[:, 4:], x[:, :4]

    def slope(self, state, parameters):
        u, v = state.T
        a, b, c, d = parameters.T
        return np.stack([a * u - b * u * v, -c * v + d * u * v], 1)


class VanDerPol(Trajectory):
    name = "van_der_pol_3"
    m = 2
    step = 0.01
    times = (2.0,)
    note = "damping and first state to the state at t = 2: steep fronts"

    def __init__(self):
        super().__init__([0.5, -2.0, -2.0], [2.5, 2.0, 2.0])

    def start(self, x):
        return x[:, 1:], x[:, :1]

    def slope(self, state, parameters):
        u, v = state.T
        return np.stack([v, parameters[:, 0] * (1 - u * u) * v - u], 1)


PROBLEMS = (LotkaVolterra(), VanDerPol())
