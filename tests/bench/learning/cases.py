"""Cases of the suite, the order to run them in, and results on disk."""

from __future__ import annotations

import json
import os
import pathlib
from typing import NamedTuple

import workloads


class Case(NamedTuple):
    problem: str
    size: int
    seed: int


def ordered(names=None, seeds=(1,), which="all"):
    """Every problem at its second size and the first seed first, so that a table soon fills.

    names: of problems, default all. which: "medium" for the second size only, or "all".
    """
    problems = [workloads.PROBLEMS[name] for name in names or workloads.PROBLEMS]

    def others(problem):
        return [size for size in problem.sizes if size != problem.sizes[1]]

    cases = []
    for seed in seeds:
        cases += [Case(problem.name, problem.sizes[1], seed) for problem in problems]
        if which == "all":
            cases += [
                Case(problem.name, size, seed) for problem in problems for size in others(problem)
            ]
    return cases


class Results:
    """What a method reached in a case, in a JSON file that is whole at any time.

    A result has the entries of Problem.errors and "cpu_seconds", or "error" with the reason.
    """

    def __init__(self, path):
        self.path = path and pathlib.Path(path)
        self.entries = {}
        if self.path and self.path.exists():
            self.entries = json.loads(self.path.read_text())

    @staticmethod
    def key(method, case):
        return f"{method}/{case.problem}/{case.size}/{case.seed}"

    def get(self, method, case):
        return self.entries.get(self.key(method, case))

    def methods(self):
        return list(dict.fromkeys(key.split("/")[0] for key in self.entries))

    def put(self, method, case, result):
        self.entries[self.key(method, case)] = result
        if self.path:
            part = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in self.entries.items())
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n")
            part.replace(self.path)


def describe(method, case, result):
    """One line for a log."""
    head = f"{method:16} {case.problem:16} {case.size:6} seed {case.seed}"
    if "error" in result:
        return f"{head}  {result['error']}"
    return (
        f"{head}  {result['value_nrmse']:9.2e} {result['grad_nrmse']:9.2e} "
        f"{result['cpu_seconds']:8.3f} s"
    )
