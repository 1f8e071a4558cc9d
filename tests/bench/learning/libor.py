"""A portfolio of 15 swaptions in the LIBOR market model, with its gradient to 80 initial rates.

Giles and Glasserman 2006, "Smoking adjoints": N = 80 quarterly forward rates, 40 time steps, flat
volatility 0.2, swaptions that end after 4, 8, 20, 28 and 40 periods at 4.5, 5 and 5.5 %. Labels
come from one antithetic pair of paths, their gradient from the adjoint of the path. There is no
closed form: test labels are means over a shifted lattice of 1024 pairs for each point, good to
0.4 %.
"""

from __future__ import annotations

import math
import os
import tempfile

import numpy as np
import streams
from problem import TEST_SEED, Problem, Samples

RATES, STEPS, PERIOD, VOLATILITY = 80, 40, 0.25, 0.2
DRIFT = PERIOD * VOLATILITY
SWAPTIONS = tuple((end, rate) for end in (4, 8, 20, 28, 40) for rate in (0.045, 0.05, 0.055))
BLOCK = 2048  # Paths at a time, to stay in the cache.


def sums_from_the_end(a):
    return np.cumsum(a[:, ::-1], 1)[:, ::-1]


def evolve(rates, z):
    """The rates [N, 80] before each step and after the last one, for normal numbers z [N, 40]."""
    now = rates.copy()
    history = [now.copy()]
    for k in range(STEPS):
        alive = now[:, k + 1 :]
        drift = np.cumsum(DRIFT * alive / (1 + PERIOD * alive), 1)
        noise = math.sqrt(PERIOD) * z[:, k : k + 1] - 0.5 * DRIFT
        alive *= np.exp(DRIFT * drift + VOLATILITY * noise)
        history.append(now.copy())
    return history


def swap_values(rates):
    """Payoff [N] of the portfolio at its date, and its gradient to the 40 rates that are alive."""
    discount = np.cumprod(1 / (1 + PERIOD * rates), 1)
    annuity = np.cumsum(PERIOD * discount, 1)
    payoff = np.zeros(len(rates))
    discount_bar, annuity_bar = np.zeros_like(discount), np.zeros_like(annuity)
    for end, rate in SWAPTIONS:
        swap = discount[:, end - 1] + rate * annuity[:, end - 1] - 1
        pays = swap < 0
        payoff += np.where(pays, -100 * swap, 0)
        discount_bar[:, end - 1] -= 100 * pays
        annuity_bar[:, end - 1] -= 100 * rate * pays
    discount_bar += PERIOD * sums_from_the_end(annuity_bar)
    return payoff, -sums_from_the_end(discount_bar * discount) * PERIOD / (1 + PERIOD * rates)


def simulate(rates, z):
    """Discounted payoff [N] and its gradient [N, 80] along one path for each row."""
    history = evolve(rates, z)
    dead, alive = history[-1][:, :STEPS], history[-1][:, STEPS:]
    numeraire = np.prod(1 / (1 + PERIOD * dead), 1)
    payoff, alive_bar = swap_values(alive)
    value = payoff * numeraire
    adjoint = np.empty_like(rates)
    adjoint[:, STEPS:] = alive_bar * numeraire[:, None]
    adjoint[:, :STEPS] = -value[:, None] * PERIOD / (1 + PERIOD * dead)
    for k in reversed(range(STEPS)):
        old, new = history[k][:, k + 1 :], history[k + 1][:, k + 1 :]
        exponent_bar = adjoint[:, k + 1 :] * new
        drift_bar = sums_from_the_end(DRIFT * exponent_bar)
        adjoint[:, k + 1 :] = exponent_bar / old + drift_bar * DRIFT / (1 + PERIOD * old) ** 2
    return value, adjoint


def label(rates, z):
    value, adjoint = simulate(rates, z)
    mirrored_value, mirrored_adjoint = simulate(rates, -z)
    return 0.5 * (value + mirrored_value), 0.5 * (adjoint + mirrored_adjoint)


def lattice_normals(count, seed):
    """[count, 40]: a Korobov lattice, shifted and folded, along the path's principal components."""
    generator, power = [], 1
    for _ in range(STEPS):
        generator.append(power)
        power = power * (17797 % count | 1) % count
    u = np.outer(np.arange(count), generator) / count + streams.uniforms(seed, 5, STEPS)
    u = np.clip(u - np.floor(u), 1e-12, 1 - 1e-12)
    u = np.clip(1 - np.abs(2 * u - 1), 1e-12, 1 - 1e-12)  # Baker's fold: periodic integrands.
    times = np.arange(1, STEPS + 1)
    variance, axes = np.linalg.eigh(np.minimum.outer(times, times).astype(np.float64))
    axes = axes[:, ::-1] * np.sign(axes[0, ::-1])
    paths = streams.inverse_normal(u) @ (axes * np.sqrt(variance[::-1])).T
    return np.diff(paths, axis=1, prepend=0.0)


class Libor(Problem):
    name = "libor_80"
    n = RATES
    is_noisy = True
    sizes = (1024, 4096, 16384)
    test_count = 256
    lattice = 1024
    note = "rates 0.05 exp(0.25 a + 0.15 b t + 0.05 e_i), t from -1 to 1; a, b, e_i normal"

    def points(self, count, seed, tag):
        e = streams.normals(seed, tag, (count, RATES + 2))
        slope = np.linspace(-1, 1, RATES)
        return 0.05 * np.exp(0.25 * e[:, :1] + 0.15 * e[:, 1:2] * slope + 0.05 * e[:, 2:])

    def train(self, size, seed):
        x = self.points(size, seed, 11)
        y, gradient = self.label(x, seed)
        return Samples(x, y[:, None], gradient[:, None, :])

    def label(self, x, seed):
        """Values [N] and gradients [N, 80] along the paths of train(N, seed)."""
        size = len(x)
        z = streams.normals(seed, 12, (size, STEPS))
        parts = [label(x[i : i + BLOCK], z[i : i + BLOCK]) for i in range(0, size, BLOCK)]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def gradients(self, x, seed):
        return self.label(x, seed)[1]

    def curvatures(self, x, v, step):
        """[N, k, 80]: the Hessian times directions v [k, 80], by central differences."""

        def slope(w):
            ahead, behind = (self.reference(x + sign * step * w)[1] for sign in (1, -1))
            return (ahead - behind) / (2 * step)

        return np.stack([slope(w) for w in v], 1)

    def reference(self, x, seed=3):
        """Values [N] and gradients [N, 80] to 0.4 %, with errors that are independent."""
        values, gradients = [], []
        for i, point in enumerate(x):
            z = lattice_normals(self.lattice, 1000 * seed + i)
            y, gradient = label(np.repeat(point[None], self.lattice, 0), z)
            values.append(y.mean())
            gradients.append(gradient.mean(0))
        return np.array(values), np.array(gradients)

    def test(self):
        """Takes half a minute, and therefore leaves its result in the temporary directory."""
        path = os.path.join(tempfile.gettempdir(), f"sobolev_libor_{self.lattice}.npz")
        if not os.path.exists(path):
            x = self.points(self.test_count, TEST_SEED, 2)
            y, gradient = self.reference(x)
            part = f"{path}.{os.getpid()}.npz"
            np.savez(part, x=x, y=y, gradient=gradient)
            os.replace(part, path)
        with np.load(path) as file:
            return Samples(file["x"], file["y"][:, None], file["gradient"][:, None, :])


PROBLEMS = (Libor(),)
