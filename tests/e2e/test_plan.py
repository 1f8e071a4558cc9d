"""Plans of derivatives of models: by the Python client and `sobolev model plan`."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest
from naming import unique

import sobolev

# As `sobolev model plan` prints them; engine/README.md quotes them.
TREES = pathlib.Path(__file__).parent / "plan_trees"


def train(client, n: int, m: int, hidden: list[int]) -> sobolev.Model:
    """A network of one epoch: the weights do not matter here."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(64, n))
    a = rng.normal(size=(n, m))
    job = client.train(
        x,
        x @ a,
        jacobian=np.broadcast_to(a.T, (64, m, n)),
        model=unique("plan"),
        hidden=hidden,
        optimizer="adam",
        epochs=1,
    )
    return job.wait(progress=False)


@pytest.fixture(scope="module")
def waist(server) -> sobolev.Model:
    """64-32-16-2-16-32-64."""
    with sobolev.Client(server.grpc) as client:
        yield train(client, 64, 64, [32, 16, 2, 16, 32])


def test_a_waist_is_where_the_plan_multiplies(waist):
    plan = waist.plan_derivatives()
    assert [factor.edges for factor in plan.factors[:3]] == [64 * 32, 32, 32 * 16]
    assert plan.factors[1].label.endswith(" 1")
    # Figures worked out by hand for the eleven factors.
    assert plan.tangent_cost == plan.adjoint_cost == 338_048
    assert plan.preaccumulation_cost == 173_764
    assert plan.cost == 18_756
    assert sum(step.cost for step in plan.steps) == plan.cost
    assert plan.steps[-1].kind == "product"
    assert plan.method == "waist 3"
    assert plan.model == waist.name
    assert [timing.mode for timing in plan.timings] == ["predict", "tangents", "adjoints"]
    assert all(timing.measured_seconds > 0 for timing in plan.timings)
    assert plan.makespan is None


def test_the_waist_gives_the_same_jacobians(waist):
    x = np.random.default_rng(2).uniform(size=(40, 64))
    jacobian = waist.jacobian(x)
    rows = waist.vjp(x, np.broadcast_to(np.eye(64), (40, 64, 64)))
    np.testing.assert_allclose(jacobian, rows, rtol=1e-10, atol=1e-12)


def test_less_memory_and_more_workers(waist):
    free = waist.plan_derivatives()
    without = waist.plan_derivatives(tape_memory=0)
    assert without.cost > free.cost
    assert {step.kind for step in without.steps} <= {"accumulate_tangent", "tangent", "product"}
    together = waist.plan_derivatives(workers=2)
    assert together.makespan_lower_bound <= together.makespan <= free.cost <= together.cost
    assert max(step.start + step.cost for step in together.steps) == together.makespan


def test_a_plan_keeps_within_a_memory(client, cli):
    model = train(client, 6, 3, [4, 4])
    free = model.plan_derivatives()
    assert free.moves == ()
    assert free.memory is None
    # The outputs of all factors but the last are evaluated once.
    evaluation = sum(factor.edges for factor in free.factors[:-1])
    plenty = model.plan_derivatives(memory=10**6)
    assert plenty.cost == free.cost
    assert plenty.evaluation_cost == evaluation
    assert plenty.proven_optimal
    assert plenty.calibrated is None
    with pytest.raises(sobolev.FailedPreconditionError, match="memory: expected at least") as error:
        model.plan_derivatives(memory=3)
    least = int(re.search(r"at least (\d+)", str(error.value)).group(1))
    tight = model.plan_derivatives(memory=least)
    assert tight.memory == least == max(move.memory for move in tight.moves)
    assert tight.cost + tight.evaluation_cost >= plenty.cost + plenty.evaluation_cost
    assert tight.cost + tight.evaluation_cost == sum(move.cost for move in tight.moves)
    assert [m.step for m in tight.moves if m.kind == "step"] == list(range(len(tight.steps)))
    evaluated = {m.value for m in tight.moves if m.kind == "evaluate"}
    assert evaluated == set(range(1, len(free.factors)))
    answer = cli.json("model", "plan", model.name, "--memory", str(8 * least))
    assert answer["memory"] == 8 * least
    assert answer["optimum"] == tight.cost + tight.evaluation_cost
    assert len(answer["moves"]) == len(tight.moves)
    text = cli.ok("model", "plan", model.name, "--memory", str(8 * least))
    assert re.search(rf"^memory +{8 * least} bytes$", text, re.MULTILINE)
    assert re.search(r"^evaluate affine 1 +24 +", text, re.MULTILINE)
    assert cli.run("model", "plan", model.name, "--memory", str(8 * least - 1)).returncode == 1


