#!/usr/bin/env python3
"""The peers of the learning suite, each a library with a recipe.

    pip install torch==2.13.0 'jax[cpu]==0.10.2' smt==2.15.0 jenn==2.1.1 openturns==1.27.post1 numpy
    peers.py PEER PROBLEM [SIZE [SEED]]      fit once and print the errors

Every fit takes samples and gives a predictor of values and Jacobians with the CPU seconds of the
fit alone, on one thread. Options are those of the recipe's authors, or better ones where we know
any.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable

import jenn
import numpy as np
import one_thread
import openturns
import smt.surrogate_models as smt
import twin_jax
import twin_torch
import workloads
from problem import Samples

# Kriging predicts one partial derivative per call, at up to 300 ms a point.
SLOW_PREDICTION_POINTS = 256


@dataclasses.dataclass
class Peer:
    # (problem, samples, seed) to (predict, CPU seconds, details); predict: x to (y, jacobian).
    fit: Callable
    # More samples than this take minutes to hours.
    most_samples: float = float("inf")
    most_inputs: float = float("inf")
    least_inputs: int = 1
    predicts_slowly: bool = False
    uses_gradients: bool = True


class Standard:
    """Samples in the units that a library likes: the unit cube, or zero mean and unit spread."""

    def __init__(self, problem, samples):
        if problem.box is not None:
            low, high = problem.box
            self.centre, self.scale = low, high - low
        else:
            self.centre, self.scale = samples.x.mean(0), samples.x.std(0)
        self.samples = Samples(
            self.units(samples.x), samples.y, samples.jacobian * self.scale[None, None, :]
        )

    def units(self, x):
        return (x - self.centre) / self.scale

    def raw(self, y, jacobian):
        return y, jacobian / self.scale


def timed(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def torch_twin(weights, held_out, problem, samples, seed):
    return twin_torch.fit(samples, seed, weights, held_out)


def jax_twin(problem, samples, seed):
    return twin_jax.fit(samples, seed, "global")


def smt_models(make, uses_gradients, problem, samples, seed):
    """One SMT model per output: that is what its models with gradients take."""
    standard = Standard(problem, samples)
    x, y, jacobian = standard.samples

    def train(output):
        model = make(problem, seed)
        model.set_training_values(x, y[:, output : output + 1])
        if uses_gradients:
            for j in range(problem.n):
                model.set_training_derivatives(x, jacobian[:, output, j : j + 1], j)
        model.train()
        return model

    models, seconds = timed(lambda: [train(output) for output in range(problem.m)])

    def predict(points):
        units = standard.units(points)
        values = [model.predict_values(units) for model in models]
        slopes = [
            np.concatenate([model.predict_derivatives(units, j) for j in range(problem.n)], 1)
            for model in models
        ]
        return standard.raw(np.concatenate(values, 1), np.stack(slopes, 1))

    return predict, seconds, {}


def make_genn(problem, seed):
    """Its defaults: 12-12 tanh, 1000 steps of Adam."""
    return smt.GENN(seed=seed, is_print=False, print_global=False)


def make_gekpls(problem, seed):
    components = min(3, problem.n)
    limits = [0.0, 1.0] if problem.box else [-4.0, 4.0]
    return smt.GEKPLS(
        theta0=[1e-2] * components,
        n_comp=components,
        extra_points=2 if problem.n == 2 else 1,
        delta_x=1e-4,
        xlimits=np.tile(limits, (problem.n, 1)),
        seed=seed,
        eval_noise=problem.is_noisy,
        print_global=False,
    )


def make_kriging(problem, seed):
    return smt.KRG(theta0=[1e-1], seed=seed, eval_noise=problem.is_noisy, print_global=False)


def jenn_network(problem, samples, seed):
    """20-20 tanh on values and gradients, full batch."""
    standard = Standard(problem, samples)
    x, y, jacobian = standard.samples
    network = jenn.NeuralNet([problem.n, 20, 20, problem.m])
    _, seconds = timed(
        lambda: network.fit(
            x.T,
            y.T,
            jacobian.transpose(1, 2, 0),
            is_normalize=True,
            alpha=0.01,
            lambd=1e-6,
            max_iter=5000 if problem.n < 8 else 2000,
            random_state=seed,
        )
    )

    def predict(points):
        units = standard.units(points).T
        slopes = network.predict_partials(units).transpose(2, 0, 1)
        return standard.raw(network.predict(units).T, slopes)

    return predict, seconds, {}


def chaos_expansion(problem, samples, seed):
    """Sparse polynomials of the values by least angle regression, chosen by leave-one-out."""
    openturns.Log.Show(openturns.Log.NONE)
    standard = Standard(problem, samples)
    x, y, _ = standard.samples
    n, count = problem.n, len(x)
    if problem.box is None:
        marginal, family = openturns.Normal(), openturns.HermiteFactory()
    else:
        marginal, family = openturns.Uniform(0, 1), openturns.LegendreFactory()
    order = openturns.HyperbolicAnisotropicEnumerateFunction(n, 0.7)
    basis = openturns.OrthogonalProductPolynomialFactory([family] * n, order)
    selection = openturns.LeastSquaresMetaModelSelectionFactory(
        openturns.LARS(), openturns.CorrectedLeaveOneOut()
    )
    algorithm = openturns.FunctionalChaosAlgorithm(
        openturns.Sample(x),
        openturns.Sample(y),
        openturns.JointDistribution([marginal] * n),
        openturns.FixedStrategy(basis, max(n + 2, min(2 * count, 600))),
        openturns.LeastSquaresStrategy(selection),
    )
    _, seconds = timed(algorithm.run)
    expansion = algorithm.getResult().getMetaModel()

    def value(units):
        return np.array(expansion(openturns.Sample(units)))

    def predict(points):
        units, h = standard.units(points), 1e-5
        slopes = [(value(units + h * e) - value(units - h * e)) / (2 * h) for e in np.eye(n)]
        return standard.raw(value(units), np.stack(slopes, 2))

    return predict, seconds, {}


def smt_peer(make, uses_gradients):
    return functools.partial(smt_models, make, uses_gradients)


PEERS = {
    "torch_value": Peer(functools.partial(torch_twin, "value", 0.0), uses_gradients=False),
    "torch_published": Peer(functools.partial(torch_twin, "published", 0.0)),
    "torch_global": Peer(functools.partial(torch_twin, "global", 0.0)),
    # Not published: what a hold-out adds to it, which matters where labels are noisy.
    "torch_held_out": Peer(functools.partial(torch_twin, "published", 0.1)),
    "torch_value_held_out": Peer(functools.partial(torch_twin, "value", 0.1), uses_gradients=False),
    "jax_global": Peer(jax_twin),
    "genn": Peer(smt_peer(make_genn, True)),
    "jenn": Peer(jenn_network),
    "gekpls": Peer(smt_peer(make_gekpls, True), 2000, 40, 2, predicts_slowly=True),
    "kriging": Peer(
        smt_peer(make_kriging, False), 2000, predicts_slowly=True, uses_gradients=False
    ),
    "chaos": Peer(chaos_expansion, predicts_slowly=True, uses_gradients=False),
}


def out_of_reach(peer, problem, size):
    """Why not to try, or None."""
    if size > peer.most_samples:
        return f"more than {peer.most_samples} samples"
    if problem.n > peer.most_inputs:
        return f"more than {peer.most_inputs} inputs"
    if problem.n < peer.least_inputs:
        return f"less than {peer.least_inputs} inputs"
    return None


def score(peer, problem, size, seed, after_fit=lambda: None):
    """Fits and predicts: errors at the test points, and times."""
    samples, test = problem.train(size, seed), problem.test()
    if peer.predicts_slowly and problem.n > 3:
        test = Samples(*(array[:SLOW_PREDICTION_POINTS] for array in test))
    predict, cpu_seconds, details = peer.fit(problem, samples, seed)
    after_fit()
    if not peer.predicts_slowly:
        predict(test.x)  # JAX compiles at the first call.
    (y, jacobian), predict_seconds = timed(lambda: predict(test.x))
    return {
        **problem.errors(test, y, jacobian),
        "cpu_seconds": round(cpu_seconds, 5),
        "predict_us": round(predict_seconds / len(test.x) * 1e6, 3),
        **details,
    }


def main():
    if len(sys.argv) not in (3, 4, 5):
        sys.exit(__doc__)
    one_thread.ensure()
    peer, problem = PEERS[sys.argv[1]], workloads.PROBLEMS[sys.argv[2]]
    size = int(sys.argv[3]) if len(sys.argv) > 3 else problem.sizes[1]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    print(json.dumps(score(peer, problem, size, seed)))


if __name__ == "__main__":
    main()
