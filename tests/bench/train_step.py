#!/usr/bin/env python3
"""Training step on value and gradient losses: Sobolev against PyTorch and JAX, one thread each.

    pip install torch jax
    tests/bench/train_step.py --bench build/release/tests/bench/train_step_bench

Two networks: narrow is 20-20-20-20-20-1 softplus, wide is 8-128-128-128-4 tanh with the Jacobians
of all outputs. The peers run the published recipe of differential machine learning (Huge and Savine
2020, arXiv:2005.02347): a twin network whose adjoint sweep is written out, so that one backward
pass differentiates both, and Adam; in JAX the whole step is jit-compiled. All three gather the rows
of every step from a shuffled data set of NUM_SAMPLES. They alternate for several rounds, PyTorch
once with its own choice of vector instructions and once with AVX-512 forced; the faster of the two
counts. "torch" is PyTorch's Adam as it comes, "torch-fused" the same with fused=True. Times are CPU
times.

Prints one line per network, precision and batch with Sobolev's share of the processor's peak rate
of multiply-adds, and a JSON object on the last line. Exits with 1 when a ratio of a float32 batch
falls below REQUIRED.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

NETS = {"narrow": ([20, 20, 20, 20, 20, 1], "softplus"), "wide": ([8, 128, 128, 128, 4], "tanh")}
BATCHES = (256, 1024, 4096)
PRECISIONS = ("float32", "float64")
NUM_SAMPLES = 8192
PEERS = ("torch", "torch-fused", "jax")
REQUIRED = {
    ("narrow", 256, "torch"): 12.0,
    ("narrow", 1024, "torch"): 7.0,
    ("wide", 1024, "torch"): 2.5,
    ("narrow", 1024, "jax"): 3.0,
    ("wide", 1024, "jax"): 1.3,
}


def environment(**extra):
    """One thread everywhere, and OpenBLAS free to choose the kernels of this processor."""
    env = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    env.pop("OPENBLAS_CORETYPE", None)
    env.pop("ATEN_CPU_CAPABILITY", None)
    env.update(extra)
    return env


def torch_step(net, precision, batch, fused):
    """One step of PyTorch, ready to be called."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    dtype = getattr(torch, precision)
    sizes, activation = NETS[net]
    inputs, outputs = sizes[0], sizes[-1]
    weights, biases = [], []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
        weights.append((torch.randn(fan_in, fan_out, dtype=dtype) / fan_in**0.5).requires_grad_())
        biases.append(torch.zeros(fan_out, dtype=dtype, requires_grad=True))
    all_x = torch.randn(NUM_SAMPLES, inputs, dtype=dtype)
    all_y = torch.randn(NUM_SAMPLES, outputs, dtype=dtype)
    all_gradients = torch.randn(outputs, NUM_SAMPLES, inputs, dtype=dtype)
    batches = itertools.cycle(torch.randperm(NUM_SAMPLES).split(batch))
    optimizer = torch.optim.Adam(weights + biases, lr=1e-4, fused=fused)
    alpha, beta = 1 / (1 + inputs), inputs / (1 + inputs)

    def activate(z):
        if activation == "softplus":
            return torch.nn.functional.softplus(z), torch.sigmoid(z)
        a = torch.tanh(z)
        return a, 1 - a * a

    def step():
        optimizer.zero_grad(set_to_none=True)
        rows = next(batches)
        a, slopes = all_x.index_select(0, rows), []
        y, gradient = all_y.index_select(0, rows), all_gradients.index_select(1, rows)
        for w, b in zip(weights[:-1], biases[:-1]):
            a, slope = activate(torch.addmm(b, a, w))
            slopes.append(slope)
        value = torch.addmm(biases[-1], a, weights[-1])
        # All outputs side by side: [outputs, batch, features].
        adjoint = slopes[-1] * weights[-1].t().unsqueeze(1)
        for w, slope in zip(reversed(weights[1:-1]), reversed(slopes[:-1])):
            adjoint = (adjoint @ w.t()) * slope
        adjoint = adjoint @ weights[0].t()
        loss = alpha * ((value - y) ** 2).mean() + beta * ((adjoint - gradient) ** 2).mean()
        loss.backward()
        optimizer.step()

    return step


