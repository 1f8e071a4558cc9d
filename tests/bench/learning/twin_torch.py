"""Differential machine learning in PyTorch: the twin network is written out, as published."""

from __future__ import annotations

import time

import torch
import twin


def forward(layers, x, with_jacobian):
    """Values [N, m], and Jacobians [N, m, n] by the adjoint sweep of the network."""
    a, slopes = x, []
    for w, b in layers[:-1]:
        z = torch.addmm(b, a, w)
        slopes.append(torch.sigmoid(z))
        a = torch.nn.functional.softplus(z)
    w, b = layers[-1]
    y = torch.addmm(b, a, w)
    if not with_jacobian:
        return y, None
    if y.shape[1] == 1:  # One adjoint per sample: matrices, which are faster than their stacks.
        adjoint = slopes[-1] * w.t()
        for (w, _), slope in zip(layers[-2:0:-1], slopes[-2::-1], strict=True):
            adjoint = (adjoint @ w.t()) * slope
        return y, (adjoint @ layers[0][0].t())[:, None, :]
    adjoint = slopes[-1][:, None, :] * w.t()
    for (w, _), slope in zip(layers[-2:0:-1], slopes[-2::-1], strict=True):
        adjoint = (adjoint @ w.t()) * slope[:, None, :]
    return y, adjoint @ layers[0][0].t()


def loss_of(layers, task, lambdas, x, y, target):
    values, slopes = forward(layers, x, task.alpha < 1)
    loss = task.alpha * ((values - y) ** 2).mean()
    if task.alpha < 1:
        loss = loss + (1 - task.alpha) * ((slopes * lambdas - target) ** 2).mean()
    return loss


def fit(samples, seed, weights, held_out=0.0):
    """(predict, CPU seconds, details)

    held_out: share of the samples, the last ones, by whose loss the best epoch is chosen; 0 as
    published, for the last epoch.
    """
    torch.set_num_threads(1)
    kept = len(samples.x) - round(held_out * len(samples.x))
    task = twin.prepare(samples, weights, kept)
    x, y, jacobian, lambdas = map(torch.from_numpy, (task.x, task.y, task.jacobian, task.lambdas))
    layers = [
        tuple(torch.from_numpy(array).requires_grad_() for array in layer)
        for layer in twin.first_weights(x.shape[1], y.shape[1], seed)
    ]
    optimizer = torch.optim.Adam([array for layer in layers for array in layer])
    target = jacobian * lambdas
    data = (x[:kept], y[:kept], target[:kept])
    judges = (x[kept:], y[kept:], target[kept:])
    steps, best = 0, (float("inf"), None)
    start = time.process_time()
    for learning_rate in task.learning_rates:
        for group in optimizer.param_groups:
            group["lr"] = float(learning_rate)
        for first in range(0, kept, task.batch):
            rows = slice(first, first + task.batch)
            optimizer.zero_grad(set_to_none=True)
            loss_of(layers, task, lambdas, *(array[rows] for array in data)).backward()
            optimizer.step()
            steps += 1
        if kept < len(x):
            with torch.no_grad():
                loss = float(loss_of(layers, task, lambdas, *judges))
                if loss < best[0]:
                    best = (loss, [tuple(array.clone() for array in layer) for layer in layers])
    layers = best[1] or layers
    seconds = time.process_time() - start

    def predict(points):
        with torch.no_grad():
            values, slopes = forward(layers, torch.from_numpy(task.inputs(points)), True)
        return task.raw(values.numpy(), slopes.numpy())

    return predict, seconds, {"steps": steps}
