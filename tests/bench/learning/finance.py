"""Prices from simulated payoffs: noisy labels, with derivatives along the simulated path.

The first three families are the examples of Huge and Savine 2020, "Differential machine learning"
(arXiv:2005.02347), the digital one with labels by the likelihood ratio (Glasserman and Karmarkar
2025), since derivatives along the path are 0 there. A label is the mean of one antithetic pair.
"""

from __future__ import annotations

import math

import numpy as np
import streams
from problem import MODEL_SEED, TEST_SEED, Problem, Samples
from streams import normal_density, normal_distribution


class Call(Problem):
    """European call in the model of Black and Scholes, seen one year before it ends."""

    name = "bs_call_1"
    is_noisy = True
    sizes = (256, 1024, 8192)
    test_count = 1000
    volatility, today, horizon, strike, widening = 0.2, 1.0, 2.0, 1.1, 1.5
    note = "spots lognormal with volatility 0.3, strike 1.1, volatility 0.2; test on [0.35, 1.65]"

    @property
    def deviation(self):
        return self.volatility * math.sqrt(self.horizon - self.today)

    def train(self, size, seed):
        wide = self.volatility * self.widening
        drift = -0.5 * wide * wide * self.today
        z = streams.normals(seed, 11, (size,))
        spot = np.exp(drift + wide * math.sqrt(self.today) * z)
        y, slope = self.label(spot, streams.normals(seed, 12, (size,)))
        return Samples(spot[:, None], y[:, None], slope[:, None, None])

    def label(self, spot, z):
        """Value and derivative [N] at each spot, for one normal number each."""
        y, slope = 0.0, 0.0
        for sign in (1, -1):
            growth = np.exp(-0.5 * self.deviation**2 + sign * self.deviation * z)
            payoff = spot * growth - self.strike
            y = y + 0.5 * np.maximum(0, payoff)
            slope = slope + 0.5 * np.where(payoff > 0, growth, 0.0)
        return y, slope

    def test(self):
        x = np.linspace(0.35, 1.65, self.test_count)[:, None]
        return Samples(x, self.value(x), self.jacobian(x))

    def arguments(self, x):
        """d_1 and d_2 of the formula of Black and Scholes."""
        sd = self.deviation
        d1 = (np.log(x / self.strike) + 0.5 * sd * sd) / sd
        return d1, d1 - sd

    def value(self, x):
        d1, d2 = self.arguments(x)
        return x * normal_distribution(d1) - self.strike * normal_distribution(d2)

    def jacobian(self, x):
        return normal_distribution(self.arguments(x)[0])[:, :, None]


class Digital(Call):
    name = "digital_lrm_1"
    sizes = (1024, 8192, 32768)
    note = "1 if the spot ends above 1.1, else 0; derivative labels by the likelihood ratio"

    def label(self, spot, z):
        sd = self.deviation
        y, slope = 0.0, 0.0
        for sign in (1, -1):
            ends = spot * np.exp(-0.5 * sd * sd + sign * sd * z)
            hit = (ends > self.strike).astype(np.float64)
            y = y + 0.5 * hit
            slope = slope + 0.5 * hit * sign * z / (spot * sd)
        return y, slope

    def value(self, x):
        return normal_distribution(self.arguments(x)[1])

    def jacobian(self, x):
        return (normal_density(self.arguments(x)[1]) / (x * self.deviation))[:, :, None]


