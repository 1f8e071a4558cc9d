"""What client/README.md shows of other projects' clients is what they print."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "client" / "README.md").read_text()
PRINTED = re.compile(r"<!-- printed by (\S+) -->\s*```\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+")


def run(command: list[str], **environment: str) -> str:
    result = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_examples_print_what_the_readme_shows(make_server):
    server = make_server().start()
    shell = re.search(r"```sh\n(sobolev program create waves.*?)```", README, re.DOTALL)
    assert shell is not None
    run(["bash", "-euc", shell[1]], SOBOLEV_SERVER=server.grpc)
    shown = dict(PRINTED.findall(README))
    examples = sorted((ROOT / "client" / "examples" / "interop").glob("*.py"))
    assert [str(path.relative_to(ROOT)) for path in examples] == sorted(
        path for path in shown if "interop" in path
    )
    for path in examples:
        inference = path.name == "open_inference.py"
        address = server.grpc if inference else f"http://{server.gateway}"
        printed = run([sys.executable, str(path), address])
        expected = shown[str(path.relative_to(ROOT))]
        assert NUMBER.sub("#", printed) == NUMBER.sub("#", expected)
        # The surrogate is as near to its function, of which the numbers shown are.
        numbers = [float(number) for number in NUMBER.findall(printed)]
        wanted = [float(number) for number in NUMBER.findall(expected)]
        np.testing.assert_allclose(numbers, wanted, atol=0.03)
