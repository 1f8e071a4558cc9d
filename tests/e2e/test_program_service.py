"""Programs from source to surrogate, as people use them, and what they refuse."""

from __future__ import annotations

import csv
import io
import json
import pathlib

import numpy as np
import pytest
from naming import unique
from wire import refusal, tensor

import sobolev
from sobolev._stubs import derivatives_pb2, programs_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "client" / "examples" / "programs"
# ---- The command line ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", sorted(PROGRAMS.glob("*.sob")), ids=lambda path: path.stem)
def test_every_shipped_program_checks_and_tells_its_costs(cli, source):
    shown = json.loads(cli.ok("--json", "program", "check", str(source)))
    assert shown["name"] == ""
    assert shown["input_size"] >= 1
    assert shown["output_size"] >= 1
    statistics = shown["statistics"]
    assert 0 < statistics["operations"] <= statistics["executed_operations"]
    assert statistics["jacobian_nonzeros"] <= shown["input_size"] * shown["output_size"]
    text = cli.ok("program", "check", str(source))
    for words in ("operations", "Jacobian", "cost of a tangent", "of an adjoint", "variable"):
        assert words in text


def test_programs_are_created_listed_shown_and_deleted(cli, tmp_path):
    (tmp_path / "f.sob").write_text("input x in [0, 1]  ## Of the line.\noutput y = 2 * x\n")
    created = json.loads(cli.ok("--json", "program", "create", "shown", "f.sob"))
    assert created["name"] == "programs/shown"
    assert created["inputs"][0]["bounds"] == {"min": 0, "max": 1}
    assert "programs/shown" in cli.ok("program", "list")
    assert "programs/shown" in [p["name"] for p in json.loads(cli.ok("--json", "program", "list"))]
    shown = cli.ok("program", "show", "shown")
    assert "Of the line." in shown
    assert "[0, 1]" in shown
    assert cli.ok("program", "show", "shown", "--source") == (tmp_path / "f.sob").read_text()
    (tmp_path / "f.sob").write_text("input x\noutput y = 3 * x\n")
    assert cli.run("program", "create", "shown", "f.sob").returncode == 1
    cli.ok("program", "delete", "shown")
    assert cli.run("program", "show", "shown").returncode == 1


