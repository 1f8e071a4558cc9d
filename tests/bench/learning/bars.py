#!/usr/bin/env python3
"""What we ask of trained surrogates, measured: one row for each bar, met or missed.

    tests/bench/learning/bars.py --server build/release/server/sobolev-server --cache peers.json
    tests/bench/learning/bars.py --server ... --cache peers.json --only LM,dPCA --seeds 1,2,3

Needs the installed `sobolev` package and numpy; peers come from the cache of suite.py, and rows for
which it lacks them are left out. Fits use one thread. What counts are CPU seconds of the server and
errors at exact test points, medians over seeds. Ours are kept in --results, as in suite.py.

    A1    automatic choice beside JENN and GEKPLS, values, ten functions of few samples
    A2    the same beside the best single family of each case
    A3    a polynomial of ten inputs is recovered from 50 samples
    A4    as A1, gradients
    T1    32-32 network, 10 inputs, 200 samples: to the errors of a reference in .3 s
    T2    value and gradient of that network, microseconds per point
    LM    networks by Levenberg-Marquardt in a second, and in a tenth of the time of PyTorch's Adam
    dPCA  the quick choice where few directions matter, in half a second
    H     Hessians of models that were fitted to values and gradients, and with labels of Hessians
    auto  the automatic choice beside all peers, on every problem at the sizes of --sizes

All of it takes hours, nearly all for A1, A2, A4 and auto, whose fits are those of suite.py and may
be taken from its --results; `--only A3,T1,T2,LM,dPCA,H` takes minutes. Goals on where samples are
placed are not among these: all samples are given here.

Prints a table, and a JSON object on the last line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

import cases
import goals
import ours
import second_order
import tables
import timed
import workloads

import sobolev

NAMES = ("A1", "A2", "A3", "A4", "T1", "T2", "LM", "dPCA", "H", "auto")
HESSIANS = {row: limit for row, limit in second_order.EXACT.items() if limit is not None}
CURVED = ("bachelier_7", 8192)
LEAST_GAIN = 2.0


def function_cases(arguments):
    return cases.ordered(workloads.FUNCTIONS, arguments.seeds, "all")


def all_cases(arguments):
    return cases.ordered(None, arguments.seeds, arguments.sizes)


def cases_of(rows):
    return lambda arguments: [cases.Case(*row, seed) for seed in arguments.seeds for row in rows]


# Bars on results of the suite: the methods that they are about, and the cases.
FROM_TABLE = {
    "A1": (("auto",), function_cases),
    "A2": (("auto", *goals.FAMILIES), function_cases),
    "A3": (("auto",), cases_of([goals.RECOVERY])),
    "A4": (("auto",), function_cases),
    "dPCA": (("quick",), cases_of(goals.QUICK)),
    "auto": (("auto",), all_cases),
}


def report(method, case, result):
    print(cases.describe(method, case, result), file=sys.stderr, flush=True)


def table_goals(name, arguments, results, peers):
    methods, make_cases = FROM_TABLE[name]
    case_list = make_cases(arguments)
    if arguments.server:
        ours.run(arguments.server, case_list, methods, results, report)
    merged = cases.Results(None)
    merged.entries = {**peers.entries, **results.entries}
    table = tables.Table(merged, [*methods, *peers.methods()], case_list)
    return [goal for goal in goals.of_table(table, peers.methods()) if goal.bar == name]


def hessian_goals(client, server, seeds):
    errors = second_order.hessian_errors(client, server, seeds, HESSIANS)
    for (name, size), limit in HESSIANS.items():
        for method in second_order.METHODS:
            over_all = statistics.median(pair[0] for pair in errors[name, size, method])
            yield goals.Goal("H", f"error of Hessians, {name} {size}, {method}", over_all, limit)
    fits = {"network": second_order.NOISY_FITS["network"]}
    found = second_order.value_of_labels(client, server, seeds, (CURVED,), fits)
    plain, curved = (found[(*CURVED, "network", what)] for what in ("without", "with"))
    for position, of_what in enumerate(("values", "gradients", "Hessians times directions")):
        gains = [a[position] / b[position] for a, b in zip(plain, curved, strict=True)]
        error = statistics.median(errors[position] for errors in curved)
        what = f"gain of {of_what} by labels of Hessians, {CURVED[0]} {CURVED[1]}"
        note = f"to {tables.short(error)}"
        yield goals.Goal("H", what, statistics.median(gains), LEAST_GAIN, True, note)


def network_goals(client, server, seeds, peers):
    yield from timed.newton_goals(client, server, seeds)
    smooth = [
        (problem.name, problem.sizes[1])
        for problem in workloads.SUITE.values()
        if not problem.is_noisy
    ]
    yield from timed.adam_goals(client, server, seeds, peers, smooth)


def measured_goals(name, arguments, peers):
    """Of bars that have fits of their own."""
    with ours.Server(arguments.server) as server, sobolev.Client(server.grpc) as client:
        common = (client, server, arguments.seeds)
        if name == "LM":
            return list(network_goals(*common, peers))
        make = {"T1": timed.wide_goals, "T2": timed.prediction_goals, "H": hessian_goals}[name]
        return list(make(*common))


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", help="the program; without it, only what --results has")
    parser.add_argument("--cache", help="results of the peers")
    parser.add_argument("--results", help="of ours: what the file lacks is added")
    parser.add_argument("--only", default=",".join(NAMES), help=f"default: {','.join(NAMES)}")
    parser.add_argument("--sizes", choices=("medium", "all"), default="all", help="of auto")
    parser.add_argument("--seeds", default="1,2,3", help="default: 1,2,3")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")]
    if unknown := set(arguments.only) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return arguments


def main():
    arguments = parse_arguments()
    results, peers = cases.Results(arguments.results), cases.Results(arguments.cache)
    found = []
    for name in (name for name in NAMES if name in arguments.only):
        if name in FROM_TABLE:
            found += table_goals(name, arguments, results, peers)
        elif arguments.server:
            found += measured_goals(name, arguments, peers)
    missed = goals.print_goals(found)
    print(json.dumps({"goals": [goal._asdict() for goal in found], "missed": missed}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
