"""`sobolev design`: designs of experiments, and what it says of bad requests. Asks no server."""

from __future__ import annotations

import csv
import io
import json

import pytest
from command_line import Cli

INPUTS = "x=-1:1,rate=1e-3:10:log,k=1:4:int,alloy=a|b|c,g=9.81"
DOMAIN = {
    "inputs": [
        {"name": "x", "min": 0, "max": 1},
        {"name": "y", "min": 0, "max": 2, "measure": {"triangular": {"mode": 0.5}}},
    ],
    "constraints": {
        "linear": [{"coefficients": {"x": 1, "y": 1}, "bound": 2}],
        "program": "input x\ninput y\noutput g = x * y - 0.5",
    },
}


@pytest.fixture(scope="module")
def offline(tmp_path_factory) -> Cli:
    """The command line, with nobody to call."""
    return Cli("localhost:1", tmp_path_factory.mktemp("design"))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("kind", ["sobol", "halton", "random", "lhs", "lhs-ese", "lhs-maximin"])
def test_points_lie_in_their_ranges(offline, kind):
    points = rows(offline.ok("design", "--inputs", INPUTS, "--kind", kind, "--count", "24"))
    assert len(points) == 24
    for point in points:
        assert -1 <= float(point["x"]) <= 1
        assert 1e-3 <= float(point["rate"]) <= 10
        assert point["k"] in {"1", "2", "3", "4"}
        assert point["alloy"] in {"a", "b", "c"}
        assert point["g"] == "9.81"


@pytest.mark.parametrize("kind", ["sobol", "halton", "random"])
def test_a_sequence_goes_on_where_a_file_ends(offline, kind):
    arguments = ("design", "--inputs", INPUTS, "--kind", kind, "--seed", "7")
    everything = rows(offline.ok(*arguments, "--count", "30"))
    offline.ok(*arguments, "--count", "12", "--out", f"{kind}.csv")
    more = rows(offline.ok(*arguments, "--count", "18", "--extend", f"{kind}.csv"))
    assert more == everything[12:]
    first = offline.json(*arguments, "--count", "12")
    rest = offline.json(*arguments, "--count", "18", "--first", str(first["next"]))
    assert len(first["points"] + rest["points"]) == 30
    assert [point[3] for point in rest["points"]] == [row["alloy"] for row in more]


def test_constraints_hold(offline):
    shown = offline.json("design", "-", "--kind", "lhs", "--count", "50", stdin=json.dumps(DOMAIN))
    assert shown["inputs"] == ["x", "y"]
    assert len(shown["points"]) == 50
    for x, y in shown["points"]:
        assert x + y <= 2
        assert x * y <= 0.5


def test_factorials_combine_levels(offline):
    inputs = "a=0:1,b=2:3,c=4:5,d=off|on"
    arguments = ("design", "--inputs", inputs, "--kind", "fractional")
    points = rows(offline.ok(*arguments, "--generators", "D=ABC"))
    assert len(points) == 8
    for point in points:
        ups = (point["a"] == "1") + (point["b"] == "3") + (point["c"] == "5")
        assert point["d"] == ("on" if ups % 2 else "off")
    assert rows(offline.ok(*arguments, "--resolution", "4")) == points
    grid = ("design", "--inputs", "a=0:1,k=1:3:int", "--kind", "centred-grid", "--levels", "2")
    assert [row["a"] for row in rows(offline.ok(*grid))] == ["0.25"] * 3 + ["0.75"] * 3


def test_points_of_a_user_are_checked(offline):
    (offline.directory / "mine.csv").write_text("y,note,x\n0.1,first,0.5\n0.1,again,0.5\n")
    (offline.directory / "domain.json").write_text(json.dumps(DOMAIN))
    arguments = ("design", "domain.json", "--kind", "points", "--points")
    assert rows(offline.ok(*arguments, "mine.csv")) == [{"x": "0.5", "y": "0.1"}]
    (offline.directory / "bad.csv").write_text("x,y\n0.5,0.1\n0.9,0.9\n")
    bad = offline.run(*arguments, "bad.csv")
    assert bad.returncode == 2
    assert "--points[1]: violates a constraint" in bad.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "expected FILE or --inputs"),
        (["--inputs", "x"], "expected NAME=LOWER:UPPER"),
        (["--inputs", "x=2:1"], "inputs[0]: expected min < max"),
        (["--inputs", "x=0:1:log"], "inputs[0].min: expected a positive lower end"),
        (["--inputs", "x=0:1", "--kind", "hexagonal"], "--kind: expected centred-grid, "),
        (["--inputs", "x=0:1", "--count", "0"], "--count"),
        (["--inputs", "x=0:1,y=0:1", "--kind", "grid", "--count", "5"], "--count: expected k^2"),
        (["--inputs", "x=0:1", "--levels", "3"], "--levels: only for grid"),
        (["--inputs", "x=0:1", "--points", "p.csv"], "--points: expected with --kind points"),
        (["--inputs", "k=1:3:int", "--count", "4"], "--count: there are only 3 points"),
        (["no-such.json"], "cannot be opened"),
    ],
)
def test_mistakes_are_named(offline, arguments, says):
    result = offline.run("design", *arguments)
    assert result.returncode == 2
    assert says in result.stderr


def test_contradictions_and_empty_regions_are_told(offline):
    contradiction = json.loads(json.dumps(DOMAIN))
    contradiction["constraints"]["linear"].append(
        {"coefficients": {"x": -1, "y": -1}, "bound": -2.5}
    )
    result = offline.run("design", "-", stdin=json.dumps(contradiction))
    assert result.returncode == 2
    assert "meets the constraints 0, 1 together" in result.stderr

    empty = json.loads(json.dumps(DOMAIN))
    empty["constraints"] = {"program": "input x\ninput y\noutput g = (x-0.3)^2 + (y-0.7)^2 - 1e-14"}
    result = offline.run("design", "-", "--kind", "sobol", stdin=json.dumps(empty))
    assert result.returncode == 2
    assert "found 0 of 1000 points, and the 100000 candidates that followed" in result.stderr
