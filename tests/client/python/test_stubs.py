"""The committed stubs and the quality of the package's own code."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[3] / "client" / "python"
TESTS = PACKAGE.parents[1] / "tests"
OURS = [".", "../examples", TESTS / "client" / "python", TESTS / "e2e", *TESTS.glob("*.py")]


def protoc_version() -> str:
    if shutil.which("protoc") is None or shutil.which("grpc_python_plugin") is None:
        return ""
    return subprocess.run(["protoc", "--version"], capture_output=True, text=True).stdout


def test_committed_stubs_are_those_of_the_contract(tmp_path):
    if not re.match(r"libprotoc 3\.21\.", protoc_version()):
        pytest.skip("needs protoc 3.21 and grpc_python_plugin")
    subprocess.run([sys.executable, PACKAGE / "generate_stubs.py", tmp_path], check=True)
    committed = PACKAGE / "sobolev" / "_stubs"
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    stored = {path.name: path.read_text() for path in committed.iterdir() if path.is_file()}
    assert stored == fresh, "run client/python/generate_stubs.py"


@pytest.mark.parametrize(
    "command",
    [
        ["mypy"],
        ["ruff", "check", *OURS],
        ["ruff", "format", "--check", *OURS],
    ],
    ids=["mypy", "ruff check", "ruff format"],
)
def test_the_code_has_no_findings(command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=PACKAGE, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