def test_speeds_are_measured(waist):
    calibrated = waist.plan_derivatives().calibrated
    for seconds in (
        calibrated.tangent_seconds,
        calibrated.adjoint_seconds,
        calibrated.product_seconds,
    ):
        assert 0 < seconds < 1e-6
    assert calibrated.fastest_seconds <= calibrated.optimum_seconds
    assert calibrated.fastest_cost >= 18_756
    assert calibrated.fastest_bracketing


def test_one_output_is_done_by_adjoints(client):
    plan = train(client, 8, 1, [20, 20]).plan_derivatives()
    assert plan.cost == plan.adjoint_cost
    assert plan.method == "adjoints"


def compose_with_sums(client, waist: sobolev.Model) -> sobolev.Model:
    """Two numbers of the outputs of the network."""
    program = client.create_program(
        unique("sum"), "input y[64]\noutput total = sum(y)\noutput square = dot(y, y)\n"
    )
    names = [variable.name for variable in waist.outputs]
    return client.create_pipeline(
        unique("planned"),
        [
            sobolev.Stage(waist, name="net"),
            sobolev.Stage(
                program, name="end", inputs={f"y.{i}": f"net.{y}" for i, y in enumerate(names)}
            ),
        ],
    )


def test_a_pipeline_is_planned_through_its_stages(client, waist):
    plan = compose_with_sums(client, waist).plan_derivatives()
    assert plan.factors[-1].label == "stage 2, program"
    assert len(plan.factors) == 12
    assert plan.cost <= min(plan.tangent_cost, plan.adjoint_cost, plan.preaccumulation_cost)


def test_the_command_line_shows_the_tree(cli, waist):
    text = cli.ok("model", "plan", waist.name)
    assert re.search(r"^optimum +18756$", text, re.MULTILINE)
    assert "affine 1 .. affine 6: product of  (8192)" in text
    assert re.search(r"^fastest +[0-9.e-]+ us with [0-9]+ multiply-adds$", text, re.MULTILINE)
    answer = cli.json("model", "plan", waist.name, "--tape-memory", "0", "--workers", "3")
    assert answer["tangent"] == 338_048
    assert answer["makespan"] >= answer["makespan_lower_bound"]
    assert {step["kind"] for step in answer["steps"]} <= {
        "accumulate_tangent",
        "tangent",
        "product",
    }
    assert cli.run("model", "plan", waist.name, "--memory", "-1").returncode == 2
    assert cli.run("model", "plan", waist.name, "--tape-memory", "-1").returncode == 2
    assert cli.run("model", "plan", waist.name, "--workers", "0").returncode == 2


@pytest.mark.parametrize("name", ["gradient", "waist", "pipeline"])
def test_the_documented_trees_are_printed(client, cli, waist, name):
    if name == "gradient":
        model = train(client, 8, 1, [64, 64])
    else:
        model = waist if name == "waist" else compose_with_sums(client, waist)
    blocks = cli.ok("model", "plan", model.name).split("\n\n")
    assert blocks[1] + "\n" == (TREES / f"{name}.txt").read_text()


def test_what_cannot_be_planned_is_named(client, waist):
    with pytest.raises(sobolev.InvalidArgumentError, match="tape_memory: expected a number >= 0"):
        waist.plan_derivatives(tape_memory=-1)
    with pytest.raises(sobolev.InvalidArgumentError, match="workers: expected 1 to 1024, got 1025"):
        waist.plan_derivatives(workers=1025)
    with pytest.raises(sobolev.InvalidArgumentError, match="memory: expected a number >= 0"):
        waist.plan_derivatives(memory=-1)
    for others in ({"workers": 2}, {"tape_memory": 0}):
        with pytest.raises(sobolev.InvalidArgumentError, match="memory: expected neither"):
            waist.plan_derivatives(memory=1000, **others)
