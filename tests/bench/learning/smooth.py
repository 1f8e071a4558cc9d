"""Smooth functions with exact labels: benchmarks of the surrogate literature.

Sources: S. Surjanovic and D. Bingham, "Virtual library of simulation experiments"; Forrester,
Sobester and Keane 2008 (wing weight); Morris, Mitchell and Ylvisaker 1993 (borehole); Ben-Ari and
Steinberg 2007 (push-pull circuit); Kenett and Zacks 1998 (piston); An and Owen 2001 (robot arm).
"""

from __future__ import annotations

import math

import numpy as np
import streams
from problem import MODEL_SEED, BoxProblem


class Rosenbrock(BoxProblem):
    note = "sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2 on [-2, 2]^n"

    def __init__(self, n, sizes):
        super().__init__([-2.0] * n, [2.0] * n)
        self.name, self.sizes = f"rosenbrock_{n}", sizes

    def value(self, x):
        a, b = x[:, :-1], x[:, 1:]
        return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum(1, keepdims=True)


class Rastrigin(BoxProblem):
    sizes = (50, 100, 400)
    note = "10 n + sum x^2 - 10 cos(2 pi x); JENN's demonstration has [-1, 1.5]^2"

    def __init__(self, low=-1.0, high=1.5):
        super().__init__([low] * 2, [high] * 2)
        self.name = "rastrigin_2"

    def value(self, x):
        return (10 + x * x - 10 * np.cos(2 * np.pi * x)).sum(1, keepdims=True)


class WingWeight(BoxProblem):
    name = "wing_weight_10"
    note = "weight of a light aircraft's wing, sweep in radians; two nearly dead inputs"

    def __init__(self):
        sweep = 10 * math.pi / 180
        super().__init__(
            [150, 220, 6, -sweep, 16, 0.5, 0.08, 2.5, 1700, 0.025],
            [200, 300, 10, sweep, 45, 1.0, 0.18, 6.0, 2500, 0.08],
        )

    def value(self, x):
        area, fuel, aspect, sweep, pressure, taper, thickness, load, weight, paint = x.T
        cosine = np.cos(sweep)
        wing = (
            0.036
            * area**0.758
            * fuel**0.0035
            * (aspect / cosine**2) ** 0.6
            * pressure**0.006
            * taper**0.04
            * (100 * thickness / cosine) ** -0.3
            * (load * weight) ** 0.49
        )
        return (wing + area * paint)[:, None]


class Borehole(BoxProblem):
    name = "borehole_8"
    note = "flow of water through a borehole; sharp in the second input near its lower end"

    def __init__(self):
        super().__init__(
            [0.05, 100, 63070, 990, 63.1, 700, 1120, 9855],
            [0.15, 50000, 115600, 1110, 116, 820, 1680, 12045],
        )

    def value(self, x):
        r_well, r, t_upper, h_upper, t_lower, h_lower, length, k_well = x.T
        log = np.log(r / r_well)
        resistance = log * (1 + t_upper / t_lower) + 2 * length * t_upper / (r_well**2 * k_well)
        return (2 * np.pi * t_upper * (h_upper - h_lower) / resistance)[:, None]


class PushPull(BoxProblem):
    name = "otl_6"
    note = "mid-point voltage of an output transformerless push-pull circuit"

    def __init__(self):
        super().__init__([50, 25, 0.5, 1.2, 0.25, 50], [150, 70, 3.0, 2.5, 1.2, 300])

    def value(self, x):
        r_b1, r_b2, r_f, r_c1, r_c2, gain = x.T
        base = 12 * r_b2 / (r_b1 + r_b2)
        b = gain * (r_c2 + 9)
        d = b + r_f
        y = (base + 0.74) * b / d + 11.35 * r_f / d + 0.74 * r_f * b / (d * r_c1)
        return y[:, None]


class Piston(BoxProblem):
    name = "piston_7"
    note = "cycle time of a piston in a cylinder"

    def __init__(self):
        super().__init__(
            [30, 0.005, 0.002, 1000, 90000, 290, 340], [60, 0.020, 0.010, 5000, 110000, 296, 360]
        )

    def value(self, x):
        mass, surface, volume0, spring, pressure, ambient, filling = x.T
        a = pressure * surface + 19.62 * mass - spring * volume0 / surface
        gas = pressure * volume0 * ambient / filling
        volume = surface / (2 * spring) * (np.sqrt(a * a + 4 * spring * gas) - a)
        stiffness = spring + surface * surface * gas / (volume * volume)
        return (2 * np.pi * np.sqrt(mass / stiffness))[:, None]


def joint_sums(angles, lengths):
    """Coordinates of the end of a planar chain whose angles add up along it."""
    total = np.cumsum(angles, 1)
    return (lengths * np.cos(total)).sum(1), (lengths * np.sin(total)).sum(1)


class RobotArm(BoxProblem):
    name = "robot_arm_8"
    sizes = (400, 1600, 6400)
    note = "distance of a 4-segment arm's end; kink at 0, and the first angle is dead"

    def __init__(self):
        super().__init__([0.0] * 8, [2 * math.pi] * 4 + [1.0] * 4)

    def value(self, x):
        u, v = joint_sums(x[:, :4], x[:, 4:])
        return np.sqrt(u * u + v * v)[:, None]


class Cantilever(BoxProblem):
    def __init__(self, elements):
        super().__init__([0.01, 0.3, 0.5] * elements, [0.05, 0.65, 1.0] * elements)
        self.name = f"cantilever_{self.n}"
        self.note = (
            f"tip deflection in mm of a stepped beam, {elements} elements (width, height, length)"
        )

    def value(self, x):
        width, height, length = x[:, 0::3], x[:, 1::3], x[:, 2::3]
        inner = np.cumsum(length[:, ::-1], 1)[:, ::-1]  # Distances of the roots to the tip.
        compliance = 12.0 / (width * height**3)
        bending = (compliance * (inner**3 - (inner - length) ** 3)).sum(1, keepdims=True)
        return 1000.0 * 5e4 / (3 * 2e11) * bending


class ForwardKinematics(BoxProblem):
    name = "arm3_fk_6"
    m = 2
    note = "3-link planar arm: angles and lengths to the position of its end"

    def __init__(self):
        half = math.pi / 2
        super().__init__([-half] * 3 + [0.5] * 3, [half] * 3 + [1.5] * 3)

    def value(self, x):
        return np.stack(joint_sums(x[:, :3], x[:, 3:]), 1)


class Ridge(BoxProblem):
    name = "ridge_100"
    note = "sin(2.5 a.x) + (b.x)^2 / 2 with a, b orthonormal: two live directions of 100"

    def __init__(self):
        super().__init__([-1.0] * 100, [1.0] * 100)
        first, second = streams.normals(MODEL_SEED, 77, (100, 2)).T
        self.a = first / np.sqrt((first**2).sum())
        rest = second - self.a * (self.a @ second)
        self.b = rest / np.sqrt((rest**2).sum())

    def value(self, x):
        return (np.sin(2.5 * (x @ self.a)) + 0.5 * (x @ self.b) ** 2)[:, None]


PROBLEMS = (
    Rosenbrock(2, (25, 100, 400)),
    Rosenbrock(10, (100, 400, 1600)),
    Rastrigin(),
    WingWeight(),
    Borehole(),
    PushPull(),
    Piston(),
    RobotArm(),
    Cantilever(5),
    ForwardKinematics(),
)
