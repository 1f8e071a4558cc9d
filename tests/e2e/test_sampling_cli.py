"""`sobolev sample` and `sobolev worker`: programs as simulators, whatever happens to them."""

from __future__ import annotations

import json
import math
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from command_line import CLI, Cli
from naming import unique

import sobolev

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "client" / "examples" / "sampling"
SECONDS = 240

# u = exp(-a) + a b^2 with its gradient. Each run leaves its point, attempt and process in `runs`.
SIMULATOR = """
import json, math, os, sys, time
point = json.load(sys.stdin)
with open("runs", "a") as runs:
    runs.write(f"{point['point']} {point['attempt']} {os.getpid()}\\n")
a, b = point["x"]
assert point["inputs"] == {"a": a, "b": b} and point["jacobian"]
"""
ANSWER = """
print(json.dumps({"y": {"u": math.exp(-a) + a * b * b},
                  "jacobian": [[-math.exp(-a) + b * b, 2 * a * b]]}))
"""


def truth(inputs: dict[str, float]) -> float:
    return math.exp(-inputs["a"]) + inputs["a"] * inputs["b"] ** 2


class Workers:
    """`sobolev worker` processes, and what they say."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.processes: list[subprocess.Popen[str]] = []

    def simulate(self, trouble: str = "") -> str:
        """A command that evaluates u unless there is trouble."""
        number = len(list(self.cli.directory.glob("simulator*.py")))
        path = self.cli.directory / f"simulator{number}.py"
        path.write_text(SIMULATOR + trouble + ANSWER)
        return f"{shlex.quote(sys.executable)} {path.name}"

    def start(self, job: str, command: str, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(CLI.resolve()), "--json", "worker", job, "--exec", command, *options],
            cwd=self.cli.directory,
            env=self.cli.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], code: int = 0) -> tuple[dict, str]:
        """What it sums up and what it said, once it has ended with this exit code."""
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == code, err
        return json.loads(out), err

    def lines(self) -> list[list[int]]:
        path = self.cli.directory / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        return [[int(number) for number in line.split()] for line in lines]

    def runs(self) -> list[tuple[int, int]]:
        """Point and attempt of each run of the simulator so far."""
        return [(point, attempt) for point, attempt, _ in self.lines()]

    def simulators(self) -> list[int]:
        """The process of each run."""
        return [process for _, _, process in self.lines()]

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def workers(cli) -> Iterator[Workers]:
    made = Workers(cli)
    yield made
    made.kill()


def start(cli: Cli, *options: str) -> tuple[str, str]:
    """The names of a job with a and b in [0, 1], and of its dataset and model."""
    name = unique("sampled")
    made = cli.json(
        *("sample", "start", "--dataset", name, "--inputs", "a=0:1,b=0:1", "--outputs", "u"),
        *("--model", name, "--effort", "0.05", *options),
    )
    return made["job"]["name"], name


def points(cli: Cli, job: str) -> list[dict]:
    return cli.json("sample", "points", job)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(process: int) -> bool:
    """Not if it is a zombie, which nobody has reaped yet."""
    status = pathlib.Path(f"/proc/{process}/status")
    try:
        return "\nState:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(cli: Cli, job: str) -> dict:
    """The state of a job that has ended well."""
    lines = cli.ok("--json", "sample", "watch", job).splitlines()
    last = json.loads(lines[-1])
    assert last["state"] == "succeeded"
    return last["sampling"]


def check_samples(target: str, dataset: str, told: list[dict]) -> None:
    """Each point that was told is a sample, once, with the values of u."""
    done = {tuple(p["inputs"].values()) for p in told if p["state"] == "done"}
    with sobolev.Client(target) as client:
        samples = client.dataset(dataset).read()
    rows = [tuple(row) for row in samples.x.tolist()]
    assert len(rows) == len(set(rows))
    assert set(rows) == done
    np.testing.assert_allclose(
        samples.y[:, 0], [truth({"a": a, "b": b}) for a, b in rows], rtol=1e-15
    )


# ---- Simulators ----------------------------------------------------------------------------------


def test_the_readme_example_samples_with_a_shell_script(server, tmp_path):
    """lift = span * sin(chord), without a value where the wing stalls."""
    shutil.copy(EXAMPLES / "simulate.sh", tmp_path)
    environment = {
        **os.environ,
        "SOBOLEV_SERVER": server.grpc,
        "PATH": f"{CLI.parent.resolve()}:{os.environ['PATH']}",
    }
    name = unique("wing")
    script = re.sub(r"\bwing\b(?!\.svg)", name, (EXAMPLES / "sample.sh").read_text())
    result = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    assert "the job has ended" in result.stdout
    assert "ended because" in result.stdout
    picture = xml.etree.ElementTree.parse(tmp_path / "wing.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    with sobolev.Client(server.grpc) as client:
        model = client.model(name)
        value, jacobian = model.predict([[1.5, 0.5]]), model.jacobian([[1.5, 0.5]])
    assert abs(value[0, 0] - 1.5 * math.sin(0.5)) < 0.01
    assert abs(jacobian[0, 0, 1] - 1.5 * math.cos(0.5)) < 0.05


def test_the_script_that_draws_boxes(server, tmp_path):
    environment = {
        **os.environ,
        "SOBOLEV_SERVER": server.grpc,
        "PATH": f"{CLI.parent.resolve()}:{os.environ['PATH']}",
    }
    script = (EXAMPLES / "boxes.sh").read_text()
    result = subprocess.run(
        ["sh", "-euc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    for name in ("bump", "front", "wave"):
        picture = xml.etree.ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        fills = {element.get("fill") for element in picture.iter() if element.tag.endswith("rect")}
        assert "#ecf1f6" in fills  # Quadratic boxes.
        page = (tmp_path / f"{name}.html").read_text()
        assert page.count("<svg") == page.count("</svg>") == 1
        assert "quadratic boxes" in page and "of x" in page
        assert "http-equiv" not in page and "src=" not in page


def test_a_job_is_updated_and_reports_its_boxes(cli, workers):
    boxes = ("--max-boxes", "64", "--box-tolerance", "0.2")
    job, _ = start(cli, "--budget", "20", "--round", "1", *boxes)
    workers.finish(workers.start(job, workers.simulate(), "--parallel", "2"))
    assert cli.json("sample", "status", job)["spec"]["stop_rules"] == [{"evaluations": 20}]
    # The rule that held is kept, and would hold at once.
    wrong = cli.run("sample", "update", job, "--budget", "0")
    assert wrong.returncode == 1 and wrong.stderr.endswith(".evaluations is set by --budget.\n")
    kept = cli.run("sample", "update", job, "--budget", "30", "--keep")
    assert kept.returncode == 1 and "spec.stop_rules[0]: expected a rule" in kept.stderr
    both = ("--stop", "evaluations=25,value_error=10")
    cli.ok("sample", "update", job, "--goal", "maximum:u", *both)
    workers.finish(workers.start(job, workers.simulate(), "--parallel", "2"))
    status = cli.json("sample", "status", job)
    assert status["stop_rule"] == 0 and 25 <= status["counts"]["done"] < 60
    assert status["spec"]["goal"] == {"kind": "maximum", "output": "u"}
    cli.json("sample", "update", job, "--budget", "100")
    workers.finish(workers.start(job, workers.simulate(), "--parallel", "2"))
    report = cli.json("sample", "report", job)
    sampling = report["sampling"]
    assert sampling["counts"]["done"] == 100
    assert len(sampling["revisions"]) == 3
    assert [each["revision"] for each in sampling["rounds"]][-1] == 2
    told = [point["outputs"]["u"] for point in report["points"] if point["state"] == "done"]
    assert sampling["best"]["value"] == max(told)
    boxes = cli.json("sample", "boxes", job)
    assert boxes == report["boxes"]
    assert math.isclose(sum(box["volume"] for box in boxes["boxes"]), 1)
    assert set(boxes["boxes"][0]["inputs"]) == {"a", "b"}
    by_order, by_slice = report["spending"]["by_order"], report["spending"]["by_slice"]
    assert sum(each["points"] for each in by_order) == len(report["points"])
    assert sum(each["points"] for each in by_slice) == 2 * len(report["points"])
    cost = 2 * sum(point["attempt"] for point in report["points"])
    assert math.isclose(sum(each["cost"] for each in by_order), cost)
    first = sampling["rounds"][0]
    assert report["error_of_even_points"][0] == first["value_error"]
    text = cli.ok("sample", "report", job)
    assert "even points" in text and "best value" in text and "0.25 to 0.5 of a" in text


def test_points_without_a_value_and_flaky_runs_do_not_stop_a_job(server, cli, workers):
    job, name = start(cli, "--budget", "40", "--attempts", "4")
    command = workers.simulate(
        "if a > 0.8: print('no flow at', a, file=sys.stderr); sys.exit(3)\n"
        "if point['point'] % 5 == 0 and point['attempt'] == 1: sys.exit('no licence')\n"
        "if point['point'] % 7 == 0 and point['attempt'] == 1: time.sleep(100)\n"
        "if point['point'] % 9 == 0: print('{\"y\": [NaN]}'); sys.exit()\n"
    )
    options = ("--parallel", "3", "--timeout", "10")
    processes = [workers.start(job, command, *options) for _ in range(2)]
    sums = [workers.finish(process)[0] for process in processes]
    sampling = wait_for_end(cli, job)
    assert sampling["counts"]["done"] == 40
    assert sampling["stop_reason"] == "rule"
    all_points = points(cli, job)
    tried = [p for p in all_points if p["state"] in ("done", "infeasible")]
    assert sum(p["state"] == "done" for p in tried) == sum(s["evaluated"] for s in sums) == 40
    for point in tried:
        a, number = point["inputs"]["a"], point["point"]
        without = a > 0.8 or number % 9 == 0
        assert point["state"] == ("infeasible" if without else "done")
        if a > 0.8:
            assert point["reason"] == f"no flow at {a!r}"
        else:
            assert point["attempt"] == (2 if number % 5 == 0 or number % 7 == 0 else 1)
        if not without:
            assert abs(point["outputs"]["u"] - truth(point["inputs"])) < 1e-15
    assert sum(s["infeasible"] for s in sums) == sum(p["state"] == "infeasible" for p in tried)
    check_samples(server.grpc, name, all_points)


def test_a_command_is_run_again_before_its_failure_is_told(cli, workers):
    job, _ = start(cli, "--budget", "12", "--initial", "12")
    command = workers.simulate(
        "if not os.path.exists(f\"tried{point['point']}\"):\n"
        "    open(f\"tried{point['point']}\", 'w'); sys.exit(1)\n"
    )
    summary, _ = workers.finish(workers.start(job, command, "--retries", "1", "--parallel", "2"))
    assert (summary["evaluated"], summary["failed"]) == (12, 0)
    assert sorted(workers.runs()) == sorted(2 * [(number, 1) for number in range(1, 13)])


def test_a_program_needs_no_workers(server, cli):
    source = "input a in [0, 1]\ninput b in [0, 1]\noutput u = exp(-a) + a * b^2\n"
    name = unique("program")
    cli.ok("program", "create", name, "-", stdin=source)
    made = cli.json(
        *("sample", "start", "--dataset", name, "--program", name, "--model", name),
        *("--stop", "evaluations=20,value_error=1e9", "--budget", "100", "--effort", "0.05"),
    )
    job = made["job"]["name"]
    sampling = wait_for_end(cli, job)
    assert (sampling["stop_reason"], sampling["stop_rule"]) == ("rule", 1)
    check_samples(server.grpc, name, points(cli, job))
    result = cli.run("worker", job, "--exec", "cat")
    assert result.returncode == 2
    assert "the server evaluates programs/" in result.stderr


# ---- Crashes -------------------------------------------------------------------------------------


def test_the_points_of_a_killed_worker_come_back_after_their_lease(server, cli, workers):
    job, name = start(cli, "--budget", "20", "--lease", "2")
    doomed = workers.start(job, workers.simulate("time.sleep(1000)\n"), "--parallel", "4")
    wait_until(lambda: len(workers.runs()) == 4)
    held = {number for number, _ in workers.runs()}
    # Its heartbeats keep them for longer than their first lease.
    time.sleep(4)
    assert {p["point"] for p in points(cli, job) if p["state"] == "leased"} == held
    doomed.kill()
    for process in workers.simulators():  # Without their worker, nobody ends them.
        os.kill(process, signal.SIGKILL)
    workers.finish(workers.start(job, workers.simulate(), "--parallel", "2"))
    wait_for_end(cli, job)
    told = {p["point"]: p for p in points(cli, job)}
    for number in held:
        assert (told[number]["state"], told[number]["attempt"]) == ("done", 2)
    check_samples(server.grpc, name, list(told.values()))


def test_a_worker_that_starts_again_goes_on_with_its_points(cli, workers):
    job, _ = start(cli, "--budget", "12", "--lease", "600")
    doomed = workers.start(job, workers.simulate("time.sleep(1000)\n"), "--id", "node-7")
    wait_until(workers.runs)
    doomed.kill()
    for process in workers.simulators():
        os.kill(process, signal.SIGKILL)
    workers.finish(workers.start(job, workers.simulate(), "--id", "node-7"))
    assert all(attempt == 1 for _, attempt in workers.runs())


def test_no_told_result_is_lost_when_the_server_is_killed(make_server, tmp_path):
    server = make_server().start()
    cli = Cli(server.grpc, tmp_path)
    workers = Workers(cli)
    try:
        job, name = start(cli, "--budget", "60", "--lease", "60")
        command = workers.simulate("time.sleep(0.1)\n")
        processes = [workers.start(job, command, "--parallel", "3") for _ in range(2)]
        for count in (5, 20, 40):
            wait_until(lambda count=count: len(workers.runs()) >= count)
            server.kill()
            server.start()
        said = [workers.finish(process) for process in processes]
        sampling = wait_for_end(cli, job)
        acknowledged = {
            int(number)
            for _, err in said
            for number in re.findall(r"^point (\d+) attempt \d+: evaluated", err, re.MULTILINE)
        }
        told = points(cli, job)
        done = {p["point"] for p in told if p["state"] == "done"}
        assert acknowledged <= done
        assert sum(summary["evaluated"] for summary, _ in said) == len(acknowledged) == len(done)
        assert sampling["counts"]["done"] == len(done) >= 60
        # Nobody evaluated what another one had.
        assert len(workers.runs()) == len(set(workers.runs()))
        assert all(attempt == 1 for _, attempt in workers.runs())
        check_samples(server.grpc, name, told)
    finally:
        workers.kill()
    assert server.terminate() == 0


# ---- Steering ------------------------------------------------------------------------------------


def test_ask_and_tell_from_the_command_line(server, cli):
    job, name = start(cli, "--initial", "6")
    ask = ("sample", "ask", job, "--worker", "me")
    wait_until(lambda: len(cli.json(*ask, "--count", "6")["points"]) == 6)
    reply = cli.json(*ask, "--count", "6")
    assert reply == cli.json(*ask, "--count", "6"), "asking again changes nothing"
    assert 0 < reply["heartbeat_seconds"] <= 300 and not reply["finished"]
    asked = reply["points"]
    assert all(p["attempt"] == 1 and p["jacobian"] for p in asked)
    assert cli.ok(*ask, "--count", "2").count("\n") == 3
    lines = [json.dumps({"point": p["point"], "y": [truth(p["inputs"])]}) for p in asked[:4]]
    lines.append(json.dumps({"point": asked[4]["point"], "infeasible": True, "reason": "no"}))
    lines.append(json.dumps({"point": asked[5]["point"], "failed": True, "attempt": 1}))
    tell = ("sample", "tell", job, "--worker", "me")
    told = cli.json(*tell, stdin="\n".join(lines))
    assert [each["outcome"] for each in told["outcomes"]] == 5 * ["taken"] + ["retry"]
    again = cli.json(*tell, stdin="\n".join(lines))
    assert [each["outcome"] for each in again["outcomes"]] == 5 * ["known"] + ["retry"]
    other = json.dumps({"point": asked[0]["point"], "y": [9]})
    assert f"point {asked[0]['point']}: late" in cli.ok(*tell, stdin=other)
    counts = cli.json("sample", "status", job)["counts"]
    assert (counts["done"], counts["infeasible"]) == (4, 1)

    assert cli.json("sample", "pause", job)["phase"] == "paused"
    assert cli.json(*ask, "--count", "9")["points"] == []
    assert cli.json("sample", "resume", job)["phase"] == "sampling"
    wait_until(lambda: cli.json(*ask)["points"])
    cli.ok("sample", "stop", job)
    sampling = wait_for_end(cli, job)
    assert (sampling["phase"], sampling["stop_reason"]) == ("ended", "stopped")
    assert cli.json(*ask)["finished"]
    check_samples(server.grpc, name, points(cli, job))
    text = cli.ok("sample", "status", job)
    assert re.search(r"^ended because +stopped$", text, re.MULTILINE)
    assert re.search(r"^evaluated +4$", text, re.MULTILINE)
    report = cli.ok("sample", "report", job, "--svg", "out.svg", "--axes", "b,a")
    assert re.search(r"^1 +0 +4 ", report, re.MULTILINE)
    assert (cli.directory / "out.svg").read_text().count("<circle") >= 4


def test_a_paused_job_lets_workers_finish_and_gives_them_nothing_more(cli, workers):
    job, _ = start(cli, "--budget", "12", "--lease", "3")
    command = workers.simulate("while not os.path.exists('go'): time.sleep(0.05)\n")
    process = workers.start(job, command, "--parallel", "2")
    wait_until(lambda: len(workers.runs()) == 2)
    cli.ok("sample", "pause", job)
    time.sleep(4)  # Heartbeats go on.
    (cli.directory / "go").touch()
    wait_until(lambda: cli.json("sample", "status", job)["counts"]["done"] == 2)
    time.sleep(1)
    assert sorted(workers.runs()) == [(1, 1), (2, 1)]
    assert process.poll() is None
    cli.ok("sample", "resume", job)
    summary, _ = workers.finish(process)
    assert summary["evaluated"] == 12 and summary["finished"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_stopped_gives_its_points_back(cli, workers, number):
    job, _ = start(cli, "--initial", "6", "--lease", "600")
    process = workers.start(job, workers.simulate("time.sleep(1000)\n"), "--parallel", "2")
    wait_until(lambda: len(workers.runs()) == 2)
    process.send_signal(number)
    summary, err = workers.finish(process, code=130)
    assert not summary["finished"] and "the worker was stopped" in err
    back = [p for p in points(cli, job) if p["attempt"] == 1]
    assert [p["state"] for p in back] == ["queued", "queued"]
    assert all("the worker was stopped" in p["reason"] for p in back)
    wait_until(lambda: not any(map(is_running, workers.simulators())))
    cli.ok("job", "cancel", job)


# ---- Bad input -----------------------------------------------------------------------------------


def test_a_command_that_is_not_there_ends_the_worker(cli):
    job, _ = start(cli, "--initial", "6")
    result = cli.run("worker", job, "--exec", "./no-such-command")
    assert result.returncode == 2
    assert "--exec: expected a command that can be run; exit code 127" in result.stderr
    wait_until(lambda: all(p["state"] == "queued" for p in points(cli, job)))
    cli.ok("job", "cancel", job)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("print('x'); sys.exit()", 'expected one JSON object on standard output, got "x'),
        ("sys.exit()", "expected one JSON object on standard output, got nothing"),
        ("print('{}'); sys.exit()", 'expected "y", got "{}"'),
        ("print('[1]'); sys.exit()", 'expected an object, got "[1]"'),
        ("print('{\"y\": [1, 2]}'); sys.exit()", "y: expected 1 items, got 2"),
        ("print('{\"y\": [true]}'); sys.exit()", 'y[0]: expected a number, got "true"'),
        ('print(\'{"y": {"v": 1}}\'); sys.exit()', 'y: has no "u"'),
        (
            'print(\'{"y": [1], "jacobian": [[1]]}\'); sys.exit()',
            "jacobian[0]: expected 2 items, got 1",
        ),
        ("sys.stderr.buffer.write(b'caf\\xe9'); sys.exit(1)", "exit code 1; standard error ends "),
        ("os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("time.sleep(100)", "took longer than --timeout"),
    ],
)
def test_bad_output_is_a_failure_with_a_reason(cli, workers, trouble, reason):
    job, _ = start(cli, "--initial", "1", "--attempts", "1")
    timeout = "1" if "sleep" in trouble else "60"
    command = "exec " + workers.simulate(trouble + "\n")
    process = workers.start(job, command, "--parallel", "4", "--timeout", timeout)
    summary, _ = workers.finish(process)
    assert summary["failed"] >= 1 and summary["evaluated"] == 0
    first = points(cli, job)[0]
    assert first["state"] == "failed"
    assert reason in first["reason"]
    failure = cli.json("job", "show", job)["error"]
    assert failure["reason"] == "NO_EVALUATIONS" and "check the function" in failure["message"]


def test_an_end_that_bounds_leave_out_is_that_of_the_dataset(cli):
    job = cli.ok(
        *("sample", "start", "--dataset", unique("ends"), "--inputs", "a=0:1,b=-1:1"),
        *("--outputs", "u", "--bounds", "a=0.5:"),
    ).strip()
    wait_until(lambda: points(cli, job))
    a, b = np.array([list(point["inputs"].values()) for point in points(cli, job)]).T
    assert 0.5 <= a.min() < 0.7 and 0.8 < a.max() <= 1
    assert -1 <= b.min() < -0.5 and 0.5 < b.max() <= 1


def test_bad_arguments_are_refused_by_name(cli, client):
    begin = ("sample", "start", "--dataset", unique("bad"))
    variables = ("--inputs", "a=0:1", "--outputs", "u")
    for arguments, code, words in (
        ((*begin,), 1, "NOT_FOUND"),
        ((*begin, "--inputs", "a=0:1"), 2, "--inputs, --outputs: expected both"),
        ((*begin, *variables, "--budget", "0"), 1, "spec.stop_rules[0].evaluations"),
        ((*begin, *variables, "--stop", "evaluation=1"), 2, "--stop: expected evaluations, cost"),
        ((*begin, *variables, "--stop", "cost=x"), 2, "--stop: expected a number after ="),
        ((*begin, *variables, "--bounds", "b=0:1"), 2, "--bounds: expected inputs of the dataset"),
        (
            (*begin, "--inputs", "a", "--outputs", "u", "--bounds", "a=0:"),
            2,
            "--bounds: expected a=LOWER:UPPER",
        ),
        ((*begin, *variables, "--strategy", "best"), 2, "expected adaptive, lola-voronoi or"),
        (
            (*begin, *variables, "--goal", "least:u"),
            2,
            "--goal: expected surrogate, minimum:OUTPUT",
        ),
        ((*begin, *variables, "--goal", "level:u"), 2, "--goal: expected level:OUTPUT=NUMBER"),
        ((*begin, *variables, "--goal", "minimum:v"), 1, "spec.goal.output"),
        ((*begin, *variables, "--closed", "2"), 1, "spec.stop_rules[0].closed_share"),
        ((*begin, *variables, "--program", unique("none")), 1, "NOT_FOUND"),
        (("sample", "status", "none"), 1, "NOT_FOUND"),
        (("sample", "update", "none", "--budget", "9"), 1, "NOT_FOUND"),
        (("worker", "none", "--exec", "true"), 1, "NOT_FOUND"),
        (("worker", "none", "--exec", "true", "--parallel", "0"), 2, "--parallel"),
        (("worker", "none", "--exec", "true", "--timeout", "0"), 2, "--timeout"),
        (("worker", "none"), 2, "--exec"),
    ):
        result = cli.run(*arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert words in result.stderr, (arguments, result.stderr)
        assert result.stdout == ""
    x = np.linspace(0, 1, 20).reshape(-1, 1)
    trained = client.train(x, x**2, model=unique("other"), kind="polynomial")
    for command in ("status", "watch", "points"):
        result = cli.run("sample", command, trained.name)
        assert result.returncode == 1 and "expected a sampling job" in result.stderr


def test_bad_lines_tell_nothing(cli):
    job, _ = start(cli, "--initial", "2")
    ask = ("sample", "ask", job, "--worker", "me", "--count", "2")
    wait_until(lambda: len(cli.json(*ask)["points"]) == 2)
    good = '{"point": 1, "y": [1]}\n'
    tell = ("sample", "tell", job, "--worker", "me")
    for text, words in (
        ("", "stdin: expected a line"),
        (good + "y", "stdin: line 2: expected a JSON object"),
        (good + '\n{"y": [1]}', 'stdin: line 3: expected "point"'),
        (good + '{"point": 1.5, "y": [1]}', "stdin: line 2: point: expected a whole number"),
        (good + '{"point": 2, "y": ["a"]}', "stdin: line 2: y[0]: expected a number"),
        (good + '{"point": 2, "infeasible": 1}', "stdin: line 2: infeasible: expected true"),
    ):
        result = cli.run(*tell, stdin=text)
        assert result.returncode == 2 and words in result.stderr, result.stderr
        assert result.stdout == ""
    assert cli.json("sample", "status", job)["counts"]["done"] == 0
    result = cli.run("sample", "report", job, "--axes", "a,z")
    assert (
        result.returncode == 2 and "--axes: expected inputs of the dataset, a, b" in result.stderr
    )
    cli.ok("job", "cancel", job)