def test_evaluations_agree_with_the_formula_in_every_format(cli, tmp_path):
    source = "input a\ninput v[2]\noutput u = a^2 * v[0] + v[1]\n"
    cli.ok("program", "create", "evaluated", "-", stdin=source)
    points = [(2.0, 3.0, 5.0), (-1.0, 0.5, 0.25)]
    (tmp_path / "points.csv").write_text(
        "v.1,a,v.0\n" + "".join(f"{v1!r},{a!r},{v0!r}\n" for a, v0, v1 in points)
    )
    arguments = ["program", "evaluate", "evaluated", "--jacobian", "--hessian", "--strict"]
    arguments += ["--jvp", "1,2,0", "--vjp", "3", "--hvp"]
    table = cli.ok(*arguments, "--csv", "points.csv", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    for row, (a, v0, v1) in zip(rows, points, strict=True):
        numbers = {name: float(text) for name, text in row.items()}
        assert numbers["u"] == a * a * v0 + v1
        assert [numbers[f"du/d{x}"] for x in ("a", "v.0", "v.1")] == [2 * a * v0, a * a, 1]
        assert numbers["d2u/dada"] == 2 * v0
        assert numbers["d2u/dadv.0"] == 2 * a
        assert numbers["d2u/dv.1dv.1"] == 0
        assert numbers["jvp1:u"] == 2 * a * v0 + 2 * a * a
        assert numbers["vjp1:v.1"] == 3
        assert numbers["hvp1.1:a"] == 3 * (2 * v0 + 2 * 2 * a)
        assert numbers["valid"] == 1
    whole = json.loads(cli.ok("--json", *arguments, "--point", "2,3,5"))
    assert whole["program"] == "programs/evaluated"
    assert whole["points"][0]["hessian"] == [[[6, 4, 0], [4, 0, 0], [0, 0, 0]]]
    assert cli.ok("program", "evaluate", "evaluated", "--point", "1,2,3").rstrip().endswith("yes")


def test_points_outside_the_domain_are_marked_and_null_in_json(cli):
    cli.ok("program", "create", "domain", "-", stdin="input x\noutput y = log(x)\n")
    assert cli.ok("program", "evaluate", "domain", "--point=-1").rstrip().endswith("no")
    answer = json.loads(cli.ok("--json", "program", "evaluate", "domain", "--point=-1"))
    assert answer["points"] == [{"x": [-1], "value": [None], "valid": False}]


def test_bounds_over_the_declared_box(cli):
    source = "input x in [1, 2]\ninput z\noutput y = x * z\n"
    cli.ok("program", "create", "enclosed", "-", stdin=source)
    shown = json.loads(
        cli.ok("--json", "program", "enclose", "enclosed", "--bounds", "z=-1:3", "--jacobian")
    )
    assert shown["bounded"] is True
    assert shown["bounds"]["y"]["min"] == pytest.approx(-2, rel=1e-15)
    assert shown["bounds"]["y"]["max"] == pytest.approx(6, rel=1e-15)
    assert shown["bounds"]["dy/dz"] == {"min": 1, "max": 2}
    missing = cli.run("program", "enclose", "enclosed")
    assert missing.returncode == 2
    assert 'input "z" declares no bounds' in missing.stderr


def test_wing_weight_from_source_to_surrogate(cli):
    """Sampled, trained and predicted, the surrogate meets the program's own gradients."""
    cli.ok("program", "create", "wing-weight", str(PROGRAMS / "wing_weight.sob"))
    sampled = json.loads(
        cli.ok(
            *("--json", "program", "sample", "wing-weight", "--dataset", "wing-weight"),
            *("--count", "600", "--design", "lhs", "--seed", "3"),
        )
    )
    assert (sampled["sample_count"], sampled["dropped_count"]) == (600, 0)
    cli.ok("train", "wing-weight", "--model", "wing-weight", "--epochs", "200")
    points = cli.ok("program", "sample", "wing-weight", "--dataset", "wing-test", "--count", "50")
    assert "appended 50 samples with Jacobian to datasets/wing-test" in points
    test = json.loads(cli.ok("--json", "dataset", "show", "wing-test"))
    inputs = [variable["name"] for variable in test["schema"]["inputs"]]
    assert inputs[:2] == ["area", "fuel_weight"]
    assert len(inputs) == 10


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["sobol", "--count", "40"], 40),
        (["lhs-ese", "--count", "20"], 20),
        (["centred-grid", "--levels", "3,2"], 6),
        (["fractional", "--resolution", "3"], 4),
    ],
)
def test_a_program_is_sampled_by_any_design(cli, options, count):
    cli.ok(
        "program",
        "create",
        "designed",
        "-",
        stdin="input a in [1, 2]\ninput b in [0, 1]\noutput y = a * b\n",
    )
    name = f"designed-{options[0]}"
    sampled = cli.json("program", "sample", "designed", "--dataset", name, "--design", *options)
    assert (sampled["sample_count"], sampled["dropped_count"]) == (count, 0)
    assert sampled["design"] == options[0]


def test_a_surrogate_of_a_program_has_its_gradients(client):
    source = (PROGRAMS / "wing_weight.sob").read_text()
    program = client.create_program("wing-weight", source)
    samples = program.sample(600, seed=3)
    job = client.train(samples.x, samples.y, jacobian=samples.jacobian, epochs=300)
    model = job.wait(progress=False)
    test = program.sample(200, design="random", seed=4)
    value, jacobian = model.value_and_jacobian(test.x)
    scale = np.ptp(samples.x, axis=0)
    assert np.sqrt(np.mean((value - test.y) ** 2)) < 0.02 * test.y.std()
    error = (jacobian - test.jacobian) * scale
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean((test.jacobian * scale) ** 2))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "no-such-file.sob"], "cannot be opened"),
        (["check", "/"], ""),
        (["evaluate", "domain", "--point", "1,2"], "expected 1 numbers, got 2"),
        (["evaluate", "domain", "--point", "1", "--hvp"], "--hvp: expected --jvp and --vjp"),
        (["evaluate", "domain", "--point", "1", "--reversal", "none"], "--reversal"),
        (["sample", "domain"], "--dataset"),
        (["sample", "domain", "--dataset", "d", "--design", "best"], "--design"),
        (["sample", "domain", "--dataset", "d", "--count", "0"], "--count"),
        (["sample", "domain", "--dataset", "d", "--seed", "-1"], "--seed"),
        (["sample", "domain", "--dataset", "d"], "declares no bounds"),
        (["sample", "domain", "--dataset", "d", "--bounds", "x=-2:-1"], "no finite value"),
        (["sample", "domain", "--dataset", "d", "--bounds", "q=0:1"], "is no input"),
    ],
)
def test_a_wrong_command_line_ends_with_2(cli, arguments, says):
    cli.ok("program", "create", "domain", "-", stdin="input x\noutput y = log(x)\n")
    result = cli.run("program", *arguments)
    assert result.returncode == 2, result.stderr
    assert says in result.stderr


