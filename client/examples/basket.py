"""Differential training of a basket option's price, from a notebook's point of view.

The Bachelier basket of Huge and Savine, "Differential Machine Learning" (2020): seven correlated
assets, one simulated payoff and its pathwise differentials per sample to train on, the closed form
to check against. Trains twice on the same samples, with and without the differentials.

    python3 basket.py [HOST:PORT]
"""

import math
import sys

import numpy as np

import sobolev

ASSETS = 7
SAMPLES = 8192
STRIKE = 1.1
BASKET_VOLATILITY = 0.2

rng = np.random.default_rng(1)
weights = rng.uniform(1, 10, ASSETS)
weights /= weights.sum()
# Correlations of 14 random factors, volatilities in a range of ten, 20% for the basket.
covariance = np.cov(rng.uniform(-1, 1, (ASSETS, 2 * ASSETS)), bias=True)
scale = rng.uniform(5, 50, ASSETS) / np.sqrt(np.diag(covariance))
covariance *= np.outer(scale, scale)
covariance *= BASKET_VOLATILITY**2 / (weights @ covariance @ weights)
cholesky = np.linalg.cholesky(covariance)


def simulate(count):
    """Spots after a year [N, 7], payoffs a year later [N] and their differentials [N, 7].

    Both are means over an antithetic pair of paths: unbiased and noisy.
    """
    spots = 1 + 1.5 * rng.standard_normal((count, ASSETS)) @ cholesky.T
    move = rng.standard_normal((count, ASSETS)) @ cholesky.T @ weights
    gains = (spots @ weights)[:, None] + np.outer(move, [1, -1]) - STRIKE
    return spots, np.maximum(gains, 0).mean(axis=1), np.outer((gains > 0).mean(axis=1), weights)


def exact(spots):
    """Prices [N] and deltas [N, 7]: Bachelier (1900)."""
    d = (spots @ weights - STRIKE) / BASKET_VOLATILITY
    density = np.exp(-d * d / 2) / math.sqrt(2 * math.pi)
    distribution = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in d])
    return BASKET_VOLATILITY * (d * distribution + density), distribution[:, None] * weights


def rmse(error):
    """Root mean square."""
    return math.sqrt(np.mean(error**2))


def main():
    """Trains both models and prints their errors against the closed form."""
    x, y, dydx = simulate(SAMPLES)
    side = 1 + math.sqrt((ASSETS - 1) / 12) / 2  # Keeps the basket's range in all dimensions.
    points = 1 + side * rng.uniform(-0.5, 0.5, (4096, ASSETS))
    prices, deltas = exact(points)
    with sobolev.Client(sys.argv[1] if len(sys.argv) > 1 else "localhost:50551") as client:
        print(f"{'training':<14}{'rmse value':>12}{'rmse delta':>12}{'seconds':>10}")
        for name, labels in (("value only", None), ("differential", dydx)):
            # The same network both times, so that the labels alone differ.
            model = client.train(
                x, y, jacobian=labels, model="basket", kind="network", seed=1
            ).wait(progress=sys.stderr.isatty())
            value, jacobian = model.value_and_jacobian(points)
            print(
                f"{name:<14}{rmse(value[:, 0] - prices):12.5f}"
                f"{rmse(jacobian[:, 0] - deltas):12.5f}{model.report.train_seconds:10.2f}"
            )
        print("deltas at the money:", np.round(model.jacobian(np.ones(ASSETS))[0], 4))


if __name__ == "__main__":
    main()
