"""What programs take and refuse in Python: large batches, ranges, seeds, texts."""

from __future__ import annotations

import numpy as np
import pytest
from naming import unique

import sobolev


@pytest.fixture(scope="module")
def product(server):
    """y = a b, with a in [0, 1] and b in [0, 1]."""
    with sobolev.Client(server.grpc, timeout=60) as client:
        yield client.create_program(
            "product", "input a in [0, 1]\ninput b in [0, 1]\noutput y = a * b + a^2\n"
        )


def refusal(call, field: str) -> str:
    """The message of the InvalidArgumentError that names `field`."""
    with pytest.raises(sobolev.InvalidArgumentError) as info:
        call()
    assert info.value.field == field
    return info.value.message


def test_enclosures_of_any_number_of_boxes_are_cut_and_put_together(product):
    low = np.random.default_rng(1).uniform(0, 1, (16_385, 2))
    whole = product.enclose(low, low + 1, jacobian=True)
    assert whole.value_min.shape == (16_385, 1)
    assert whole.jacobian_max.shape == (16_385, 1, 2)
    part = product.enclose(low[8190:8195], low[8190:8195] + 1, jacobian=True)
    for field in ("value_min", "value_max", "jacobian_min", "jacobian_max", "bounded"):
        assert np.array_equal(getattr(whole, field)[8190:8195], getattr(part, field))
    last = product.enclose(low[-1], low[-1] + 1)
    assert np.array_equal(whole.value_max[-1], last.value_max)
    assert last.jacobian_max is None


def test_curvature_at_any_number_of_points_is_cut_and_put_together(product):
    x = np.random.default_rng(2).uniform(0, 1, (16_385, 2))
    whole = product.curvature(x, eigenvalues=True)
    assert np.allclose(whole.gradient, np.stack([x[:, 1] + 2 * x[:, 0], x[:, 0]], axis=1))
    # Of [[2, 1], [1, 0]].
    assert np.allclose(whole.largest_eigenvalue, 1 + np.sqrt(2))
    assert whole.newton_step is None
    assert whole.valid.shape == (16_385,)


def test_corners_are_blamed_by_their_own_names(product):
    assert "got inf" in refusal(lambda: product.enclose([0, 0], [1, np.inf]), "x_max[0][1]")
    assert "got nan" in refusal(lambda: product.enclose([np.nan, 0], [1, 1]), "x_min[0][0]")
    assert "[N, 2]" in refusal(lambda: product.enclose([0, 0], [1, 1, 1]), "x_max")
    assert "got 2" in refusal(lambda: product.enclose([[0, 0]], [[1, 1], [1, 1]]), "x_max")


@pytest.mark.parametrize("count", [-1, 0, 2.5, "10", None])
def test_counts_are_whole_numbers(product, count):
    assert f"whole number from 1 to 9223372036854775807, got {count!r}" in refusal(
        lambda: product.sample(count), "count"
    )


@pytest.mark.parametrize("seed", [-1, 0.5, 1 << 64])
def test_seeds_are_whole_numbers(product, seed):
    assert repr(seed) in refusal(lambda: product.sample(3, seed=seed), "seed")


@pytest.mark.parametrize("range_", [3, (1, 0), (0,), (0, 1, 2), ("a", 1), (0, np.inf), np.nan])
def test_ranges_are_pairs_of_finite_numbers(product, range_):
    assert "(low, high) of 'a'" in refusal(
        lambda: product.sample(3, bounds={"a": range_}), "bounds"
    )
    assert "dict" in refusal(lambda: product.sample(3, bounds=[("a", range_)]), "bounds")


def test_ranges_of_elements_go_before_those_of_the_whole(client):
    program = client.create_program(unique("whole"), "input v[2]\noutput y = v[0] * v[1]\n")
    for bounds in ({"v.1": (5, 6), "v": (0, 1)}, {"v": (0, 1), "v.1": (5, 6)}):
        x = program.sample(50, bounds=bounds).x
        assert (x[:, 0] <= 1).all()
        assert (x[:, 1] >= 5).all()


def test_a_failed_sample_leaves_no_dataset(client):
    program = client.create_program(unique("nowhere"), "input x in [-2, -1]\noutput y = log(x)\n")
    name = unique("never-made")
    assert "no finite value" in refusal(lambda: program.sample_into(name, 10), "bounds")
    with pytest.raises(sobolev.InvalidArgumentError):
        program.sample_into(name, -1)
    with pytest.raises(sobolev.NotFoundError):
        client.dataset(name)


def test_a_second_sample_adds_other_points(client, product):
    name = unique("sampled-twice")
    product.sample_into(name, 20)
    product.sample_into(name, 20)
    dataset = client.dataset(name)
    x = dataset.read().x
    assert len(np.unique(x, axis=0)) == 40
    assert np.array_equal(x[:20], product.sample(20).x)
    product.sample_into(dataset, 20, seed=1)
    assert np.array_equal(dataset.read().x[40:], x[:20])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("input x\noutput y = x # \ud800\n", "line 2, column 16: expected text in UTF-8"),
        ("input x ## é\noutput y = x # é\n".encode("latin-1"), "line 1, column 12: expected text"),
        (b"\xff", "the byte 0xff"),
        (3, "got int"),
        (None, "got NoneType"),
    ],
)
def test_sources_are_texts_in_utf_8(client, source, says):
    assert says in refusal(lambda: client.check_program(source), "source")
    assert says in refusal(lambda: client.create_program("never", source), "source")


def test_programs_are_listed_whole(client, product):
    listed = {program.id: program for program in client.programs()}
    assert list(listed) == client.program_names()
    assert listed["product"].input_names == ["a", "b"]
    assert listed["product"]([[2.0, 3.0]]) == 10


def test_options_of_curvature_have_types(product):
    message = refusal(lambda: product.curvature([0, 0], trace=True, trace_samples=1.5), "curvature")
    assert "option of the wrong type" in message
