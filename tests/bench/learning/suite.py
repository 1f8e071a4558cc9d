#!/usr/bin/env python3
"""Sobolev beside its peers: what they learn from values and derivatives, and what it costs.

    tests/bench/learning/suite.py --server build/release/server/sobolev-server --cache peers.json
    tests/bench/learning/suite.py --server ... --cache peers.json --peers-python VENV/bin/python

31 problems (workloads.py) with 3 or 4 numbers of samples each. The first form runs our methods with
the installed `sobolev` package against a server that it starts, and takes the peers from the cache;
it needs numpy besides. The second form first fits the peers that the cache lacks, in a Python that
has the libraries of peers.py; that takes hours for all cases and all seeds.

Fits use one thread. What counts are CPU seconds, so that other work on the machine matters little;
of JAX without those to compile. Errors are at test points with exact labels, the median over seeds.

Prints the errors and times of all cases, geometric means, ratios to the peers, what the automatic
choice came to, what we ask of ourselves (bars.py has more of that), and a JSON object on the last
line. --curves writes the learning curves as pictures. --results keeps ours: what the file has is
not fitted again, so that a stopped run goes on; remove it when the program has changed.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import cases
import curves
import goals
import ours
import tables
import workloads

CURVES = {"value_nrmse": "Error of values", "grad_nrmse": "Error of gradients"}


def run_peers(python, arguments):
    subprocess.run(
        [
            python,
            str(pathlib.Path(__file__).with_name("run_peers.py")),
            *("--cache", arguments.cache),
            *("--problems", arguments.problems),
            *("--sizes", arguments.sizes),
            *("--seeds", arguments.seeds),
        ],
        check=True,
        stdout=sys.stderr,
    )


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", help="the program; without it, ours are taken from --results")
    parser.add_argument("--cache", help="results of the peers")
    parser.add_argument("--results", help="of ours: what the file lacks is added")
    parser.add_argument("--peers-python", metavar="PYTHON")
    parser.add_argument("--problems", default=",".join(workloads.PROBLEMS))
    parser.add_argument("--sizes", choices=("medium", "all"), default="all")
    parser.add_argument("--seeds", default="1", help="default: 1")
    parser.add_argument("--methods", default=",".join(ours.DEFAULT), help="of ours")
    parser.add_argument("--curves", type=pathlib.Path, metavar="DIR")
    arguments = parser.parse_args()
    unknown = set(arguments.problems.split(",")) - set(workloads.PROBLEMS)
    unknown |= set(arguments.methods.split(",")) - set(ours.OURS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if arguments.peers_python and not arguments.cache:
        parser.error("--peers-python needs --cache")
    return arguments


def main():
    arguments = parse_arguments()
    methods = arguments.methods.split(",")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    case_list = cases.ordered(arguments.problems.split(","), seeds, arguments.sizes)
    if arguments.peers_python:
        run_peers(arguments.peers_python, arguments)
    results = cases.Results(arguments.results)
    if arguments.server:

        def report(method, case, result):
            print(cases.describe(method, case, result), file=sys.stderr, flush=True)

        ours.run(arguments.server, case_list, methods, results, report)
    peers = cases.Results(arguments.cache)
    merged = cases.Results(None)
    merged.entries = {**peers.entries, **results.entries}

    table = tables.Table(merged, [*methods, *peers.methods()], case_list)
    tables.print_cases(table)
    tables.print_means(table)
    ratios = tables.print_ratios(table, methods)
    tables.print_best(table, methods)
    tables.print_choices(table, [method for method in methods if method in ours.CHOICES])
    missed = goals.print_goals(goals.of_table(table, peers.methods()))
    if arguments.curves:
        arguments.curves.mkdir(parents=True, exist_ok=True)
        for measure, title in CURVES.items():
            picture = curves.draw(table, measure, f"{title} over number of samples")
            (arguments.curves / f"{measure}.svg").write_text(picture)
    wanted = {merged.key(method, case) for method in table.methods for case in case_list}
    shown = {key: value for key, value in merged.entries.items() if key in wanted}
    print(json.dumps({"results": shown, "times_below": ratios, "missed": missed}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
