"""Surrogates that the server chooses, and those of each kind, by the command line."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import numpy as np
import pytest

NAME = "waves"


def samples_csv(count: int, sign: float = 1) -> str:
    """u = sin(2 a) b with its gradient; du/db times `sign`."""
    lines = ["a,b,u,du/da,du/db"]
    for a, b in np.random.default_rng(1).uniform(-1, 1, (count, 2)).tolist():
        row = (
            *(a, b, math.sin(2 * a) * b),
            *(2 * math.cos(2 * a) * b, sign * math.sin(2 * a)),
        )
        lines.append(",".join(map(repr, row)))
    return "\n".join(lines) + "\n"


def create(cli, name: str, count: int = 100, sign: float = 1) -> str:
    cli.ok("dataset", "create", name, "--inputs", "a,b", "--outputs", "u")
    if cli.json("dataset", "show", name)["statistics"]["sample_count"] == 0:
        cli.ok("dataset", "append", name, stdin=samples_csv(count, sign))
    return name


@pytest.fixture
def dataset(cli) -> str:
    """Samples of u, on a server that is shared by all tests."""
    return create(cli, NAME)


def test_without_options_the_server_chooses_and_the_report_says_what_was_tried(cli, dataset):
    result = cli.run("train", dataset, "--model", "chosen", "--effort", "2")
    assert result.returncode == 0, result.stderr
    assert re.search(r"% of the effort  \d+ tried, best .*held-out error: value", result.stderr)
    assert "100% of the effort" in result.stderr
    lines = result.stdout.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("tried "))
    assert lines[header].split() == "tried value error Jacobian error state".split()
    trials = lines[header + 1 : lines.index("", header)]
    assert [line.split()[-1] for line in trials].count("winner") == 1
    assert "stopped by selection done" in result.stdout
    assert "derivatives are worth: value error" in result.stdout

    version = cli.json("model", "show", "chosen")
    report = version["report"]
    assert len(report["leaderboard"]) == len(trials)
    assert report["stop_reason"] == "selection_done"
    assert report["winner"] in [trial["recipe"] for trial in report["leaderboard"]]
    assert len(report["learning_curve"]) == 2
    assert report["value_only"]["validation"]["value_relative"] > 0
    assert report["warnings"] == []
    assert version["kind"].replace("_", " ") in cli.ok("model", "list")
    job = report["job"]
    assert cli.json("job", "show", job)["progress"]["fraction"] == 1
    assert "100%" in cli.ok("job", "list")
    # The report can be had again: from the job, and from the model.
    assert cli.json("job", "watch", job)["model_version"] == version
    assert "winner" in cli.ok("model", "show", "chosen")


def test_options_of_networks_still_mean_a_network(cli, dataset):
    version = cli.json("train", dataset, "--model", "old-way", "--epochs", "3", "--hidden", "4")[
        "model_version"
    ]
    assert version["kind"] == "network"
    assert version["network"]["hidden"] == [4]
    assert version["report"]["epochs"] == 3
    assert version["report"]["leaderboard"] == []
    assert "winner" not in version["report"]


@pytest.mark.parametrize("optimizer", ["levenberg-marquardt", "hybrid", "lbfgs"])
def test_networks_are_trained_by_newton_steps(cli, dataset, optimizer):
    version = cli.json(
        *("train", dataset, "--model", "newton", "--optimizer", optimizer),
        *("--hidden", "6", "--activation", "tanh", "--seed", "3"),
    )["model_version"]
    form = {"skip": False, "residual": False}
    assert version["network"] == {"hidden": [6], "activation": "tanh", **form}
    assert version["report"]["seed"] == 3
    assert version["report"]["validation"]["value_relative"] < 0.1


def test_a_network_is_monotone_and_convex_where_it_is_asked_to(cli, dataset):
    version = cli.json(
        *("train", dataset, "--model", "shaped", "--optimizer", "levenberg-marquardt"),
        *("--hidden", "5,5", "--residual", "--increasing", "a", "--decreasing", "b"),
        *("--convexity", "convex"),
    )["model_version"]
    form = {"skip": True, "residual": True}
    assert version["network"] == {"hidden": [5, 5], "activation": "softplus", **form}
    assert "network 2-5-5-1 softplus skip residual" in cli.ok("model", "show", "shaped")
    for point in ("0.3,-0.4", "-0.9,-0.9", "4,4"):
        arguments = ("predict", "shaped", f"--point={point}", "--jacobian", "--hessian")
        (row,) = csv.DictReader(io.StringIO(cli.ok(*arguments, "--format", "csv")))
        assert float(row["du/da"]) >= 0
        assert float(row["du/db"]) <= 0
        assert float(row["d2u/dada"]) >= 0
        assert float(row["d2u/dbdb"]) >= 0


def test_skips_and_residual_layers_are_asked_for_by_flags(cli, dataset):
    for flags, name in (("--skip", "tanh skip,"), ("--residual", "tanh residual,")):
        cli.ok(
            *("train", dataset, "--model", "formed", "--hidden", "4,4", "--activation", "tanh"),
            *("--epochs", "3", flags),
        )
        assert name in cli.ok("model", "show", "formed")


def test_what_is_known_of_inputs_and_outputs_holds(cli, dataset):
    options = "--kind polynomial --period a=8 --harmonics a=2 --lower u=-2 --upper u=2"
    version = cli.json(
        *("train", dataset, "--model", "known", *options.split(), "--extrapolation", "linear")
    )["model_version"]
    assert version["kind"] == "composed"
    points = "0.3,-0.4 8.3,-0.4 0.3,1000 0.3,-1000".split()
    arguments = [f"--point={point}" for point in points]
    inside, repeated, above, below = cli.json("predict", "known", *arguments, "--hessian")["points"]
    assert inside["value"][0] == pytest.approx(math.sin(0.6) * -0.4, abs=0.05)
    assert repeated["value"] == pytest.approx(inside["value"], abs=1e-9)
    assert repeated["hessian"][0][0][0] == pytest.approx(inside["hessian"][0][0][0], abs=1e-9)
    assert above["value"][0] == pytest.approx(2)
    assert below["value"][0] == pytest.approx(-2)


@pytest.mark.parametrize("kind", ["polynomial", "gaussian-process"])
def test_each_kind_predicts_values_and_derivatives(cli, dataset, kind):
    version = cli.json("train", dataset, "--model", kind, "--kind", kind)["model_version"]
    assert version["kind"] == kind.replace("-", "_")
    assert "network" not in version
    said = cli.ok("model", "show", kind)
    assert f"{kind.replace('-', ' ')}, {version['parameter_count']} parameters" in said
    a, b = 0.3, -0.4
    arguments = ["predict", kind, f"--point={a},{b}", "--jacobian", "--hessian"]
    (row,) = csv.DictReader(io.StringIO(cli.ok(*arguments, "--format", "csv")))
    exact = {
        "u": math.sin(2 * a) * b,
        "du/da": 2 * math.cos(2 * a) * b,
        "du/db": math.sin(2 * a),
        "d2u/dada": -4 * math.sin(2 * a) * b,
        "d2u/dadb": 2 * math.cos(2 * a),
        "d2u/dbdb": 0,
    }
    for name, value in exact.items():
        assert float(row[name]) == pytest.approx(value, abs=0.1), name
    (point,) = cli.json(*arguments)["points"]
    assert point["hessian"][0][0][1] == float(row["d2u/dadb"])
    spread = cli.run(*arguments, "--spread", "--jacobian-spread", "--format", "json")
    if kind == "polynomial":
        assert spread.returncode == 1
        assert "UNSUPPORTED_QUANTITY" in spread.stderr
        assert "Gaussian processes and ensembles do" in spread.stderr
    else:
        assert spread.returncode == 0, spread.stderr
        (point,) = json.loads(spread.stdout)["points"]
        assert 0 <= point["spread"][0] < 0.05
        assert all(0 <= s < 0.2 for s in point["jacobian_spread"][0])


def test_labels_of_the_wrong_sign_are_warned_of(cli):
    create(cli, "wrong-sign", count=200, sign=-1)
    arguments = ["train", "wrong-sign", "--model", "wrong-sign", "--kind", "polynomial"]
    assert "warning: the labels of du/db have the wrong sign" in cli.ok(*arguments)
    (warning,) = cli.json(*arguments)["model_version"]["report"]["warnings"]
    assert (warning["input"], warning["output"], warning["kind"]) == ("b", "u", "sign")
    assert warning["factor"] == pytest.approx(-1, abs=0.2)


def test_a_selection_is_cancelled(cli):
    create(cli, "large", count=5000)
    job = cli.ok("train", "large", "--model", "never", "--effort", "1e6", "--detach").strip()
    assert cli.json("job", "cancel", job)["cancel_requested"]
    watch = cli.run("job", "watch", job)
    assert watch.returncode == 4
    assert f"{job} was cancelled" in watch.stderr
    assert cli.run("model", "show", "never").returncode == 1


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ("--kind forest", 2, "--kind"),
        ("--optimizer sgd", 2, "--optimizer"),
        ("--effort much", 2, "--effort"),
        ("--effort 0", 1, "spec.effort: expected more than 0 and at most 1e+06, got 0"),
        ("--time-limit 0", 1, "leave it unset for no limit"),
        ("--kind polynomial --effort 1", 1, "spec.effort: expected unset"),
        ("--kind gaussian-process --hidden 4", 1, "spec.network: expected unset"),
        ("--kind auto --optimizer hybrid", 1, "spec.optimizer: expected unset"),
        ("--optimizer hybrid --epochs 3", 1, "spec.epochs: expected unset"),
        ("--optimizer adam --effort 3", 1, "spec.effort: expected unset"),
        ("--kind polynomial --ensemble-size 3", 1, "spec.ensemble_size: expected unset"),
        ("--kind local-taylor --taylor-order 4", 1, "spec.local_taylor.order: expected 1 to 3"),
        ("--kind polynomial --taylor-order 2", 1, "spec.local_taylor: expected unset"),
        ("--taylor-base sand", 2, "--taylor-base"),
        ("--kind polynomial --convexity convex", 1, "unset the constraints"),
        ("--convexity flat", 2, "--convexity"),
        ("--increasing x1 --decreasing x1", 2, "--decreasing"),
        ("--period a", 2, "--period: expected NAME=NUMBER, got"),
        ("--lower u=low", 2, "--lower: expected NAME=NUMBER, got"),
        ("--extrapolation wild", 2, "--extrapolation"),
        ("--validation-fraction 0.2", 1, "spec.validation_fraction: expected unset"),
    ],
)
def test_bad_options_are_refused_with_field_and_fix(cli, dataset, options, code, says):
    result = cli.run("train", dataset, *options.split())
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert "unset" in result.stderr or code == 2
