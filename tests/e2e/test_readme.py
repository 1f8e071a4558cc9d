"""The README's examples do what it says."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The README's code block in this language that contains this text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.S)
    found = [code for code in blocks if containing in code]
    assert len(found) == 1, f"expected one {language} block with {containing!r}, got {len(found)}"
    return found[0]


def test_the_design_example_extends_its_file_without_repeats(tmp_path):
    """Asks no server."""
    cli = pathlib.Path(os.environ["SOBOLEV_BUILD_DIR"]).resolve() / "client" / "cli"
    path = f"{cli}{os.pathsep}{os.environ['PATH']}"
    output = subprocess.run(
        ["bash", "-ec", block("sh", "sobolev design")],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    header, *first = (tmp_path / "runs.csv").read_text().splitlines()
    again, *more = output.splitlines()
    assert header == again == "span,speed,blades"
    assert len(first) == len(more) == 32
    assert len({*first, *more}) == 64


def test_the_shell_example_predicts_values_and_gradients(server, tmp_path):
    """lift = span * sin(chord)."""
    generator = random.Random(1)
    with (tmp_path / "samples.csv").open("w") as file:
        file.write("span,chord,lift,dlift/dspan,dlift/dchord\n")
        for _ in range(400):
            span, chord = generator.uniform(1, 2), generator.uniform(0, 1)
            row = (span, chord, span * math.sin(chord), math.sin(chord), span * math.cos(chord))
            file.write(",".join(map(repr, row)) + "\n")
    (tmp_path / "points.csv").write_text("span,chord\n1.5,0.5\n1.2,0.8\n")
    cli = pathlib.Path(os.environ["SOBOLEV_BUILD_DIR"]) / "client" / "cli"
    result = subprocess.run(
        ["bash", "-euc", block("sh", "sobolev dataset create wing")],
        cwd=tmp_path,
        env={**os.environ, "SOBOLEV_SERVER": server.grpc, "PATH": f"{cli}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    table = result.stdout[result.stdout.index("span,chord") :]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 2
    for row, (span, chord) in zip(rows, [(1.5, 0.5), (1.2, 0.8)]):
        assert abs(float(row["lift"]) - span * math.sin(chord)) < 0.02
        assert abs(float(row["dlift/dspan"]) - math.sin(chord)) < 0.05
        assert abs(float(row["dlift/dchord"]) - span * math.cos(chord)) < 0.1


def test_the_trainings_of_other_kinds_run(server, tmp_path):
    """On the dataset of the shell example, with samples enough."""
    cli = pathlib.Path(os.environ["SOBOLEV_BUILD_DIR"]) / "client" / "cli"
    generator = random.Random(2)
    rows = [(generator.uniform(1, 2), generator.uniform(0, 1)) for _ in range(50)]
    samples = "".join(f"{span!r},{chord!r},{span * math.sin(chord)!r}\n" for span, chord in rows)
    (tmp_path / "more.csv").write_text("span,chord,lift\n" + samples)
    (tmp_path / "points.csv").write_text("span,chord\n1.5,0.5\n")
    script = (
        "sobolev dataset create wing --inputs span,chord --outputs lift\n"
        "sobolev dataset append wing more.csv\n"
        + block("sh", "--kind gaussian-process")
        + "sobolev model list\n"
    )
    result = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "SOBOLEV_SERVER": server.grpc,
            "PATH": f"{cli.resolve()}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    assert "gaussian process, " in result.stdout
    assert "network 2-32-32-1 tanh" in result.stdout
    assert "d2lift/dspandchord" in result.stdout


def test_the_program_example_differentiates_a_cone(server, tmp_path):
    cli = pathlib.Path(os.environ["SOBOLEV_BUILD_DIR"]) / "client" / "cli"
    result = subprocess.run(
        ["bash", "-euc", block("sh", "sobolev program create cone")],
        cwd=tmp_path,
        env={
            **os.environ,
            "SOBOLEV_SERVER": server.grpc,
            "PATH": f"{cli.resolve()}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("radius,height,"))
    (row,) = csv.DictReader(lines[first : first + 2])
    r, h = 1.5, 2.0
    exact = {
        "volume": math.pi * r * r * h / 3,
        "dvolume/dradius": 2 * math.pi * r * h / 3,
        "d2volume/dradiusdheight": 2 * math.pi * r / 3,
        "surface": math.pi * r * (r + math.hypot(r, h)),
        "dsurface/dheight": math.pi * r * h / math.hypot(r, h),
    }
    for name, value in exact.items():
        assert abs(float(row[name]) - value) < 1e-13 * value, name
    header = next(i for i, line in enumerate(lines) if line.split() == ["variable", "min", "max"])
    bounds = lines[header + 1].split()
    assert bounds[0] == "volume"
    assert float(bounds[1]) <= math.pi / 3 and float(bounds[2]) >= 4 * math.pi
    assert "appended 500 samples with Jacobian to datasets/cone" in result.stdout


def test_the_python_example_runs(server):
    program = block("python", "client.train").replace("localhost:50551", server.grpc)
    program += "    assert abs(value[0, 0] - np.sin(0.3) * -0.2) < 0.01\n"
    program += "    assert abs(jacobian[0, 0, 1] - np.sin(0.3)) < 0.05\n"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr


def test_curl_gets_derivatives(server, client):
    rng = np.random.default_rng(3)
    x = rng.uniform([1, 0], [2, 1], (100, 2))
    model = client.train(x, x[:, 0] * np.sin(x[:, 1]), model="wing", kind="polynomial").wait(
        progress=False
    )
    script = block("sh", "/Info").replace("localhost:4242", server.gateway)
    result = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    info, gradient, tesseract = map(json.loads, result.stdout.replace("}{", "}\n{").splitlines())
    assert "wing" in info["models"]
    jacobian = model.jacobian([[1.5, 0.5]])[0]
    np.testing.assert_allclose(gradient["output"], jacobian[0], rtol=1e-12)
    np.testing.assert_array_equal(tesseract["y"]["x"]["data"]["buffer"], jacobian)


def test_the_cpp_example_is_the_compiled_one():
    source = (ROOT / "client" / "examples" / "predict.cc").read_text()

    def unindented(code: str) -> str:
        return "\n".join(line.strip() for line in code.splitlines())

    assert unindented(block("cpp", "client.Predict")) in unindented(source)
