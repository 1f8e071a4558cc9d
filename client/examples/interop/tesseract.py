"""A model as a function of JAX: pip install tesseract-core tesseract-jax."""

import sys

import jax
import jax.numpy as jnp
from tesseract_core import Tesseract
from tesseract_jax import apply_tesseract

jax.config.update("jax_enable_x64", True)
url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:4242"
waves = Tesseract.from_url(f"{url}/tesseract/waves")


def loss(x):
    """The squares of both outputs, at a point that JAX computes."""
    return (apply_tesseract(waves, {"x": jnp.sin(x)})["y"] ** 2).sum()


value, gradient = jax.value_and_grad(loss)(jnp.array([0.1, 0.2, 0.3]))
print(round(float(value), 2), gradient.round(2).tolist())
