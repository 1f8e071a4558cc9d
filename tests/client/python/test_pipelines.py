"""Pipelines through the package, against the composition in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from naming import unique

import sobolev

LIFT = """
input y
input c in [0.5, 2]
input b
output l = exp(y) * c + b
output k = c * y^2
"""


@pytest.fixture(scope="module")
def parts(server):
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (60, 2))
    with sobolev.Client(server.grpc, timeout=60) as client:
        dataset = client.create_dataset("ridge", ["a", "b"], ["y"])
        dataset.append(x, np.sin(x[:, :1]) * x[:, 1:])
        options = {"model": "ridge", "kind": "gaussian_process"}
        model = client.train(dataset=dataset, **options).wait(progress=False)
        yield model, client.create_program("ridge-lift", LIFT)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(6).uniform([-1, -1, 0.5], [1, 1, 2], (20, 3))


def test_derivatives_are_those_of_the_composition(client, parts, x):
    model, program = parts
    chain = client.create_pipeline("ridge-chain", [model, sobolev.Stage(program, name="lift")])
    assert [variable.name for variable in chain.inputs] == ["a", "b", "c"]
    assert [variable.name for variable in chain.outputs] == ["l", "k"]

    inner = model.evaluate(x[:, :2], jacobian=True, hessian=True)
    y, c = inner.value[:, 0], x[:, 2]
    # The gradient and the Hessian of y in (a, b, c), then the chain rule for l and k of y, b, c.
    gradient = np.pad(inner.jacobian[:, 0], [(0, 0), (0, 1)])
    hessian = np.pad(inner.hessian[:, 0], [(0, 0), (0, 1), (0, 1)])
    along_c = np.array([0.0, 0.0, 1.0])
    mixed = np.einsum("si,j->sij", gradient, along_c)
    mixed = mixed + np.swapaxes(mixed, 1, 2)
    square = np.einsum("si,sj->sij", gradient, gradient)

    def rows(weights: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        return weights.reshape(-1, *[1] * (matrices.ndim - 1)) * matrices

    value = np.stack([np.exp(y) * c + x[:, 1], c * y**2], 1)
    jacobian = np.stack(
        [
            rows(np.exp(y) * c, gradient) + rows(np.exp(y), along_c[None]) + [0, 1, 0],
            rows(2 * c * y, gradient) + rows(y**2, along_c[None]),
        ],
        1,
    )
    hessians = np.stack(
        [
            rows(np.exp(y) * c, hessian + square) + rows(np.exp(y), mixed),
            rows(2 * c, square) + rows(2 * c * y, hessian) + rows(2 * y, mixed),
        ],
        1,
    )
    # A Gaussian process adds large numbers whose sums are small: Hessians and products with them
    # are not the same to more than nine digits.
    close = {"rtol": 1e-8, "atol": 1e-8}
    tangents = np.array([[1.0, -2, 0.5], [0, 1, 1]])
    adjoints = np.array([[0.3, -1.0]])
    answer = chain.evaluate(
        x,
        jacobian=True,
        hessian=True,
        tangents=tangents[None],
        adjoints=adjoints[None],
        hvp=True,
    )
    np.testing.assert_allclose(answer.value, value, **close)
    np.testing.assert_allclose(answer.jacobian, jacobian, **close)
    np.testing.assert_allclose(answer.hessian, hessians, **close)
    np.testing.assert_allclose(answer.jvp, np.einsum("sij,pj->spi", jacobian, tangents), **close)
    np.testing.assert_allclose(answer.vjp, np.einsum("sij,qi->sqj", jacobian, adjoints), **close)
    products = np.einsum("qi,sijk,pk->sqpj", adjoints, hessians, tangents)
    np.testing.assert_allclose(answer.hvp, products, **close)


def test_a_pipeline_tells_what_it_is_made_of(client, parts):
    model, program = parts
    stages = [
        sobolev.Stage(model, name="first"),
        sobolev.Stage("models/ridge", name="second", inputs={"a": "first.y", "b": "z"}),
        "programs/ridge-lift",
    ]
    name = unique("told")
    outputs = ["ridge-lift.k", "first.y"]
    chain = client.create_pipeline(name, stages, outputs=outputs)
    assert chain.kind == "pipeline"
    assert chain.parameter_count == 2 * model.parameter_count
    assert chain.pipeline == sobolev.Pipeline(
        stages=(
            sobolev.Stage(model.name, "first", {"a": "a", "b": "b"}),
            sobolev.Stage(model.name, "second", {"a": "first.y", "b": "z"}),
            sobolev.Stage(program.name, "ridge-lift", {"y": "second.y", "c": "c", "b": "b"}),
        ),
        outputs=("ridge-lift.k", "first.y"),
    )
    assert model.pipeline is None
    low, high = chain.domain[[variable.name for variable in chain.inputs].index("c")]
    assert (low, high) == (0.5, 2)
    again = client.create_pipeline(name, stages, outputs=outputs)
    assert again.name == chain.name
    assert client.create_pipeline(name, stages).version == chain.version + 1


def test_what_cannot_be_composed_is_refused(client, parts):
    model, program = parts
    with pytest.raises(sobolev.AlreadyExistsError, match="ridge"):
        client.create_pipeline("ridge", [model])
    with pytest.raises(sobolev.NotFoundError, match=r"stages\[1\].program"):
        client.create_pipeline("none", [model, "programs/none"])
    with pytest.raises(sobolev.InvalidArgumentError, match=r"stages\[0\].function"):
        client.create_pipeline("none", ["ridge"])
    with pytest.raises(sobolev.InvalidArgumentError, match="outputs: expected a list"):
        client.create_pipeline("none", [model], outputs="y")
    with pytest.raises(sobolev.InvalidArgumentError, match=r"outputs\[0\]"):
        client.create_pipeline("none", [model, program], outputs=["z"])
