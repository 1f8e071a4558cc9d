"""Programs through the package: derivatives against formulas, shapes, samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from naming import unique

import sobolev

SOURCE = """
input a in [0.5, 2]    ## A number.
input v[2] in [-1, 1]
output f = sin(a) * v[0] + v[1]^2
output g = log(a) * v[1]
"""
# A few operations, each accurate to a few units in the last place.
CLOSE = {"rtol": 1e-13, "atol": 1e-14}


def truth(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value [N, 2], Jacobian [N, 2, 3] and Hessians [N, 2, 3, 3] of SOURCE."""
    a, v0, v1 = x.T
    sin, cos, log, zero = np.sin(a), np.cos(a), np.log(a), np.zeros_like(a)
    value = np.stack([sin * v0 + v1**2, log * v1], axis=1)
    jacobian = np.moveaxis(np.array([[cos * v0, sin, 2 * v1], [v1 / a, zero, log]]), -1, 0)
    hessian_f = np.array([[-sin * v0, cos, zero], [cos, zero, zero], [zero, zero, 2 + zero]])
    hessian_g = np.array([[-v1 / a**2, zero, 1 / a], [zero, zero, zero], [1 / a, zero, zero]])
    return value, jacobian, np.moveaxis(np.array([hessian_f, hessian_g]), -1, 0)


@pytest.fixture(scope="module")
def program(server):
    with sobolev.Client(server.grpc, timeout=30) as client:
        yield client.create_program("formulas", SOURCE)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(1).uniform([0.5, -1, -1], [2, 1, 1], (20, 3))


def test_a_program_describes_its_variables(program):
    assert program.name == "programs/formulas"
    assert program.source == SOURCE
    a, v = program.inputs
    assert (a.name, a.shape, a.offset, a.bounds) == ("a", (), 0, (0.5, 2))
    assert a.description == "A number."
    assert (v.name, v.shape, v.offset, v.size) == ("v", (2,), 1, 2)
    assert program.input_names == ["a", "v.0", "v.1"]
    assert program.output_names == ["f", "g"]
    assert program.statistics.jacobian_nonzeros == 5
    assert program.statistics.operations == program.statistics.executed_operations
    assert "inputs=3" in repr(program)


def test_programs_are_found_listed_and_deleted(client):
    name = unique("listed")
    first = client.create_program(name, SOURCE)
    assert client.create_program(name, SOURCE).name == first.name
    with pytest.raises(sobolev.AlreadyExistsError):
        client.create_program(name, SOURCE + "output h = a\n")
    assert client.program(f"programs/{name}").source == SOURCE
    assert name in client.program_names()
    first.delete()
    assert name not in client.program_names()
    with pytest.raises(sobolev.NotFoundError):
        client.program(name)


def test_checking_stores_nothing(client):
    before = client.program_names()
    checked = client.check_program(SOURCE)
    assert checked.name == ""
    assert checked.output_names == ["f", "g"]
    assert client.program_names() == before


def test_a_wrong_source_is_refused_with_its_place(client):
    with pytest.raises(sobolev.InvalidArgumentError, match="line 2, column") as info:
        client.check_program("input x\noutput y = x * q\n")
    assert info.value.reason == "UNKNOWN_NAME"
    assert info.value.field == "source"


def test_every_derivative_is_that_of_the_formula(program, x):
    rng = np.random.default_rng(2)
    tangents = rng.standard_normal((20, 2, 3))
    adjoints = rng.standard_normal((20, 4, 2))
    value, jacobian, hessian = truth(x)
    answer = program.evaluate(
        x, jacobian=True, hessian=True, tangents=tangents, adjoints=adjoints, hvp=True
    )
    assert np.allclose(answer.value, value, **CLOSE)
    assert np.allclose(answer.jacobian, jacobian, **CLOSE)
    assert np.allclose(answer.hessian, hessian, **CLOSE)
    assert np.allclose(answer.jvp, np.einsum("sij,spj->spi", jacobian, tangents), **CLOSE)
    assert np.allclose(answer.vjp, np.einsum("sij,sqi->sqj", jacobian, adjoints), **CLOSE)
    hvp = np.einsum("sqi,sijk,spk->sqpj", adjoints, hessian, tangents)
    assert answer.hvp.shape == (20, 4, 2, 3)
    assert np.allclose(answer.hvp, hvp, **CLOSE)
    assert answer.valid.all()
    assert answer.reversal is None
    assert np.array_equal(program(x), answer.value)


