"""Differential machine learning in JAX: the whole training is one compiled program."""

from __future__ import annotations

import math
import os
import time

import numpy as np
import twin


def use_one_processor():
    """Before the first import of JAX, whose pool of threads is as large as the affinity mask."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {mine[os.getpid() % len(mine)]})


def batches(task):
    """The samples as [batches, batch, ...], the last one filled up with rows of weight 0."""
    count = math.ceil(len(task.x) / task.batch)
    fill = count * task.batch - len(task.x)

    def chop(array):
        padded = np.concatenate([array, np.zeros((fill, *array.shape[1:]), np.float32)])
        return padded.reshape(count, task.batch, *array.shape[1:])

    ones = np.ones(len(task.x), np.float32)
    return tuple(map(chop, (task.x, task.y, task.jacobian * task.lambdas, ones)))


def fit(samples, seed, weights):
    """(predict, CPU seconds, details); the time to compile is a detail."""
    use_one_processor()
    import jax
    import jax.numpy as jnp

    task = twin.prepare(samples, weights)
    lambdas = jnp.asarray(task.lambdas)

    def network(layers, x):
        a = x
        for w, b in layers[:-1]:
            a = jax.nn.softplus(a @ w + b)
        w, b = layers[-1]
        return a @ w + b

    def value_and_jacobian(layers, x):
        y, pull = jax.vjp(lambda point: network(layers, point), x)
        return y, jax.vmap(lambda seed: pull(seed)[0])(jnp.eye(len(y), dtype=y.dtype))

    def loss(layers, batch):
        x, y, target, mask = batch
        values, slopes = jax.vmap(lambda point: value_and_jacobian(layers, point))(x)
        value_loss = jnp.mean((values - y) ** 2, 1)
        gradient_loss = jnp.mean((slopes * lambdas - target) ** 2, (1, 2))
        each = task.alpha * value_loss + (1 - task.alpha) * gradient_loss
        return jnp.sum(mask * each) / jnp.sum(mask)

    def adam(state, batch):
        layers, mean, square, count, learning_rate = state
        gradient = jax.grad(loss)(layers, batch)
        count = count + 1
        mean = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, mean, gradient)
        square = jax.tree.map(lambda old, new: 0.999 * old + 0.001 * new**2, square, gradient)
        rate = learning_rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        layers = jax.tree.map(
            lambda p, first, second: p - rate * first / (jnp.sqrt(second) + 1e-8),
            layers,
            mean,
            square,
        )
        return (layers, mean, square, count, learning_rate), None

    def train(layers, data, learning_rates):
        def epoch(state, learning_rate):
            return jax.lax.scan(adam, (*state, learning_rate), data)[0][:4], None

        zero = jax.tree.map(jnp.zeros_like, layers)
        return jax.lax.scan(epoch, (layers, zero, zero, 0.0), learning_rates)[0][0]

    layers = twin.first_weights(task.x.shape[1], task.y.shape[1], seed)
    arguments = jax.tree.map(
        jnp.asarray, (layers, batches(task), task.learning_rates.astype(np.float32))
    )
    start = time.process_time()
    program = jax.jit(train).lower(*arguments).compile()
    compiled = time.process_time()
    trained = jax.block_until_ready(program(*arguments))
    seconds = time.process_time() - compiled

    each = jax.jit(jax.vmap(lambda point: value_and_jacobian(trained, point)))

    def predict(points):
        return task.raw(*each(jnp.asarray(task.inputs(points))))

    steps = len(task.learning_rates) * math.ceil(len(task.x) / task.batch)
    return predict, seconds, {"steps": steps, "compile_seconds": compiled - start}
