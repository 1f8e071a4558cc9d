"""What `sobolev program` leaves behind and says when something is wrong."""

from __future__ import annotations

import csv
import io
import json

import pytest
from naming import unique

import sobolev


@pytest.fixture
def double(client) -> str:
    """y = 2 x with x in [0, 1]."""
    client.create_program("double", "input x in [0, 1]\noutput y = 2 * x\n")
    return "double"


# ---- Output --------------------------------------------------------------------------------------


def test_a_refused_evaluation_prints_nothing_and_keeps_the_file(cli, double, tmp_path):
    (tmp_path / "keep.csv").write_text("precious\n")
    (tmp_path / "bad.csv").write_text("x\n1\nz\n")
    evaluate = ["program", "evaluate", double]
    for arguments in (
        [*evaluate, "--point", "1,2"],
        [*evaluate, "--csv", "bad.csv"],
        [*evaluate, "--csv", "none.csv"],
        [*evaluate, "--point", "1", "--checkpoints", "-1"],
    ):
        for output in (["--out", "keep.csv"], [], ["--json"], ["--format", "csv"]):
            result = cli.run(*arguments, *output)
            assert result.returncode in (1, 2), result.stderr
            assert result.stdout == ""
            assert (tmp_path / "keep.csv").read_text() == "precious\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "keep.csv"]


def test_a_file_is_kept_if_a_later_batch_fails(cli, double, tmp_path):
    (tmp_path / "keep.csv").write_text("precious\n")
    (tmp_path / "points.csv").write_text("x\n" + "0.5\n" * 5000 + "z\n")
    arguments = ["program", "evaluate", double, "--csv", "points.csv", "--format", "csv"]
    result = cli.run(*arguments, "--out", "keep.csv")
    assert result.returncode == 2
    assert "points.csv:5002:1" in result.stderr
    assert (tmp_path / "keep.csv").read_text() == "precious\n"
    (tmp_path / "points.csv").write_text("x\n" + "0.5\n" * 5000)
    cli.ok(*arguments, "--out", "keep.csv")
    assert (tmp_path / "keep.csv").read_text() == "x,y,valid\n" + "0.5,1,1\n" * 5000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keep.csv", "points.csv"]


def test_an_answer_that_is_too_large_is_refused_before_its_header_is_made(cli, client):
    """More than a billion columns: their names alone would not fit into memory."""
    name = unique("many-columns")
    client.create_program(name, "input x[1500]\noutput y[1500] = x * x[0] * x[1]\n")
    point = ",".join(["1"] * 1500)
    result = cli.run("program", "evaluate", name, "--hessian", "--format", "csv", "--point", point)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "numbers" in result.stderr


def test_a_variable_may_be_called_valid(cli, client):
    client.create_program("flagged", "input valid\noutput y = log(valid)\n")
    text = cli.ok("program", "evaluate", "flagged", "--point=-1", "--format", "csv")
    assert text == "valid,y,point:valid\n-1,nan,0\n"
    assert "-nan" not in cli.ok("program", "evaluate", "flagged", "--point=-1")


def test_infinite_bounds_have_words_in_json(cli, client):
    client.create_program(
        "unbounded", "input x in [-1, 1]\noutput y = 1 / x\noutput z = log(x - 5)\n"
    )
    shown = json.loads(cli.ok("--json", "program", "enclose", "unbounded"))
    assert shown["bounds"] == {
        "y": {"min": "-Infinity", "max": "Infinity"},
        "z": {"min": "NaN", "max": "NaN"},
    }
    assert shown["bounded"] is False


