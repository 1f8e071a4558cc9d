#!/usr/bin/env python3
"""Training step on value and gradient losses: Sobolev against PyTorch, one thread each.

    pip install torch && tests/bench/train_step.py --bench build/release/tests/bench/train_step_bench

The PyTorch side is the published recipe of differential machine learning (Huge and Savine 2020,
"Differential machine learning", arXiv:2005.02347): a twin network whose adjoint sweep is written
out, so that one backward pass differentiates both, and Adam. The network is 20-20-20-20-20-1
softplus. PyTorch gets one fixed batch, ready in memory; Sobolev gathers random rows from a data set
and updates with Adam too. The two alternate for several rounds, PyTorch once with its own choice of
vector instructions and once with AVX-512 forced; the faster of the two counts. Times are CPU times.

Prints one line per precision and batch, and a JSON object on the last line. Exits with 1 when a
ratio at batch 256 falls below 8 (float32) or 5 (float64).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

INPUTS, WIDTH, HIDDEN = 20, 20, 4
BATCHES = (256, 1024, 4096)
PRECISIONS = ("float32", "float64")
REQUIRED = {"float32": 8.0, "float64": 5.0}


def environment(**extra):
    """One thread everywhere, and OpenBLAS free to choose the kernels of this processor."""
    env = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    env.pop("OPENBLAS_CORETYPE", None)
    env.pop("ATEN_CPU_CAPABILITY", None)
    env.update(extra)
    return env


def torch_step(precision, batch, seconds):
    """Median CPU microseconds of one PyTorch step."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    dtype = getattr(torch, precision)
    sizes = [INPUTS] + [WIDTH] * HIDDEN + [1]
    weights, biases = [], []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
        weights.append((torch.randn(fan_in, fan_out, dtype=dtype) / fan_in**0.5).requires_grad_())
        biases.append(torch.zeros(fan_out, dtype=dtype, requires_grad=True))
    x = torch.randn(batch, INPUTS, dtype=dtype)
    y = torch.randn(batch, 1, dtype=dtype)
    gradient = torch.randn(batch, INPUTS, dtype=dtype)
    inverse_scale = torch.ones(INPUTS, dtype=dtype)
    optimizer = torch.optim.Adam(weights + biases, lr=1e-4)
    alpha, beta = 1 / (1 + INPUTS), INPUTS / (1 + INPUTS)

    def step():
        optimizer.zero_grad(set_to_none=True)
        a, slopes = x, []
        for w, b in zip(weights[:-1], biases[:-1]):
            z = torch.addmm(b, a, w)
            slopes.append(torch.sigmoid(z))
            a = torch.nn.functional.softplus(z)
        value = torch.addmm(biases[-1], a, weights[-1])
        adjoint = slopes[-1] * weights[-1].t()
        for w, slope in zip(reversed(weights[1:-1]), reversed(slopes[:-1])):
            adjoint = (adjoint @ w.t()) * slope
        adjoint = adjoint @ weights[0].t()
        loss = alpha * ((value - y) ** 2).mean()
        loss = loss + beta * ((adjoint * inverse_scale - gradient) ** 2).mean()
        loss.backward()
        optimizer.step()

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


def run_torch(precision, batch, seconds, capability):
    extra = {"ATEN_CPU_CAPABILITY": capability} if capability else {}
    command = [sys.executable, os.path.abspath(__file__), "--torch-only", precision, str(batch)]
    output = subprocess.run(command + ["--seconds", str(seconds)], env=environment(**extra),
                            check=True, capture_output=True, text=True)
    return float(output.stdout)


def run_sobolev(bench, precision, batch, seconds):
    command = [bench, f"--benchmark_filter=TrainStep/{precision}/{batch}$",
               f"--benchmark_min_time={seconds}", "--benchmark_format=json"]
    output = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    return json.loads(output.stdout)["benchmarks"][0]["cpu_time"] / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", help="path of train_step_bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="per measurement")
    parser.add_argument("--torch-only", nargs=2, metavar=("PRECISION", "BATCH"),
                        help="print the microseconds of one PyTorch step")
    args = parser.parse_args()
    if args.torch_only:
        print(torch_step(args.torch_only[0], int(args.torch_only[1]), args.seconds))
        return 0
    if not args.bench:
        parser.error("--bench is required")

    results = {}
    for precision in PRECISIONS:
        for batch in BATCHES:
            ours, theirs, ratios = [], [], []
            for _ in range(args.rounds):
                ours.append(run_sobolev(args.bench, precision, batch, args.seconds))
                theirs.append(min(run_torch(precision, batch, args.seconds, capability)
                                  for capability in (None, "avx512")))
                ratios.append(theirs[-1] / ours[-1])
            entry = {"sobolev_us": statistics.median(ours), "torch_us": statistics.median(theirs),
                     "ratio": statistics.median(ratios), "ratio_min": min(ratios),
                     "ratio_max": max(ratios)}
            results[f"{precision}/{batch}"] = entry
            print(f"{precision} batch {batch:5d}: Sobolev {entry['sobolev_us']:8.1f} us, PyTorch "
                  f"{entry['torch_us']:8.1f} us, ratio {entry['ratio']:5.2f} "
                  f"[{entry['ratio_min']:.2f}, {entry['ratio_max']:.2f}]", flush=True)
    print(json.dumps(results))
    return int(any(results[f"{p}/256"]["ratio"] < REQUIRED[p] for p in PRECISIONS))


if __name__ == "__main__":
    sys.exit(main())
