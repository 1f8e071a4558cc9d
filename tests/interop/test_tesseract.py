"""Models as Tesseracts: the unmodified clients of tesseract-core and tesseract-jax."""

from __future__ import annotations

import conftest
import jax
import jax.numpy as jnp
import numpy as np
import pydantic
import pytest
import requests
import tesseract_core
import tesseract_jax

POINTS = np.array([[0.1, 0.2, 0.3], [-0.5, 0.4, 0.9], [0.0, -0.7, -0.2]])

jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module")
def tesseract(server, model):
    return tesseract_core.Tesseract.from_url(f"http://{server.gateway}/tesseract/{conftest.MODEL}")


def test_it_is_healthy_and_says_what_it_can(tesseract):
    assert tesseract.health() == {"status": "ok"}
    assert set(tesseract.available_endpoints) == {
        "apply",
        "jacobian",
        "jacobian_vector_product",
        "vector_jacobian_product",
        "abstract_eval",
        "health",
    }
    assert tesseract.openapi_schema["info"]["title"] == conftest.MODEL
    assert "(u, v)" in tesseract.openapi_schema["info"]["description"]


def test_apply_has_the_bits_of_predict_in_each_encoding(tesseract, server, model):
    np.testing.assert_array_equal(tesseract.apply({"x": POINTS[0]})["y"], model.predict(POINTS)[0])
    expected = model.predict(POINTS)
    for form in (None, "json", "json+base64"):
        asked = tesseract if form is None else tesseract.with_encoding(output_format=form)
        np.testing.assert_array_equal(asked.apply({"x": POINTS})["y"], expected)
    version = tesseract_core.Tesseract.from_url(
        f"http://{server.gateway}/tesseract/{conftest.MODEL}:1"
    )
    np.testing.assert_array_equal(version.apply({"x": POINTS})["y"], expected)


def test_float32_in_gives_float32_back(tesseract, model):
    y = tesseract.apply({"x": POINTS.astype(np.float32)})["y"]
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, model.predict(POINTS), rtol=1e-4, atol=1e-6)


def test_derivatives_are_those_of_the_model(tesseract, model):
    inputs = {"x": POINTS[0]}
    expected = model.jacobian(POINTS[:1])[0]
    jacobian = tesseract.jacobian(inputs, ["x"], ["y"])["y"]["x"]
    np.testing.assert_array_equal(jacobian, expected)
    np.testing.assert_allclose(jacobian, conftest.jacobian(POINTS)[0], atol=5e-2)
    tangent, cotangent = np.array([1.0, -1.0, 0.5]), np.array([2.0, -3.0])
    jvp = tesseract.jacobian_vector_product(inputs, ["x"], ["y"], {"x": tangent})["y"]
    np.testing.assert_allclose(jvp, expected @ tangent, rtol=1e-12)
    vjp = tesseract.vector_jacobian_product(inputs, ["x"], ["y"], {"y": cotangent})["x"]
    np.testing.assert_allclose(vjp, cotangent @ expected, rtol=1e-12)


def test_the_jacobian_of_many_points_is_that_of_each(tesseract, model):
    jacobian = tesseract.jacobian({"x": POINTS}, ["x"], ["y"])["y"]["x"]
    assert jacobian.shape == (3, 2, 3, 3)
    expected = model.jacobian(POINTS)
    for s in range(3):
        for t in range(3):
            np.testing.assert_allclose(
                jacobian[s, :, t], expected[s] if s == t else 0, rtol=1e-12, atol=0
            )


def test_errors_name_the_field(tesseract, server):
    with pytest.raises(
        pydantic.ValidationError, match=r"inputs\.x\n.*expected shape \[\.\.\., 3\]"
    ):
        tesseract.apply({"x": np.zeros(2)})
    with pytest.raises(pydantic.ValidationError, match="expected a finite number"):
        tesseract.apply({"x": np.array([0, np.nan, 0])})
    with pytest.raises(pydantic.ValidationError, match="jac_inputs"):
        tesseract.jacobian({"x": POINTS[0]}, ["z"], ["y"])
    nobody = tesseract_core.Tesseract.from_url(f"http://{server.gateway}/tesseract/nobody")
    with pytest.raises(RuntimeError, match="404"):
        nobody.health()


@pytest.fixture
def function(tesseract):
    """The model as a function of JAX."""
    return lambda x: tesseract_jax.apply_tesseract(
        tesseract, {"x": x}, vmap_method="auto_experimental"
    )["y"]


def test_jax_differentiates_through_it(function, model):
    x = jnp.asarray(POINTS[0])
    expected = model.jacobian(POINTS[:1])[0]
    loss = jax.grad(lambda x: (function(jnp.sin(x)) ** 2).sum())(x)
    inner = np.sin(POINTS[:1])
    chain = 2 * model.predict(inner)[0] @ model.jacobian(inner)[0] * np.cos(POINTS[0])
    np.testing.assert_allclose(loss, chain, rtol=1e-10)
    y, y_dot = jax.jvp(jax.jit(function), (x,), (jnp.ones(3),))
    np.testing.assert_allclose(y, model.predict(POINTS[:1])[0], rtol=1e-12)
    np.testing.assert_allclose(y_dot, expected.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(jax.jacrev(function)(x), expected, rtol=1e-10)
    np.testing.assert_allclose(jax.jacfwd(function)(x), expected, rtol=1e-10)


def test_jax_maps_over_points_in_one_call(function, server, model):
    def calls() -> float:
        text = requests.get(f"http://{server.metrics}/metrics", timeout=30).text
        line = next(
            each
            for each in text.splitlines()
            if each.startswith('sobolev_http_requests_total{code="200",path="/apply"')
        )
        return float(line.split()[-1])

    x = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (50, 3)))
    function(x[0])
    before = calls()
    np.testing.assert_allclose(jax.vmap(function)(x), model.predict(x), rtol=1e-12)
    assert calls() == before + 1
    gradients = jax.vmap(jax.grad(lambda x: function(x)[0]))(x)
    np.testing.assert_allclose(gradients, model.jacobian(x)[:, 0], rtol=1e-10, atol=1e-12)
