#!/usr/bin/env python3
"""Second derivatives: how good those of models are, and what labels of them are worth.

    tests/bench/learning/second_order.py --server build/release/server/sobolev-server

needs the installed `sobolev` package and numpy.

The first table has Hessians of models that were fitted to values and first derivatives: relative
errors in the norm of Frobenius, in units of the spread of inputs, over all test points and at the
median point. (A borehole of the smallest radius outweighs all others in the first.)

The second follows Kichler 2024: a model of noisy payoffs is fitted to values and gradients; labels
of the Hessian along the principal directions of its gradients (95 % of their squares) are central
differences, by a tenth of a standard deviation, of gradients along the simulated paths; the same
fit with these labels besides is compared with the first. Errors are those of values, of gradients
and of products of Hessians with these directions at exact test points.

Prints medians over seeds, and a JSON object on the last line.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import ours
import workloads
from cases import Case

import sobolev

# Problems, samples and what we ask of ourselves.
EXACT = {
    ("otl_6", 400): 5e-3,
    ("wing_weight_10", 400): 1e-2,
    ("rosenbrock_2", 100): None,
    ("borehole_8", 400): None,
}
NOISY = (("bachelier_7", 8192), ("libor_80", 4096))
METHODS = ("second_order", "auto")
# Fits of noisy labels: on the principal directions, and a network of all inputs if those are few.
NOISY_FITS = {
    "auto": {"kind": "auto", "effort": 3.0},
    "network": {
        "kind": "network",
        "hidden": (16, 16),
        "activation": "tanh",
        "optimizer": "levenberg-marquardt",
    },
}
SKIPPED = {("libor_80", "network")}
EXPLAINED = 0.95
STEP = 0.1
DIFFERENCE = 1e-5  # Of the box, for Hessians from exact gradients: errors of about 1e-9.


def exact_hessians(problem, x):
    """[N, m, n, n], by central differences of exact Jacobians."""
    low, high = problem.box
    steps = DIFFERENCE * (high - low)
    columns = []
    for j, step in enumerate(steps):
        move = step * np.eye(problem.n)[j]
        columns.append((problem.jacobian(x + move) - problem.jacobian(x - move)) / (2 * step))
    return np.stack(columns, 3)


def in_parts(function, x):
    rows = ours.PREDICT_ROWS
    return np.concatenate([function(x[first : first + rows]) for first in range(0, len(x), rows)])


def relative(wrong, right):
    return float(np.linalg.norm(wrong - right) / np.linalg.norm(right))


def hessian_errors(client, server, seeds, rows=EXACT, methods=METHODS):
    """Of every method and case over all points and at the median point, one pair per seed."""
    errors = {}
    for name, size in rows:
        problem = workloads.PROBLEMS[name]
        test = problem.test()
        scales = problem.input_scales(test)
        scale = np.outer(scales, scales) / test.y.std(0)[:, None, None]
        truth = exact_hessians(problem, test.x) * scale
        for seed in seeds:
            case = Case(name, size, seed)
            dataset = ours.upload(client, problem, case, problem.train(size, seed))
            for method in methods:
                model, times = ours.fit(client, server, dataset, ours.OURS[method], seed)
                hessians = in_parts(model.hessian, test.x) * scale
                by_point = map(relative, hessians, truth)
                error = relative(hessians, truth), float(np.median(list(by_point)))
                errors.setdefault((name, size, method), []).append(error)
                text = f"{error[0]:.2e} {error[1]:.2e} {times['cpu_seconds']:.2f} s"
                print(f"{case} {method} {text}", file=sys.stderr, flush=True)
                client.delete_model(model.id)
            dataset.delete()
    return errors


def principal_directions(gradients, spread):
    """[k, n]: what explains most of the gradients, of length 1 in units of the spread."""
    scaled = gradients * spread
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    shares = np.cumsum(values[::-1]) / values.sum()
    count = int(np.searchsorted(shares, EXPLAINED)) + 1
    return vectors[:, ::-1][:, :count].T * spread


def noisy_errors(problem, model, test, directions, truth):
    """Errors of values, gradients and Hessian products at the test points."""
    y, jacobian = map(
        np.concatenate,
        zip(
            *(
                model.value_and_jacobian(test.x[first : first + ours.PREDICT_ROWS])
                for first in range(0, len(test.x), ours.PREDICT_ROWS)
            ),
            strict=True,
        ),
    )
    errors = problem.errors(test, y, jacobian)
    scales = problem.input_scales(test)
    products = in_parts(model.hessian, test.x).reshape(len(test.x), problem.n, problem.n)
    products = np.einsum("sij,kj->ski", products, directions)
    return errors["value_nrmse"], errors["grad_nrmse"], relative(products * scales, truth * scales)


def value_of_labels(client, server, seeds, rows=NOISY, fits=NOISY_FITS):
    """Errors of fits without and with labels of second derivatives, one triple per seed."""
    results = {}
    for name, size in rows:
        problem = workloads.PROBLEMS[name]
        test = problem.test()
        for seed in seeds:
            case = Case(name, size, seed)
            samples = problem.train(size, seed)
            spread = samples.x.std(0)
            plain = ours.upload(client, problem, case, samples)
            for fit, spec in fits.items():
                if (name, fit) in SKIPPED:
                    continue
                first, _ = ours.fit(client, server, plain, spec, seed)
                gradients = in_parts(first.jacobian, samples.x)[:, 0]
                directions = principal_directions(gradients, spread)
                labels = [
                    problem.gradients(samples.x + STEP * v, seed)
                    - problem.gradients(samples.x - STEP * v, seed)
                    for v in directions
                ]
                curved = client.create_dataset(
                    f"{plain.id}-curved",
                    [f"x{j}" for j in range(problem.n)],
                    [f"y{i}" for i in range(problem.m)],
                )
                curved.append(
                    samples.x,
                    samples.y,
                    samples.jacobian,
                    hvp_tangents=np.repeat(directions[None], size, 0),
                    hvp=np.stack(labels, 1) / (2 * STEP),
                )
                second, _ = ours.fit(client, server, curved, spec, seed)
                truth = problem.curvatures(test.x, directions, STEP)
                for what, model in (("without", first), ("with", second)):
                    errors = noisy_errors(problem, model, test, directions, truth)
                    results.setdefault((name, size, fit, what), []).append(errors)
                    text = " ".join(f"{error:.2e}" for error in errors)
                    print(f"{case} {fit} {what} {text}", file=sys.stderr, flush=True)
                    client.delete_model(model.id)
                curved.delete()
            plain.delete()
    return results


def print_hessians(errors):
    print("\nRelative error of Hessians, fitted to values and gradients, median over seeds")
    print(f"{'problem':22}" + "".join(f"{method:>22}" for method in METHODS) + f"{'at most':>10}")
    for (name, size), most in EXACT.items():
        row = ""
        for method in METHODS:
            over_all, at_median = np.median(errors[name, size, method], 0)
            row += f"{f'{over_all:.2e} {at_median:.2e}':>22}"
        print(f"{f'{name} {size}':22}{row}{most or '':>10}")


def print_labels(results):
    print("\nLabels of second derivatives, median errors over seeds")
    print(f"{'problem':18}{'fit':10}{'labels':10}{'value':>10}{'gradient':>10}{'H v':>10}")
    for (name, size, fit, what), errors in results.items():
        row = "".join(f"{error:10.2e}" for error in np.median(errors, 0))
        print(f"{f'{name} {size}':18}{fit:10}{what:10}{row}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", required=True, help="the program")
    parser.add_argument("--seeds", default="1,2,3", help="default: 1,2,3")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    with ours.Server(arguments.server) as server, sobolev.Client(server.grpc) as client:
        hessians = hessian_errors(client, server, seeds)
        labels = value_of_labels(client, server, seeds)
    print_hessians(hessians)
    print_labels(labels)
    print(
        json.dumps(
            {
                "hessians": {"/".join(map(str, key)): value for key, value in hessians.items()},
                "labels": {"/".join(map(str, key)): value for key, value in labels.items()},
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
