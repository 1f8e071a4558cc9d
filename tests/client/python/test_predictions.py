"""Second order, blocks and series of predictions, against whole Jacobians and Hessians."""

from __future__ import annotations

import numpy as np
import pytest

import sobolev

POINTS = np.array([[0.1, 0.2, 0.3], [-0.5, 0.4, 0.9], [0.0, -0.7, -0.2]])


@pytest.fixture(scope="module")
def model(server):
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (60, 3))
    y = np.stack([np.sin(x[:, 0]) * x[:, 1], x[:, 1] * np.exp(x[:, 2])], -1)
    with sobolev.Client(server.grpc) as client:
        dataset = client.create_dataset("pairs", ["a", "b", "c"], ["u", "v"])
        dataset.append(x, y)
        client.train(dataset=dataset, model="pairs", kind="gaussian_process").wait(progress=False)
        yield client.model("pairs")


def test_hvp_is_the_hessian_times_directions(model):
    hessian = model.hessian(POINTS)
    tangents = np.array([[1.0, 0, 0], [0.5, -1, 2]])
    adjoints = np.array([[1.0, 2.0]])
    products = model.hvp(POINTS, tangents[None], adjoints[None])
    expected = np.einsum("qi,sijk,pk->sqpj", adjoints, hessian, tangents)
    assert products.shape == (3, 1, 2, 3)
    # Sums of large weights that cancel leave some digits less than they have.
    np.testing.assert_allclose(products, expected, rtol=1e-6, atol=1e-8)
    single = model.hvp(POINTS[0], tangents[1], adjoints[0])
    np.testing.assert_allclose(single, expected[0, 0, 1], rtol=1e-6, atol=1e-8)


def test_hvp_of_several_outputs_wants_their_weights(model):
    with pytest.raises(sobolev.InvalidArgumentError, match="adjoints"):
        model.hvp(POINTS, [1.0, 0, 0])


def test_a_block_is_a_part_of_the_whole(model):
    whole = model.evaluate(POINTS, jacobian=True, hessian=True)
    part = model.evaluate(
        POINTS,
        jacobian=True,
        hessian=True,
        tangents=[2.0, -1.0],
        adjoints=[3.0],
        outputs=["v"],
        inputs=["c", 0],
    )
    np.testing.assert_array_equal(part.value, whole.value[:, [1]])
    jacobian = whole.jacobian[:, [1]][:, :, [2, 0]]
    np.testing.assert_allclose(part.jacobian, jacobian, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        part.hessian, whole.hessian[:, [1]][:, :, [2, 0]][..., [2, 0]], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(part.jvp, jacobian @ [2.0, -1.0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(part.vjp, 3 * jacobian[:, 0], rtol=1e-9, atol=1e-12)


def test_a_block_of_unknown_variables_is_refused(model):
    with pytest.raises(sobolev.InvalidArgumentError, match="outputs: expected some of u, v"):
        model.evaluate(POINTS, outputs=["w"])
    with pytest.raises(sobolev.InvalidArgumentError, match="inputs: expected a list"):
        model.evaluate(POINTS, inputs="a")
    with pytest.raises(sobolev.InvalidArgumentError, match=r"inputs\[0\]: expected positions"):
        model.evaluate(POINTS, jacobian=True, inputs=[7])


def test_a_stream_answers_batch_by_batch(model):
    rng = np.random.default_rng(4)
    batches = [rng.uniform(-1, 1, (1 + 40 * (k % 5), 3)) for k in range(60)]
    answers = list(model.evaluate_stream(iter(batches), jacobian=True, outputs=["u"]))
    assert len(answers) == len(batches)
    for x, answer in zip(batches, answers):
        np.testing.assert_array_equal(answer.value, model.predict(x)[:, :1])
        assert answer.jacobian.shape == (len(x), 1, 3)
        assert answer.in_domain.shape == (len(x),)


def test_a_stream_ends_with_what_went_wrong(model):
    def batches():
        yield POINTS
        yield np.zeros((20_000, 3))

    answers = model.evaluate_stream(batches())
    assert next(answers).value.shape == (3, 2)
    with pytest.raises(sobolev.InvalidArgumentError, match=r"request\[1\]\.x: expected at most"):
        next(answers)


def test_a_stream_whose_points_fail_raises_that(model):
    def batches():
        yield POINTS
        raise RuntimeError("no more")

    answers = model.evaluate_stream(batches())
    assert next(answers).value.shape == (3, 2)
    with pytest.raises(RuntimeError, match="no more"):
        next(answers)


def test_a_stream_can_be_left(model):
    answers = model.evaluate_stream(POINTS for _ in range(10_000))
    assert next(answers).value.shape == (3, 2)
    answers.close()
    assert model.predict(POINTS).shape == (3, 2)
