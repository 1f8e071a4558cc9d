"""The command line client, as people and scripts use it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from command_line import CLI, SECONDS

EXAMPLES = CLI.parents[1] / "examples"


def samples_csv(count: int, seed: int = 1) -> str:
    """u = a² + a b with its gradient, columns in an order of their own."""
    a, b = np.random.default_rng(seed).uniform(-1, 1, (2, count))
    rows = zip(*(column.tolist() for column in (a * a + a * b, b, a, 2 * a + b, a)))
    return "u,b,a,du/da,du/db\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows)


@pytest.fixture
def model(cli) -> str:
    """A model of u, on a server that is shared by all tests."""
    cli.ok("dataset", "create", "cli", "--inputs", "a=-1:1[m],b", "--outputs", "u[Pa]")
    if cli.json("dataset", "show", "cli")["statistics"]["sample_count"] == 0:
        cli.ok("dataset", "append", "cli", stdin=samples_csv(1000))
        cli.ok("train", "cli", "--model", "cli", "--hidden", "20,20")
    return "cli"


def test_a_csv_file_becomes_a_dataset_with_its_columns(cli, tmp_path):
    (tmp_path / "s.csv").write_text(samples_csv(100))
    created = cli.json("dataset", "create", "inferred", "--csv", "s.csv")
    assert [variable["name"] for variable in created["schema"]["inputs"]] == ["b", "a"]
    assert [variable["name"] for variable in created["schema"]["outputs"]] == ["u"]
    appended = cli.json("dataset", "append", "inferred", "s.csv")
    assert (appended["sample_count"], appended["version"]) == (100, 1)
    shown = cli.json("dataset", "show", "inferred")
    assert shown["statistics"]["jacobian_count"] == 100
    assert "datasets/inferred" in cli.ok("dataset", "list")
    assert "fingerprint" in cli.ok("dataset", "show", "inferred")
    cli.ok("dataset", "delete", "inferred")
    assert cli.run("dataset", "show", "inferred").returncode == 1


def test_labels_of_every_kind_are_uploaded_from_a_file(cli):
    options = ("--allow-missing", "v", "--allow-missing-derivatives")
    created = cli.json(
        "dataset", "create", "labels", "--inputs", "a,b", "--outputs", "u,v", *options
    )
    assert created["schema"]["allow_missing_derivatives"]
    assert [v.get("allow_missing", False) for v in created["schema"]["outputs"]] == [
        False,
        True,
    ]
    text = (
        "a,b,u,v,du/da,du/db,tangent1:a,tangent1:b,jvp1:u,jvp1:v,variance:u,variance:v\n"
        "1,2,3,4,5,6,7,8,9,10,0.5,0.25\n"
        "1,2,3,,5,,7,8,9,nan,0.5,\n"
    )
    appended = cli.json("dataset", "append", "labels", stdin=text)
    assert (appended["sample_count"], appended["tangents"], appended["adjoints"]) == (
        2,
        1,
        0,
    )
    said = cli.ok("dataset", "append", "labels", stdin=text)
    assert "with Jacobian and with 1 tangent each" in said
    statistics = cli.json("dataset", "show", "labels")["statistics"]
    assert statistics["sample_count"] == statistics["tangent_count"] == 4
    assert statistics["missing_value_count"] == 2
    assert statistics["missing_derivative_count"] == 2 * (2 + 2 + 1 + 1)
    assert statistics["y_variance_count"] == 4
    assert "missing derivatives" in cli.ok("dataset", "show", "labels")
    refused = cli.run("dataset", "append", "labels", stdin="a,b,u\n1,2,\n")
    assert refused.returncode == 2
    assert 'column "u": expected a number, got an empty field' in refused.stderr


def test_an_upload_id_makes_an_append_repeatable(cli):
    cli.ok("dataset", "create", "repeat", "--inputs", "a,b", "--outputs", "u")
    for _ in range(2):
        cli.ok("dataset", "append", "repeat", "--upload-id", "once", stdin=samples_csv(10))
    assert cli.json("dataset", "show", "repeat")["statistics"]["sample_count"] == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u,b,a\n1,2,3\n1,x,3\n", 'stdin:3:3: column "b": expected a number, got "x"'),
        ("u,b,a\n1,2,nan\n", 'stdin:2:5: column "a": expected a finite number, got "nan"'),
        ("u,b,a\n1,2\n", "stdin:2:4: expected 3 fields, got 2"),
        ("u,b\n1,2\n", 'stdin:1:1: column "a" is missing'),
        ("u,b,a,du/da\n1,2,3,4\n", 'stdin:1:1: column "du/db" is missing'),
        ("u,b,a,z\n1,2,3,4\n", 'stdin:1:7: unknown column "z"'),
        ('u,b,a\n1,2,"3\n', "stdin:2:5: this quote is never closed"),
        ("", "stdin:1:1: expected a header"),
        ("u,b,a\n", "holds no samples"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place_and_nothing_is_stored(cli, text, message):
    cli.ok("dataset", "create", "malformed", "--inputs", "a,b", "--outputs", "u")
    result = cli.run("dataset", "append", "malformed", stdin=text)
    assert result.returncode == 2
    assert message in result.stderr
    assert cli.json("dataset", "show", "malformed")["version"] == 0


def test_training_reports_progress_on_stderr_and_the_result_on_stdout(cli, model):
    result = cli.run("train", model, "--model", "report", "--epochs", "20", "--hidden", "8")
    assert result.returncode == 0, result.stderr
    assert "epoch 20/20" in result.stderr
    assert "models/report/versions/" in result.stdout
    assert "2-8-1 softplus" in result.stdout

    report = cli.json(
        *("train", model, "--model", "report", "--hidden", "8,4", "--activation", "tanh"),
        *("--epochs", "7", "--alpha", "1", "--beta", "0.5", "--seed", "9", "--patience", "0"),
        *("--precision", "float64", "--learning-rate", "0.02", "--batch-size", "64"),
        *("--validation-fraction", "0.25", "--derivative-scale", "per-output"),
    )
    version = report["model_version"]
    assert report["job"]["state"] == "succeeded"
    form = {"skip": False, "residual": False}
    assert version["network"] == {"hidden": [8, 4], "activation": "tanh", **form}
    assert (version["report"]["alpha"], version["report"]["beta"]) == (1, 0.5)
    assert (version["report"]["seed"], version["report"]["epochs"]) == (9, 7)
    assert version["report"]["validation_samples"] == 250
    assert cli.json("model", "show", version["name"])["weights_sha256"] == version["weights_sha256"]


def test_predictions_agree_with_the_function_in_every_format(cli, model, tmp_path):
    points = [(0.5, 0.25), (-0.25, 0.75)]
    (tmp_path / "points.csv").write_text("b,a\n" + "".join(f"{b!r},{a!r}\n" for a, b in points))
    arguments = ["predict", model, "--jacobian", "--jvp", "1,2", "--vjp", "-3"]
    table = cli.ok(*arguments, "--csv", "points.csv", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 2
    for row, (a, b) in zip(rows, points):
        numbers = {name: float(text) for name, text in row.items()}
        assert (numbers["a"], numbers["b"]) == (a, b)
        assert numbers["u"] == pytest.approx(a * a + a * b, abs=0.05)
        assert numbers["du/da"] == pytest.approx(2 * a + b, abs=0.2)
        assert numbers["du/db"] == pytest.approx(a, abs=0.2)
        assert numbers["jvp1:u"] == pytest.approx(numbers["du/da"] + 2 * numbers["du/db"])
        assert numbers["vjp1:a"] == pytest.approx(-3 * numbers["du/da"])
        assert numbers["in_domain"] == 1

    # The same numbers, to the last bit, whichever way the points come and the answers go.
    as_json = json.loads(
        cli.ok(*arguments, "--format", "json", *("--point", "0.5,0.25", "--point=-0.25,0.75"))
    )
    for row, point in zip(rows, as_json["points"], strict=True):
        assert point["value"] == [float(row["u"])]
        assert point["jacobian"] == [[float(row["du/da"]), float(row["du/db"])]]
        assert point["in_domain"] is True
    text = (tmp_path / "points.csv").read_text()
    cli.ok(*arguments, "--format", "csv", "--out", "out.csv", stdin=text)
    assert (tmp_path / "out.csv").read_text() == table
    assert (
        cli.json("predict", model, "--point", "0.5,0.25")["points"][0]["value"]
        == (as_json["points"][0]["value"])
    )
    assert cli.ok("predict", model, "--point", "5,5").rstrip().endswith("no")


def test_blocks_are_parts_of_the_whole(cli, model):
    ask = ["predict", model, "--point", "0.5,0.25", "--jacobian", "--hessian"]
    whole = cli.json(*ask)["points"][0]
    block = cli.json(*ask, "--inputs", "b,a", "--outputs", "u")
    assert block["inputs"] == ["a", "b"]
    assert block["derivative_inputs"] == ["b", "a"]
    point = block["points"][0]
    assert point["value"] == whole["value"]
    assert point["jacobian"][0] == pytest.approx(whole["jacobian"][0][::-1], rel=1e-12)
    one = cli.json(*ask, "--inputs", "b", "--jvp", "2")["points"][0]
    assert one["jacobian"][0] == pytest.approx(whole["jacobian"][0][1:], rel=1e-12)
    assert one["hessian"][0][0] == pytest.approx(whole["hessian"][0][1][1:], rel=1e-12)
    assert one["jvp"][0] == pytest.approx([2 * whole["jacobian"][0][1]], rel=1e-12)
    for arguments, complaint in (
        (["--inputs", "c"], '--inputs: the model has none called "c"'),
        (["--outputs", "a"], '--outputs: the model has none called "a"'),
        (["--inputs", "a,a"], '--inputs: expected each name once, got "a" again'),
        (["--inputs", "a,"], "expected names with a comma between two"),
        (["--inputs", "b", "--jvp", "1,2"], "--jvp: expected 1 numbers, got 2"),
    ):
        refused = cli.run(*ask, *arguments)
        assert refused.returncode == 2
        assert complaint in refused.stderr


def test_a_large_file_is_predicted_in_batches(cli, model):
    count = 20_000
    text = "a,b\n" + "".join(f"{i / count!r},0\n" for i in range(count))
    lines = cli.ok("predict", model, "--format", "csv", stdin=text).splitlines()
    assert len(lines) == count + 1
    assert lines[-1].startswith(repr((count - 1) / count) + ",0,")


def test_models_and_jobs_are_listed_shown_and_deleted(cli, model):
    job = cli.json("train", model, "--model", "gone", "--epochs", "2")["job"]["name"]
    assert "models/gone" in cli.ok("model", "list")
    assert job in cli.ok("job", "list")
    assert "succeeded" in cli.ok("job", "show", job)
    assert cli.json("job", "watch", job)["model_version"]["name"] == "models/gone/versions/1"
    cli.ok("model", "delete", "gone")
    assert cli.run("model", "show", "gone").returncode == 1


def long_training(model: str) -> list[str]:
    return ["train", model, "--model", "long", "--epochs", "1000000", "--patience", "0"]


def test_a_detached_job_runs_until_it_is_cancelled(cli, model):
    job = cli.ok(*long_training(model), "--detach").strip()
    assert cli.json("job", "show", job)["state"] in ("queued", "running")
    assert cli.json("job", "cancel", job)["cancel_requested"]
    watch = cli.run("job", "watch", job)
    assert watch.returncode == 4
    assert f"{job} was cancelled" in watch.stderr


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(cli, model):
    process = subprocess.Popen(
        [str(CLI.resolve()), *long_training(model)],
        env=cli.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    job = process.stderr.readline().strip()
    while "running" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert f"sobolev job cancel {job}" in process.stderr.read()
    assert cli.json("job", "show", job)["state"] == "running"
    cli.ok("job", "cancel", job)
    while cli.json("job", "show", job)["state"] == "running":
        time.sleep(0.01)


def test_health_says_whether_the_server_serves(cli):
    assert cli.ok("health") == "SERVING\n"
    down = cli.run("--server", "127.0.0.1:1", "health")
    assert down.returncode == 3
    assert "Is a server running at 127.0.0.1:1?" in down.stderr


def test_errors_of_the_server_are_reported_in_words_or_json(cli):
    words = cli.run("model", "show", "unknown")
    assert words.returncode == 1
    assert words.stderr.startswith("sobolev: NOT_FOUND")
    error = json.loads(cli.run("--json", "model", "show", "unknown").stderr)["error"]
    assert error["code"] == "NOT_FOUND"
    assert "unknown" in error["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["dataset"],
        ["dataset", "create", "x"],
        ["dataset", "create", "x", "--inputs", "a=1", "--outputs", "u"],
        ["dataset", "append", "cli", "no-such-file.csv"],
        ["dataset", "append", "cli", "/"],
        ["train"],
        ["train", "cli", "--activation", "relu"],
        ["predict", "cli", "--point", "1,2,3"],
        ["predict", "cli", "--point", "1,x"],
        ["predict", "cli", "--point", "1,2", "--jvp", "1"],
        ["predict", "cli", "--format", "xml"],
    ],
)
def test_a_wrong_command_line_ends_with_2(cli, model, arguments):
    result = cli.run(*arguments)
    assert result.returncode == 2, result.stderr
    assert result.stderr


@pytest.mark.parametrize(
    "command", ["", "dataset", "dataset create", "dataset append", "train", "predict", "job watch"]
)
def test_help_and_version_need_no_server(command):
    def run(*arguments: str) -> str:
        return subprocess.run(
            [str(CLI.resolve()), *arguments],
            env={**os.environ, "SOBOLEV_SERVER": "127.0.0.1:1"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert "Usage: sobolev" in run(*command.split(), "--help")
    assert run("--version").startswith("sobolev ")


def test_the_cpp_example_learns_its_function(server):
    """y = x1² + x1 x2 at (0.5, 0.25)."""
    text = subprocess.run(
        [str(EXAMPLES / "sobolev-predict"), server.grpc],
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    ).stdout
    numbers = [float(word) for word in text.replace(",", " ").split() if word[-1].isdigit()]
    y, dy_dx1, dy_dx2 = [number for number in numbers if not number.is_integer()]
    assert y == pytest.approx(0.375, abs=0.02)
    assert dy_dx1 == pytest.approx(1.25, abs=0.1)
    assert dy_dx2 == pytest.approx(0.5, abs=0.1)


def test_the_quickstart_meets_its_figures_twice_on_one_server(server):
    """Training on gradients beats values alone at least 2.5 times in value, 3 times in Jacobian."""
    for _ in range(2):
        result = subprocess.run(
            [str(EXAMPLES / "sobolev-quickstart"), "--server", server.grpc, "--json"],
            check=True,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        table = json.loads(result.stdout.splitlines()[-1])
        value_only, differential = table["value_only"], table["differential"]
        assert value_only["rmse_value"] > 2.5 * differential["rmse_value"]
        assert value_only["rmse_jacobian"] > 3 * differential["rmse_jacobian"]
        assert differential["train_seconds"] > 0