# ---- Bad input -----------------------------------------------------------------------------------

BAD_SOURCES = {
    "nothing": ("", None, ""),
    "no output": ("input x\n", None, "output"),
    "syntax": ("input x\noutput y = (x\n", "SYNTAX_ERROR", "line 3, column 1"),
    "unknown name": ("input length\noutput y = lenght\n", "UNKNOWN_NAME", "length"),
    "wrong sizes": (
        "input a[2]\ninput b[3]\noutput y = a + b\n",
        "SHAPE_MISMATCH",
        "line 3, column",
    ),
    "index": ("input a[2]\noutput y = a[2]\n", "INDEX_OUT_OF_RANGE", "line 2"),
    "index that varies": ("input a[2]\noutput y = a[a[0]]\n", "NOT_CONSTANT", "line 2"),
    "recursion": ("input x\nfn f(a) = f(a)\noutput y = f(x)\n", "RECURSION", "line 2"),
    "declared twice": ("input x\ninput x\noutput y = x\n", "DUPLICATE_NAME", "line 2"),
    "deep nesting": (
        "input x\noutput y = " + "(" * 100_000 + "x" + ")" * 100_000 + "\n",
        "NESTING_TOO_DEEP",
        "line 2",
    ),
    "huge loop": (
        "input x\nvar y = x\nfor i in 0..1000000000000 { y = sin(y) }\noutput y\n",
        "TRACE_TOO_LONG",
        "line 3",
    ),
    "long source": ("#" * (1 << 20) + "#\n", "SOURCE_TOO_LONG", ""),
    "huge vector": ("input x[100000000]\noutput y = x[0]\n", None, "line 1"),
    "exponential growth": (
        "input x\nfn f0(a) = sin(a)\n"
        + "".join(f"fn f{i + 1}(a) = sum(k in 0..64: f{i}(a + k))\n" for i in range(5))
        + "output y = f5(x)\n",
        "TRACE_TOO_LONG",
        "line",
    ),
    "control characters": ("input x\noutput y = x\x00\x01\n", "SYNTAX_ERROR", "line 2"),
    "letters beyond ASCII": ("input \u00e4\noutput y = \u00e4\n", "SYNTAX_ERROR", "line 1"),
}


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_a_bad_source_is_refused_with_its_place(wire, case):
    source, reason, says = BAD_SOURCES[case]
    for method, request in (
        ("CheckProgram", programs_pb2.CheckProgramRequest(source=source)),
        ("CreateProgram", programs_pb2.CreateProgramRequest(program_id="bad", source=source)),
    ):
        refused = refusal(lambda m=method, r=request: wire.unary(f"ProgramService.{m}", r))
        refused.require("INVALID_ARGUMENT", reason or refused.info.reason, "source", says)
    request = programs_pb2.GetProgramRequest(name="programs/bad")
    refusal(lambda: wire.unary("ProgramService.GetProgram", request)).require("NOT_FOUND")


def evaluate(x, program="bad-input", **fields):
    return programs_pb2.EvaluateRequest(program=f"programs/{program}", x=tensor(x), **fields)


HVP = {"quantities": [derivatives_pb2.QUANTITY_HVP]}
BAD_EVALUATIONS = {
    "wrong width": (evaluate([[1.0]]), "SHAPE_MISMATCH", "x", "[N, 2]"),
    "NaN": (evaluate([[1.0, np.nan]]), "NON_FINITE", "x[0][1]", "NaN"),
    "too many points": (evaluate(np.zeros((16385, 2))), "TOO_MANY_ROWS", "x", "at most 16384"),
    "unknown quantity": (
        evaluate([[1.0, 2.0]], quantities=[1, 99]),
        "UNKNOWN_ENUM_VALUE",
        "quantities[1]",
        "99",
    ),
    "unknown reply type": (
        evaluate([[1.0, 2.0]], data_type=7),
        "UNKNOWN_ENUM_VALUE",
        "data_type",
        "got 7",
    ),
    "unknown arithmetic": (
        evaluate([[1.0, 2.0]], arithmetic=7),
        "UNKNOWN_ENUM_VALUE",
        "arithmetic",
        "number 7",
    ),
    "second order without tangents": (
        evaluate([[1.0, 2.0]], adjoints=tensor([[1.0]]), **HVP),
        "SHAPE_MISMATCH",
        "tangents",
        "[N, 2]",
    ),
    "second order without adjoints": (
        evaluate([[1.0, 2.0]], tangents=tensor([[1.0, 0.0]]), **HVP),
        "SHAPE_MISMATCH",
        "adjoints",
        "[N, 1]",
    ),
    "tangents of other points": (
        evaluate(
            [[1.0, 2.0]], tangents=tensor(np.ones((3, 1, 2))), adjoints=tensor([[1.0]]), **HVP
        ),
        "SHAPE_MISMATCH",
        "tangents",
        "got [3, 1, 2]",
    ),
    "checkpoints without binomial": (
        evaluate([[1.0, 2.0]], reversal=programs_pb2.Reversal(checkpoints=2)),
        "OUT_OF_RANGE",
        "reversal.checkpoints",
        "got 2",
    ),
}


