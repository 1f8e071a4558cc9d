"""The examples do what they say."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_the_basket_example_shows_that_differentials_help(server):
    script = ROOT / "client" / "examples" / "basket.py"
    result = subprocess.run(
        [sys.executable, script, server.grpc], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    rows = {
        line[:14].strip(): [float(number) for number in line[14:].split()]
        for line in result.stdout.splitlines()[1:3]
    }
    value_only, differential = rows["value only"], rows["differential"]
    assert differential[0] < value_only[0] / 2
    assert differential[1] < value_only[1] / 2


def test_the_example_of_guarantees_prints_what_the_readme_shows(server):
    path = "client/examples/guarantees.py"
    text = (ROOT / "client" / "README.md").read_text()
    shown = re.search(rf"<!-- printed by {path} -->\s*```\n(.*?)```", text, re.S)
    result = subprocess.run(
        [sys.executable, ROOT / path, server.grpc], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    number = re.compile(r"-?\d+\.\d*")
    assert number.sub("#", result.stdout) == number.sub("#", shown[1])
    # Weights are those of the machine's arithmetic; a last digit may differ.
    for printed, expected in zip(number.findall(result.stdout), number.findall(shown[1])):
        assert abs(float(printed) - float(expected)) < 0.11, result.stdout


def test_the_example_of_subdomains_finds_smaller_networks(server):
    script = ROOT / "client" / "examples" / "subdomains.py"
    result = subprocess.run(
        [sys.executable, script, server.grpc], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("split along temperature\n")
    rows = re.findall(
        r"^(whole|part \d) +(\S+) to +(\S+) +[\d-]+ +(\d+) -> (\d+) +\[(\S+), (\S+)\]$",
        result.stdout,
        re.M,
    )
    assert [row[0] for row in rows] == ["whole", *(f"part {k}" for k in range(1, 5))]
    whole, *parts = ([float(number) for number in row[1:]] for row in rows)
    assert [parts[0][0], parts[-1][1]] == whole[:2], "the parts cover the domain"
    assert all(before[1] == after[0] for before, after in zip(parts, parts[1:]))
    assert all(sampled <= proved for *_, sampled, proved in [whole, *parts])
    assert max(part[3] for part in parts) < whole[3] <= whole[2]
    assert sum(part[3] for part in parts) / len(parts) < 0.75 * whole[3]
    errors = dict(re.findall(r"^(\w+): off by (\S+)%", result.stdout, re.M))
    assert float(errors["model"]) < float(errors["parts"]) < 1.5, "the budget is 1 %"


def test_the_readme_example_runs(server):
    text = (ROOT / "client" / "python" / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)
    assert code is not None
    program = code[1].replace("localhost:50551", server.grpc)
    program += "    assert value.shape == (1, 1) and jacobian.shape == (1, 1, 2)\n"
    program += "    assert abs(value[0, 0] - np.sin(0.3) * -0.2) < 0.01\n"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