def jax_step(net, precision, batch):
    """One step of JAX, ready to be called."""
    import jax

    jax.config.update("jax_enable_x64", precision == "float64")
    import jax.numpy as jnp
    import numpy as np

    sizes, activation = NETS[net]
    inputs, outputs = sizes[0], sizes[-1]
    rng = np.random.default_rng(1)

    def normal(*shape):
        return jnp.asarray(rng.standard_normal(shape), dtype=precision)

    params = [
        (normal(i, o) / i**0.5, jnp.zeros(o, precision)) for i, o in zip(sizes[:-1], sizes[1:])
    ]
    all_x, all_y = normal(NUM_SAMPLES, inputs), normal(NUM_SAMPLES, outputs)
    all_gradients = normal(outputs, NUM_SAMPLES, inputs)
    order = jnp.asarray(rng.permutation(NUM_SAMPLES)).reshape(-1, batch)
    batches = itertools.cycle(list(order))
    alpha, beta = 1 / (1 + inputs), inputs / (1 + inputs)

    def activate(z):
        if activation == "softplus":
            return jax.nn.softplus(z), jax.nn.sigmoid(z)
        a = jnp.tanh(z)
        return a, 1 - a * a

    def loss(params, rows):
        a, slopes = all_x[rows], []
        y, gradient = all_y[rows], all_gradients[:, rows]
        for w, b in params[:-1]:
            a, slope = activate(a @ w + b)
            slopes.append(slope)
        value = a @ params[-1][0] + params[-1][1]
        adjoint = slopes[-1] * params[-1][0].T[:, None, :]
        for (w, _), slope in zip(params[-2:0:-1], slopes[-2::-1]):
            adjoint = (adjoint @ w.T) * slope
        adjoint = adjoint @ params[0][0].T
        return alpha * ((value - y) ** 2).mean() + beta * ((adjoint - gradient) ** 2).mean()

    @jax.jit
    def update(rows, params, first, second, count):
        tree = jax.tree_util.tree_map
        slope = jax.grad(loss)(params, rows)
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
        rate = 1e-4 / (1 - 0.9**count)
        correction = 1 / (1 - 0.999**count)
        params = tree(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v * correction) + 1e-8), params, first, second
        )
        return params, first, second, count + 1

    zeros = jax.tree_util.tree_map(jnp.zeros_like, params)
    state = [(params, zeros, zeros, jnp.asarray(1, precision))]

    def step():
        state[0] = jax.block_until_ready(update(next(batches), *state[0]))

    return step


def measure_peer(peer, net, precision, batch, seconds):
    """Median CPU microseconds of one step."""
    if peer == "jax":
        step = jax_step(net, precision, batch)
    else:
        step = torch_step(net, precision, batch, fused=peer == "torch-fused")
    for _ in range(20):
        step()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time_ns()
        for _ in range(5):
            step()
        times.append((time.process_time_ns() - start) / 5e3)
    return statistics.median(times)


def run_peer(peer, net, precision, batch, seconds, **extra):
    command = [
        sys.executable,
        os.path.abspath(__file__),
        "--peer",
        peer,
        net,
        precision,
        str(batch),
    ]
    output = subprocess.run(
        [*command, "--seconds", str(seconds)],
        env=environment(**extra),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(output.stdout)


def run_fastest(peer, net, precision, batch, seconds):
    plain = run_peer(peer, net, precision, batch, seconds)
    if peer == "jax":
        return plain
    return min(plain, run_peer(peer, net, precision, batch, seconds, ATEN_CPU_CAPABILITY="avx512"))


def run_sobolev(bench, net, precision, batch, seconds):
    command = [
        bench,
        f"--benchmark_filter=TrainStep/{net}/{precision}/{batch}/1$",
        f"--benchmark_min_time={seconds}",
        "--benchmark_format=json",
    ]
    output = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    result = json.loads(output.stdout)["benchmarks"][0]
    return result["cpu_time"] / 1e3, result["peak_share"]


def compare(args, net, precision, batch):
    ours, shares = [], []
    theirs = {peer: [] for peer in args.peers}
    for _ in range(args.rounds):
        microseconds, share = run_sobolev(args.bench, net, precision, batch, args.seconds)
        ours.append(microseconds)
        shares.append(share)
        for peer in args.peers:
            theirs[peer].append(run_fastest(peer, net, precision, batch, args.seconds))
    entry = {"sobolev_us": statistics.median(ours), "peak_share": statistics.median(shares)}
    for peer in args.peers:
        ratios = [peer_us / our_us for peer_us, our_us in zip(theirs[peer], ours)]
        entry[peer] = {
            "us": statistics.median(theirs[peer]),
            "ratio": statistics.median(ratios),
            "range": [min(ratios), max(ratios)],
        }
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", help="path of train_step_bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="per measurement")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--peer",
        nargs=4,
        metavar=("PEER", "NET", "PRECISION", "BATCH"),
        help="print the microseconds of one step of a peer",
    )
    args = parser.parse_args()
    if args.peer:
        peer, net, precision, batch = args.peer
        print(measure_peer(peer, net, precision, int(batch), args.seconds))
        return 0
    if not args.bench:
        parser.error("--bench is required")

    results = {}
    failed = False
    for net in NETS:
        for precision in PRECISIONS:
            for batch in BATCHES:
                entry = compare(args, net, precision, batch)
                results[f"{net}/{precision}/{batch}"] = entry
                line = f"{net:6s} {precision} batch {batch:5d}: {entry['sobolev_us']:8.1f} us"
                line += f", {entry['peak_share']:.0%} of peak"
                for peer in args.peers:
                    line += (
                        f", {peer} {entry[peer]['us']:8.1f} us, ratio {entry[peer]['ratio']:5.2f}"
                    )
                    required = REQUIRED.get((net, batch, peer), 0)
                    failed |= precision == "float32" and entry[peer]["ratio"] < required
                print(line, flush=True)
    print(json.dumps(results))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
