"""Values and Jacobians of a batch from the server, against PyTorch and JAX in this process.

  python tests/bench/predict_peers.py --server build/release/server/sobolev-server [--threads 2]

Prints points per second of each and the ratios, medians of interleaved rounds. The server answers
over loopback through the Python client, network and conversions included; peers have the weights in
memory and their function compiled. All compute in float64 with as many threads. Hessians likewise,
of a network with one output. Needs torch and jax next to the sobolev package.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--server", required=True, help="the sobolev-server to run")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--rounds", type=int, default=9)
arguments = parser.parse_args()

# Before the libraries start their threads.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(arguments.threads)
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={'true' if arguments.threads > 1 else 'false'} "
    f"intra_op_parallelism_threads={arguments.threads}"
)
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

import sobolev  # noqa: E402

HIDDEN = (128, 128, 128)
INPUTS = 8

torch.set_num_threads(arguments.threads)


def served(client: sobolev.Client, outputs: int) -> sobolev.Model:
    """A network 8-128-128-128-outputs; its weights do not matter here."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (256, INPUTS))
    y = np.sin(x @ rng.standard_normal((INPUTS, outputs)))
    name = f"wide-{outputs}"
    names = [f"x{j}" for j in range(INPUTS)], [f"y{i}" for i in range(outputs)]
    client.create_dataset(name, *names).append(x, y)
    client.train(
        dataset=name,
        model=name,
        kind="network",
        optimizer="adam",
        hidden=HIDDEN,
        activation="tanh",
        epochs=1,
    ).wait(progress=False)
    return client.model(name)


def weights(outputs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of the same network for the peers."""
    rng = np.random.default_rng(1)
    sizes = (INPUTS, *HIDDEN, outputs)
    return [
        (rng.standard_normal((b, a)) / np.sqrt(a), rng.standard_normal(b))
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]


def in_torch(outputs: int, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    layers = [(torch.tensor(w), torch.tensor(b)) for w, b in weights(outputs)]
    points = torch.tensor(x)

    def value(point: torch.Tensor) -> torch.Tensor:
        for w, b in layers[:-1]:
            point = torch.tanh(w @ point + b)
        w, b = layers[-1]
        return w @ point + b

    def both(point: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = value(point)
        return y, y

    jacobian = torch.func.vmap(torch.func.jacrev(both, has_aux=True))
    hessian = torch.func.vmap(torch.func.hessian(value))
    return {"jacobian": lambda: jacobian(points), "hessian": lambda: hessian(points)}


def in_jax(outputs: int, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    layers = [(jnp.array(w), jnp.array(b)) for w, b in weights(outputs)]
    points = jnp.array(x)

    def value(point: jax.Array) -> jax.Array:
        for w, b in layers[:-1]:
            point = jnp.tanh(w @ point + b)
        w, b = layers[-1]
        return w @ point + b

    def both(point: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = value(point)
        return y, y

    jacobian = jax.jit(jax.vmap(jax.jacrev(both, has_aux=True)))
    hessian = jax.jit(jax.vmap(jax.hessian(value)))
    return {
        "jacobian": lambda: jax.block_until_ready(jacobian(points)),
        "hessian": lambda: jax.block_until_ready(hessian(points)),
    }


def in_sobolev(model: sobolev.Model, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    return {
        "jacobian": lambda: model.evaluate(x, jacobian=True),
        "hessian": lambda: model.evaluate(x, value=False, hessian=True),
    }


def seconds(function: Callable[[], Any]) -> float:
    """Of one call, mean over a tenth of a second."""
    calls = 0
    start = time.perf_counter()
    while time.perf_counter() - start < 0.1:
        function()
        calls += 1
    return (time.perf_counter() - start) / calls


def compare(title: str, what: str, contestants: dict[str, Callable[[], Any]]) -> None:
    for function in contestants.values():
        function()  # Compiles.
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, function in contestants.items():
            times[name].append(seconds(function))
    ours = times["sobolev"]
    print(f"{title}, batch {arguments.batch}, {arguments.threads} thread(s)")
    for name, each in times.items():
        ratio = statistics.median(a / b for a, b in zip(each, ours, strict=True))
        rate = arguments.batch / statistics.median(each)
        print(f"  {name:8} {rate:12.0f} {what}/s   {ratio:6.2f} times sobolev's time")


def main() -> None:
    x = np.random.default_rng(2).uniform(-1, 1, (arguments.batch, INPUTS))
    with tempfile.TemporaryDirectory() as directory:
        ports = pathlib.Path(directory) / "ports"
        flags = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data-dir", directory]
        flags += ["--port-file", str(ports), "--threads", str(arguments.threads)]
        process = subprocess.Popen(
            [arguments.server, *flags], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            while not ports.exists():
                time.sleep(0.01)
            address = dict(line.split("=") for line in ports.read_text().split())["grpc"]
            with sobolev.Client(address) as client:
                for title, what, quantity, outputs in (
                    ("Value and Jacobian, 8-128-128-128-4 tanh", "points", "jacobian", 4),
                    ("Hessian, 8-128-128-128-1 tanh", "Hessians", "hessian", 1),
                ):
                    contestants = {
                        "sobolev": in_sobolev(served(client, outputs), x)[quantity],
                        "torch": in_torch(outputs, x)[quantity],
                        "jax": in_jax(outputs, x)[quantity],
                    }
                    compare(title, what, contestants)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