def test_axes_that_are_left_out_stay_out(program, x):
    _, _, hessian = truth(x)
    direction = np.array([1.0, 2.0, -1.0])
    shared = program.evaluate(x, value=False, tangents=direction, adjoints=[1, 0], hvp=True)
    assert shared.value is None
    assert np.allclose(shared.hvp, hessian[:, 0] @ direction, **CLOSE)
    many = program.evaluate(x, tangents=direction, adjoints=[np.eye(2)], hvp=True)
    assert many.hvp.shape == (20, 2, 3)
    assert np.allclose(many.hvp, hessian @ direction, **CLOSE)
    point = program.evaluate(x[3], hessian=True, tangents=np.eye(3), adjoints=[0, 1], hvp=True)
    assert point.hessian.shape == (2, 3, 3)
    assert np.allclose(point.hvp, hessian[3, 1], **CLOSE)
    assert point.valid is True


def test_second_order_adjoints_need_both_directions(program, x):
    with pytest.raises(sobolev.InvalidArgumentError, match="tangents and adjoints"):
        program.evaluate(x, tangents=[1, 0, 0], hvp=True)


def test_points_outside_the_domain_are_flagged(program):
    answer = program.evaluate([[1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], jacobian=True)
    assert answer.valid.tolist() == [True, False]
    assert np.isnan(answer.value[1, 1])
    assert answer.value[1, 0] == 1


def test_large_batches_are_cut_and_put_together(program):
    x = np.random.default_rng(4).uniform(0.5, 1, (20_001, 3))
    whole = program.evaluate(x, jacobian=True)
    part = program.evaluate(x[8190:8195], jacobian=True)
    assert np.array_equal(whole.value[8190:8195], part.value)
    assert np.array_equal(whole.jacobian[8190:8195], part.jacobian)
    assert np.array_equal(whole.value[-1], program(x[-1]))
    assert program(np.empty((0, 3))).shape == (0, 2)


def test_data_frames_are_matched_by_element(program, x):
    table = pd.DataFrame(x[:, ::-1], columns=["v.1", "v.0", "a"])
    assert np.array_equal(program(table), program(x))


def test_float32_answers_are_the_rounded_float64_answers(program, x):
    narrow = program.evaluate(x, dtype=np.float32).value
    assert narrow.dtype == np.float32
    assert np.array_equal(narrow, program(x).astype(np.float32))


def test_reversals_of_a_time_loop_agree_and_are_counted(client):
    source = "input x\nvar z = x\nevolve t in 0..50 { z = z + 0.1 * sin(z) }\noutput y = z\n"
    program = client.create_program(unique("loop"), source)
    z, slope = 0.3, 1.0
    for _ in range(50):
        z, slope = z + 0.1 * np.sin(z), slope * (1 + 0.1 * np.cos(z))

    def evaluate(**options):
        answer = program.evaluate([[0.3]], adjoints=[1.0], **options)
        # 50 steps with a few roundings each.
        assert answer.vjp[0, 0] == pytest.approx(slope, rel=1e-13)
        return answer.reversal

    evaluate()
    assert evaluate(reversal="vanilla").peak_states == 50
    poor = evaluate(reversal="memory_poor")
    assert (poor.peak_states, poor.advanced_steps) == (1, 50 * 49 // 2)
    assert evaluate(reversal="binomial", checkpoints=4).peak_states == 4
    with pytest.raises(sobolev.InvalidArgumentError, match="checkpoints"):
        evaluate(reversal="binomial")
    with pytest.raises(sobolev.InvalidArgumentError, match="memory_poor"):
        evaluate(reversal="magic")


def test_enclosures_contain_every_value_of_the_box(program):
    low, high = np.array([1.0, 0.0, 0.0]), np.array([1.5, 1.0, 1.0])
    bounds = program.enclose(low, high, jacobian=True)
    assert bounds.bounded is True
    inside = np.random.default_rng(5).uniform(low, high, (1000, 3))
    value, jacobian, _ = truth(inside)
    assert (bounds.value_min <= value).all() and (value <= bounds.value_max).all()
    assert (bounds.jacobian_min <= jacobian).all() and (jacobian <= bounds.jacobian_max).all()
    # f grows in every input there, so that its bounds are its values in two corners.
    assert bounds.value_max[0] == pytest.approx(np.sin(1.5) + 1, rel=1e-14)
    batch = program.enclose([low, [0.0, 0, 0]], [high, [1.0, 1, 1]])
    assert batch.bounded.tolist() == [True, False]
    assert batch.jacobian_min is None
    with pytest.raises(sobolev.InvalidArgumentError, match="at least x_min"):
        program.enclose(high, low)


@pytest.mark.parametrize("design", ["lhs", "random"])
def test_samples_lie_in_the_box_and_carry_exact_jacobians(program, design):
    samples = program.sample(500, design=design, seed=3, bounds={"v.1": (0, 0.5)})
    value, jacobian, _ = truth(samples.x)
    assert len(samples) == 500
    assert (samples.x >= [0.5, -1, 0]).all() and (samples.x <= [2, 1, 0.5]).all()
    assert np.allclose(samples.y, value, **CLOSE)
    assert np.allclose(samples.jacobian, jacobian, **CLOSE)
    again = program.sample(500, design=design, seed=3, bounds={"v.1": (0, 0.5)})
    assert np.array_equal(samples.x, again.x)
    if design == "lhs":
        slices = np.floor((samples.x[:, 0] - 0.5) / 1.5 * 500)
        assert len(set(slices)) == 500


def test_samples_outside_the_domain_are_dropped(program, client):
    samples = program.sample(400, bounds={"a": (-1, 1)})
    assert 0 < len(samples) < 400
    assert (samples.x[:, 0] > 0).all()
    dataset = program.sample_into(unique("sampled"), 100, seed=2)
    program.sample_into(dataset, 50, seed=3)
    assert len(dataset) == 150
    assert dataset.statistics.jacobian_count == 150
    assert [variable.name for variable in dataset.inputs] == program.input_names


def test_a_box_that_is_none_is_refused(client, program):
    open_ended = client.create_program(unique("open"), "input x\noutput y = x\n")
    for bounds, says in (
        ({}, "'x' declares none"),
        ({"z": (0, 1)}, "'z' is no input"),
        ({"x": (1, 0)}, "expected"),
    ):
        with pytest.raises(sobolev.InvalidArgumentError, match=says):
            open_ended.sample(10, bounds=bounds)
    with pytest.raises(sobolev.InvalidArgumentError, match="lhs or random"):
        program.sample(10, design="hexagonal")


def test_curvature_agrees_with_the_hessian(client):
    """g = x^T A x / 2 + sum exp(x), whose Hessian is A + diag(exp x)."""
    n = 6
    rng = np.random.default_rng(7)
    square = rng.standard_normal((n, n))
    matrix = square @ square.T / n
    rows = ", ".join("[" + ", ".join(map(repr, row)) + "]" for row in matrix.tolist())
    program = client.create_program(
        unique("curvature"),
        f"input x[{n}]\nconst A = [{rows}]\n"
        f"output g = dot(x, A @ x) / 2 + sum(exp(x))\noutput h = log(x[0])\n",
    )
    x = rng.uniform(0.1, 1, (3, n))
    hessian = matrix + np.stack([np.diag(row) for row in np.exp(x)])
    gradient = x @ matrix + np.exp(x)
    answer = program.curvature(
        x, adjoint=[1, 0], newton=True, trace=True, trace_samples=2000, eigenvalues=True
    )
    assert answer.valid.all()
    assert np.allclose(answer.gradient, gradient, rtol=1e-13)
    # H is positive definite: the step is Newton's, up to the tolerance of the residual.
    step = -np.linalg.solve(hessian, gradient[..., np.newaxis])[..., 0]
    assert np.allclose(answer.newton_step, step, rtol=1e-6)
    decrease = -np.einsum("si,si->s", gradient, step) / 2
    assert np.allclose(answer.predicted_decrease, decrease, rtol=1e-6)
    # Five standard errors.
    trace = np.trace(hessian, axis1=1, axis2=2)
    assert (np.abs(answer.trace - trace) < 5 * answer.trace_error).all()
    values = np.linalg.eigvalsh(hessian)
    assert np.allclose(answer.smallest_eigenvalue, values[:, 0], rtol=1e-8)
    assert np.allclose(answer.largest_eigenvalue, values[:, -1], rtol=1e-8)

    short = program.curvature(x[0], adjoint=[1, 0], newton=True, trust_radius=0.1)
    assert np.linalg.norm(short.newton_step) == pytest.approx(0.1)
    assert short.trace is None
    outside = program.curvature([-x[0], x[0]], adjoint=[0, 1], newton=True)
    assert outside.valid.tolist() == [False, True]
    assert np.isnan(outside.newton_step[0]).all()
    for options, field in (
        ({}, "adjoint"),
        ({"adjoint": [1, 0], "newton": True, "trust_radius": -1.0}, "newton.trust_radius"),
        ({"adjoint": [1, 0], "trace": True, "trace_samples": 1}, "trace.sample_count"),
        (
            {"adjoint": [1, 0], "eigenvalues": True, "max_iterations": 7},
            "eigenvalues.max_iterations",
        ),
    ):
        with pytest.raises(sobolev.InvalidArgumentError) as info:
            program.curvature(x, **options)
        assert info.value.field == field
