#!/usr/bin/env python3
"""The problems of the learning suite, for numpy alone.

    workloads.py                                       table of the problems
    workloads.py --check                               verify every derivative
    workloads.py --dump DIR --name NAME --size N --seed S
                                                       write little-endian binary64 arrays

21 problems for the comparison with differential machine learning (SUITE) and 10 functions of few
samples for the comparison with surrogate libraries (FUNCTIONS). The same name, size and seed give
the same samples on every machine, up to its mathematics library.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import check
import dynamics
import finance
import functions
import libor
import smooth

SUITE = {
    problem.name: problem
    for problem in (
        *finance.PROBLEMS,
        *libor.PROBLEMS,
        *smooth.PROBLEMS,
        *dynamics.PROBLEMS,
        smooth.Ridge(),
    )
}
FUNCTIONS = {problem.name: problem for problem in functions.PROBLEMS}
PROBLEMS = SUITE | FUNCTIONS


def dump(problem, size, seed, directory):
    directory.mkdir(parents=True, exist_ok=True)
    train, test = problem.train(size, seed), problem.test()
    for part, samples in (("train", train), ("test", test)):
        for letter, array in zip("xyg", samples, strict=True):
            array.astype("<f8").tofile(directory / f"{letter}_{part}.f64")
    about = {
        "name": problem.name,
        "n": problem.n,
        "m": problem.m,
        "train": len(train.x),
        "test": len(test.x),
        "seed": seed,
        "noisy": problem.is_noisy,
    }
    (directory / "meta.json").write_text(json.dumps(about))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--dump", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--name", choices=PROBLEMS, metavar="NAME")
    parser.add_argument("--size", type=int, help="default: the second of the problem's sizes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.check:
        return int(not check.passes(PROBLEMS.values()))
    if arguments.dump:
        if arguments.name is None:
            parser.error("--dump needs --name")
        problem = PROBLEMS[arguments.name]
        dump(problem, arguments.size or problem.sizes[1], arguments.seed, arguments.dump)
        return 0
    for problem in PROBLEMS.values():
        kind = "noisy" if problem.is_noisy else "exact"
        sizes = " ".join(map(str, problem.sizes))
        print(f"{problem.name:16} {problem.n:3} -> {problem.m} {kind} {sizes:20} {problem.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