class Basket(Problem):
    """Calls and puts on baskets of n assets in a correlated model of Bachelier."""

    is_noisy = True
    today, horizon, widening, basket_volatility = 1.0, 2.0, 1.5, 0.2

    def __init__(self, n, sizes, m=1):
        self.n, self.m, self.sizes = n, m, sizes
        self.name = f"bachelier_{n}" if m == 1 else f"basket{m}_{n}"
        self.note = f"{m} option(s) on baskets of {n} assets; the test cube widens with n"
        factors = 2 * streams.uniforms(MODEL_SEED, 100 + n, 2 * n * n).reshape(2 * n, n) - 1
        covariance = factors.T @ factors
        inverse = 1 / np.sqrt(np.diag(covariance))
        correlation = covariance * np.outer(inverse, inverse)
        weights = 1 + 9 * streams.uniforms(MODEL_SEED, 200 + n, m * n).reshape(m, n)
        if m > 1:  # Baskets that differ: each asset is in about half of them.
            weights *= streams.uniforms(MODEL_SEED, 250 + n, m * n).reshape(m, n) < 0.5
        self.weights = weights / weights.sum(1, keepdims=True)
        volatility = 5 + 45 * streams.uniforms(MODEL_SEED, 300 + n, n)
        of_first = self.weights[0] * volatility
        volatility = (
            volatility * self.basket_volatility / np.sqrt(of_first @ correlation @ of_first)
        )
        covariance = correlation * np.outer(volatility, volatility)
        self.factor = np.linalg.cholesky(covariance) * math.sqrt(self.horizon - self.today)
        spread = np.sqrt(np.einsum("kj,ji,ki->k", self.weights, covariance, self.weights))
        self.deviation = spread * math.sqrt(self.horizon - self.today)
        self.strike = np.array([1.1, 0.9, 1.0, 1.2][:m])
        self.sign = np.array([1.0, -1.0, 1.0, -1.0][:m])  # 1 for a call, -1 for a put.

    def train(self, size, seed):
        wide = self.widening * math.sqrt(self.today / (self.horizon - self.today))
        spots = 1.0 + streams.normals(seed, 11, (size, self.n)) @ (self.factor * wide).T
        return Samples(spots, *self.label(spots, self.moves(size, seed)))

    def moves(self, size, seed):
        return streams.normals(seed, 12, (size, self.n)) @ self.factor.T

    def gradients(self, spots, seed):
        """[N, n] of output 0 at other spots, along the paths of train(N, seed)."""
        return self.label(spots, self.moves(len(spots), seed))[1][:, 0]

    def label(self, spots, moves):
        """Values [N, m] and Jacobians [N, m, n] at the spots, for one move [n] each."""
        now, change = spots @ self.weights.T, moves @ self.weights.T
        y, slope = 0.0, 0.0
        for direction in (1, -1):
            payoff = self.sign * (now + direction * change - self.strike)
            y = y + 0.5 * np.maximum(0, payoff)
            slope = slope + 0.5 * np.where(payoff > 0, self.sign, 0.0)[:, :, None] * self.weights
        return y, slope

    def test(self):
        width = 1 + 0.5 * math.sqrt((self.n - 1) / 12.0)
        units = streams.uniforms(TEST_SEED, 2, self.test_count * self.n).reshape(-1, self.n)
        x = 1 + width * (units - 0.5)
        return Samples(x, self.value(x), self.jacobian(x))

    def moneyness(self, x):
        return (x @ self.weights.T - self.strike) / self.deviation

    def value(self, x):
        d = self.moneyness(x)
        inside = self.sign * d * normal_distribution(self.sign * d)
        return self.deviation * (inside + normal_density(d))

    def jacobian(self, x):
        delta = self.sign * normal_distribution(self.sign * self.moneyness(x))
        return delta[:, :, None] * self.weights

    def curvatures(self, x, v, _step):
        """[N, k, n]: the Hessian of output 0 times directions v [k, n]."""
        gamma = normal_density(self.moneyness(x)[:, 0]) / self.deviation[0]
        return gamma[:, None, None] * (v @ self.weights[0])[None, :, None] * self.weights[0]


PROBLEMS = (
    Call(),
    Digital(),
    Basket(1, (256, 1024, 8192)),
    Basket(7, (4096, 8192, 16384)),
    Basket(20, (4096, 8192, 16384)),
    Basket(100, (4096, 8192, 16384)),
    Basket(20, (4096, 8192, 16384), m=4),
)