@pytest.mark.parametrize("case", BAD_EVALUATIONS)
def test_a_bad_evaluation_is_refused(wire, case):
    request, reason, field, says = BAD_EVALUATIONS[case]
    refused = refusal(lambda: wire.unary("ProgramService.Evaluate", request))
    refused.require("INVALID_ARGUMENT", reason, field, says)


def test_a_reply_over_the_limit_is_refused(client):
    program = client.create_program(
        unique("wide"), "input x[3000]\noutput y = sum(i in 0..3000: x[i]^3)\n"
    )
    point = np.ones(3000)
    with pytest.raises(sobolev.ResourceExhaustedError) as info:
        program.evaluate(point, hessian=True)
    assert info.value.reason == "REPLY_TOO_LARGE"
    assert "9000001 numbers" in info.value.message
    hvp = program.evaluate(point, tangents=point, adjoints=[1.0], hvp=True).hvp
    assert np.allclose(hvp, 6)


def test_an_evaluation_that_nobody_waits_for_ends(wire, client):
    program = client.create_program(
        unique("long"), "input x\nvar z = x\nevolve t in 0..1000000 { z = sin(z) }\noutput y = z\n"
    )
    request = evaluate(np.zeros((16384, 1)), program=program.id)
    for timeout in (0.01, 0.2):
        refused = refusal(lambda t=timeout: wire.unary("ProgramService.Evaluate", request, t))
        refused.require("DEADLINE_EXCEEDED")
    assert program([[0.0]]) == 0


def test_the_most_operations_are_a_setting(make_server):
    server = make_server("--max-program-operations", "100", "--max-program-bytes", "1KiB").start()
    with sobolev.Client(server.grpc) as client:
        client.check_program("input x\noutput y = x + 1\n")
        with pytest.raises(sobolev.InvalidArgumentError) as info:
            client.check_program("input x\noutput y = sum(i in 0..200: sin(x * i))\n")
        assert info.value.reason == "TRACE_TOO_LONG"
        with pytest.raises(sobolev.InvalidArgumentError) as info:
            client.check_program("#" * 1025)
        assert info.value.reason == "SOURCE_TOO_LONG"


# ---- Large programs and crashes ------------------------------------------------------------------


def test_a_program_of_a_million_operations_works(client):
    program = client.create_program(
        unique("large"), "input x\noutput y = sum(i in 0..500000: sin(x * (i + 1)))\n"
    )
    assert program.statistics.operations >= 1_000_000
    answer = program.evaluate([[1e-3]], adjoints=[1.0])
    i = np.arange(1, 500_001)
    # Rounding of half a million terms of size one, in whatever order, stays far below this.
    assert answer.value[0, 0] == pytest.approx(np.sin(1e-3 * i).sum(), abs=1e-8)
    # The terms are up to half a million in size.
    assert answer.vjp[0, 0] == pytest.approx((i * np.cos(1e-3 * i)).sum(), rel=1e-8, abs=1e-3)
    program.delete()


def test_an_acknowledged_program_survives_a_kill(make_server):
    server = make_server().start()
    for i in range(5):
        source = f"input x\noutput y = {i} * x\n"
        with sobolev.Client(server.grpc) as client:
            client.create_program(f"kept-{i}", source)
            client.create_program(f"gone-{i}", source).delete()
        server.kill()
        server.start()
        with sobolev.Client(server.grpc) as client:
            assert client.program_names() == [f"kept-{k}" for k in range(i + 1)]
            assert client.program(f"kept-{i}").source == source
            assert client.program(f"kept-{i}")([[2.0]]) == 2 * i
    assert server.terminate() == 0
