"""The published recipe of differential machine learning, as far as no library is concerned.

Huge and Savine 2020, "Differential machine learning" (arXiv:2005.02347), and their notebooks: four
hidden layers of 20 softplus units in binary32, Adam for 100 epochs with a one-cycle learning rate,
and loss = alpha * mean (y error)^2 + (1 - alpha) * mean (dy/dx_j error * lambda_j)^2 in
standardised units, alpha = 1 / (1 + n). Small sets get as many epochs as make 1600 steps.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

HIDDEN = (20, 20, 20, 20)
STEPS = 1600
CYCLE = ((0.0, 0.2, 0.6, 0.9, 1.0), (1e-8, 0.1, 0.01, 1e-6, 1e-8))
# The standard deviation of a standard normal variable that is cut off at 2.
TRUNCATED_DEVIATION = 0.87962566103423978


@dataclasses.dataclass
class Task:
    """Standardised samples in binary32, and how to go over them."""

    x: np.ndarray
    y: np.ndarray
    jacobian: np.ndarray
    lambdas: np.ndarray  # [m, n]
    alpha: float
    batch: int
    learning_rates: np.ndarray  # One per epoch.
    centre: tuple[np.ndarray, np.ndarray]
    scale: tuple[np.ndarray, np.ndarray]

    def raw(self, y, jacobian):
        """Predictions in the user's units."""
        (scale_x, scale_y), centre_y = self.scale, self.centre[1]
        slopes = np.asarray(jacobian, np.float64) * scale_y[None, :, None] / scale_x
        return centre_y + scale_y * np.asarray(y, np.float64), slopes

    def inputs(self, x):
        return ((x - self.centre[0]) / self.scale[0]).astype(np.float32)


def prepare(samples, weights, count=None):
    """For the first `count` samples to be trained on, all of them unless given.

    weights: "value" for none on derivatives; "published" for a lambda of each input, 1 over the
    root mean square of its derivatives; "global" for one of each output, over all inputs.
    """
    x, y, jacobian = samples
    centre, scale = (x.mean(0), y.mean(0)), (x.std(0) + 1e-8, y.std(0) + 1e-8)
    slopes = jacobian * scale[0] / scale[1][None, :, None]
    rms = np.sqrt((slopes**2).mean(0))
    # The published lambda of a dead input is infinite: it gets no weight instead.
    lambdas = np.where(rms > 1e-7 * rms.max(), 1 / np.maximum(rms, 1e-300), 0.0)
    if weights == "global":
        lambdas = np.broadcast_to(1 / np.sqrt((rms**2).mean(1, keepdims=True)), rms.shape)
    count, n = count or len(x), x.shape[1]
    batch = min(count, max(256, count // 16))
    epochs = max(100, math.ceil(STEPS / math.ceil(count / batch)))
    return Task(
        x=((x - centre[0]) / scale[0]).astype(np.float32),
        y=((y - centre[1]) / scale[1]).astype(np.float32),
        jacobian=slopes.astype(np.float32),
        lambdas=lambdas.astype(np.float32),
        alpha=1.0 if weights == "value" else 1 / (1 + n),
        batch=batch,
        learning_rates=np.interp(np.arange(epochs) / epochs, *CYCLE),
        centre=centre,
        scale=scale,
    )


def first_weights(n, m, seed):
    """Weights [fan in, fan out] and biases of each layer: truncated normal, scaled by fan in."""
    generator = np.random.default_rng(seed)
    widths = [n, *HIDDEN, m]
    layers = []
    for rows, columns in zip(widths[:-1], widths[1:], strict=True):
        w = generator.standard_normal((rows, columns))
        while (outside := np.abs(w) > 2).any():
            w[outside] = generator.standard_normal(int(outside.sum()))
        w *= math.sqrt(1 / rows) / TRUNCATED_DEVIATION
        layers.append((w.astype(np.float32), np.zeros(columns, np.float32)))
    return layers
