"""Posteriors that other projects sample through the unmodified umbridge client, against quadrature.

The unknowns a, b, c of the model have independent normal priors, and both outputs were seen with
noise. The gradients that the samplers need come from /Gradient.
"""

from __future__ import annotations

import conftest
import numpy as np
import pymc
import pytest
import scipy.stats
import tinyDA
import umbridge
import umbridge.pymc

NOISE, SEEN = 0.3, np.array([0.3, 0.4])
PRIOR_DEVIATION = 0.5


@pytest.fixture(scope="module")
def url(server, model) -> str:
    return f"http://{server.gateway}"


@pytest.fixture(scope="module")
def moments(model) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the posterior, summed over a grid."""
    axis = np.linspace(-2.5, 2.5, 25)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    misfit = (np.vstack([model.predict(part) for part in np.array_split(grid, 4)]) - SEEN) / NOISE
    prior = np.exp(-0.5 * (grid**2).sum(axis=1) / PRIOR_DEVIATION**2)
    density = prior * np.exp(-0.5 * (misfit**2).sum(axis=1))
    density /= density.sum()
    mean = density @ grid
    assert np.abs(mean).max() > 0.2  # The data say something: the prior's mean is 0.
    return mean, np.sqrt(density @ (grid - mean) ** 2)


def require_posterior(samples: np.ndarray, moments: tuple[np.ndarray, np.ndarray]) -> None:
    """Fails unless `samples` have these moments. They are at least 100 independent ones: within 4
    of their standard errors."""
    mean, deviation = moments
    assert np.abs(samples.mean(axis=0) - mean).max() < 4 * deviation.max() / np.sqrt(100)
    np.testing.assert_allclose(samples.std(axis=0), deviation, rtol=0.3)


def test_tiny_da_samples_the_posterior(url, moments):
    """Metropolis-adjusted Langevin."""
    prior = scipy.stats.multivariate_normal(np.zeros(3), PRIOR_DEVIATION**2 * np.eye(3))
    likelihood = tinyDA.GaussianLogLike(SEEN, NOISE**2 * np.eye(2))
    remote = tinyDA.UmBridgeModel(umbridge.HTTPModel(url, conftest.MODEL))
    assert remote.gradient is not None
    np.random.seed(1)
    chains = tinyDA.sample(
        tinyDA.Posterior(prior, likelihood, remote),
        tinyDA.MALA(scaling=0.35),
        iterations=1500,
        n_chains=1,
        initial_parameters=np.zeros(3),
        force_sequential=True,
    )
    samples = np.array([link.parameters for link in chains["chain_0"]])[200:]
    require_posterior(samples, moments)


def test_pymc_samples_the_posterior(url, moments):
    """Hamiltonian Monte Carlo without U-turns."""
    remote = umbridge.pymc.UmbridgeOp(url, conftest.MODEL)
    with pymc.Model():
        x = pymc.Normal("x", 0, PRIOR_DEVIATION, shape=3)
        pymc.Normal("seen", remote(x), NOISE, observed=SEEN)
        trace = pymc.sample(
            draws=200, tune=150, chains=1, cores=1, random_seed=1, progressbar=False
        )
    require_posterior(trace.posterior["x"].values[0], moments)