# ---- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["program", "evaluate", "double", "--point", "1,2"], "--point: expected 1 numbers"),
        (["program", "evaluate", "double", "--point", "1", "--format", "xml"], "--format"),
        (["program", "evaluate", "double", "--csv", "none.csv"], "none.csv: cannot be opened"),
        (["program", "evaluate", "double", "--csv", "."], ".: expected a file, got a directory"),
        (["program", "evaluate", "double", "--csv", "bad.csv"], "bad.csv:2:1"),
        (["program", "check", "none.sob"], "none.sob: cannot be opened"),
        (["program", "check", "."], ".: expected a file, got a directory"),
        (["program", "check", "latin.sob"], "source: line 1, column 14: expected text in UTF-8"),
        (["program", "create", "never", "latin.sob"], "the byte 0xe9"),
        (["program", "enclose", "free"], "declares no bounds"),
        (["program", "enclose", "free", "--bounds", "x=0:1[m]"], 'got "1[m]"'),
        (["program", "sample", "free", "--dataset", "never"], "declares no bounds"),
        (["program", "sample", "free"], "--dataset"),
        (["dataset", "append", "none", "."], '"none" does not exist'),
        (["program"], "subcommand"),
        ([], "subcommand"),
    ],
)
def test_errors_of_every_origin_are_json_if_asked_for(
    cli, client, double, tmp_path, arguments, says
):
    client.create_program("free", "input x\noutput y = x\n")
    (tmp_path / "bad.csv").write_text("x\nz\n")
    (tmp_path / "latin.sob").write_bytes("input x ## Pr\u00e9cis\noutput y = x\n".encode("latin-1"))
    for command in (["--json", *arguments], [*arguments, "--json"]):
        result = cli.run(*command)
        assert result.returncode in (1, 2)
        assert result.stdout == ""
        error = json.loads(result.stderr)["error"]
        assert says in error["message"]
        assert set(error) == {"code", "reason", "message", "field_violations"}
    plain = cli.run(*arguments)
    assert plain.returncode == result.returncode
    assert says in plain.stderr
    assert not plain.stderr.startswith("{")


# ---- Samples -------------------------------------------------------------------------------------


def test_a_failed_sample_leaves_no_dataset(cli, client):
    client.create_program("nowhere", "input x in [-2, -1]\noutput y = log(x)\n")
    wide = "input x[3000] in [1, 2]\noutput y[3000] = x * x[0]\n"
    client.create_program("too-wide", wide)
    for program in ("nowhere", "too-wide"):
        result = cli.run("program", "sample", program, "--dataset", "never-made", "--count", "3")
        assert result.returncode in (1, 2), result.stdout
        with pytest.raises(sobolev.NotFoundError):
            client.dataset("never-made")


def test_a_failed_sample_leaves_an_existing_dataset_alone(cli, client):
    client.create_program("nowhere", "input x in [-2, -1]\noutput y = log(x)\n")
    name = unique("kept")
    client.create_dataset(name, ["x"], ["y"])
    assert cli.run("program", "sample", "nowhere", "--dataset", name).returncode == 2
    assert client.dataset(name).version == 0


def test_a_second_sample_adds_other_points(cli, client, double):
    name = unique("twice")
    sample = ["--json", "program", "sample", double, "--dataset", name, "--count", "20"]
    assert [json.loads(cli.ok(*sample))["seed"] for _ in range(2)] == [1, 21]
    assert json.loads(cli.ok(*sample, "--seed", "1"))["seed"] == 1
    x = client.dataset(name).read().x[:, 0]
    assert len(set(x[:40])) == 40
    assert (x[40:] == x[:20]).all()
    help_text = cli.ok("program", "sample", "--help")
    assert "same seed" in " ".join(help_text.split())


# ---- Sources and help ----------------------------------------------------------------------------


def test_sources_of_other_editors_are_read(cli):
    source = "\ufeffinput x ## Of x.\r\noutput y = 2 * x ## Of y.\r\n"
    shown = json.loads(cli.ok("--json", "program", "check", "-", stdin=source))
    assert shown["inputs"][0]["description"] == "Of x."
    assert shown["outputs"][0]["description"] == "Of y."


@pytest.mark.parametrize(
    "command", ["create", "check", "list", "show", "delete", "evaluate", "enclose", "sample"]
)
def test_every_command_has_an_example(cli, command):
    assert f"program {command}" in cli.ok("program", command, "--help").partition("Example:")[2]


def test_the_example_of_the_help_is_a_program(cli):
    text = cli.ok("program", "--help")
    source = text.partition("all of it):\n")[2].partition("Operators:")[0]
    assert "README.md" in text
    shown = json.loads(cli.ok("--json", "program", "check", "-", stdin=source))
    assert shown["input_size"] == 4
    assert [output["name"] for output in shown["outputs"]] == ["volume", "slope"]


def test_the_columns_of_an_evaluation_are_as_many_as_its_names(cli, client):
    client.create_program("columns", "input v[3]\noutput y[2] = v[0..2] * v[2]\n")
    arguments = ["--jacobian", "--hessian", "--jvp", "1,2,3", "--vjp", "1,1", "--hvp"]
    text = cli.ok(
        *("program", "evaluate", "columns", "--point", "1,2,3", "--format", "csv"), *arguments
    )
    header, row = csv.reader(io.StringIO(text))
    assert len(header) == len(row) == len(set(header)) == 3 + 2 + 6 + 12 + 2 + 3 + 3 + 1
