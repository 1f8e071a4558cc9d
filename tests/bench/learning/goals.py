"""What we ask of ourselves: bars on the errors and times of a table of the suite.

Names of bars: A1 to A4 compare the automatic choice with JENN, GEKPLS and its own families on the
ten functions of few samples; dPCA asks for accuracy in half a second where few directions matter;
auto compares with all peers.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

import workloads
from tables import LEAST, MEASURES, short

METHOD = "auto"
REPAIRED = "torch_global"
# What the automatic choice chooses from.
FAMILIES = ("differential", "second_order", "polynomial", "gaussian_process")
# Most value error, gradient error and CPU seconds of the quick choice.
QUICK = {
    ("bachelier_20", 4096): (0.018, 0.022, 0.5),
    ("bachelier_100", 8192): (0.025, 0.03, 0.5),
    ("ridge_100", 1600): (3e-4, 1e-3, 0.5),
}
# Samples for each input, and the share of a peer's error that ours may have at most.
VALUE_SHARES = (((5, 10, 20, 50), "jenn", 1 / 5), ((5, 10, 20), "gekpls", 1 / 3))
GRADIENT_SHARES = (((5, 10, 20, 50), "jenn", 1 / 4),)
RECOVERED = 1e-10
RECOVERY = ("rosenbrock10", 50)
FACTOR_OF_BEST_FAMILY = 2.0
SHARE_OF_CASES = 0.9
# Median of the repaired recipe's errors over ours.
TIMES_BELOW_REPAIRED = (30.0, 10.0)
SMOOTH_SAMPLES = 400


class Goal(NamedTuple):
    bar: str
    what: str
    value: float
    limit: float
    at_least: bool = False
    note: str = ""

    def is_met(self):
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def samples_per_input(row):
    return row[1] // workloads.PROBLEMS[row[0]].n


def function_rows(table, samples=None):
    rows = [row for row in table.rows if row[0] in workloads.FUNCTIONS]
    return [row for row in rows if samples is None or samples_per_input(row) == samples]


def share_goals(bar, table, measure, shares):
    """Geometric means over the functions, in parts of a peer's."""
    for sizes, peer, share in shares:
        for samples in sizes:
            rows = table.shared(METHOD, peer, function_rows(table, samples))
            if not rows:
                continue
            inexact = [row for row in rows if table.median(METHOD, row, measure) > RECOVERED]
            means = [
                table.geometric_mean(METHOD, some, measure)
                / table.geometric_mean(peer, some, measure)
                for some in (rows, inexact)
                if some
            ]
            note = f"{len(rows)} functions"
            if 0 < len(inexact) < len(rows):
                note += f"; {short(means[1])} on the {len(inexact)} that are not recovered exactly"
            what = f"{measure}, {samples} n samples, in parts of {peer}'s"
            yield Goal(bar, what, means[0], share, note=note)


def family_goals(table):
    """The automatic choice beside the best family of each case."""
    for measure in MEASURES[:2]:
        ratios = []
        for row in function_rows(table):
            mine = table.median(METHOD, row, measure)
            best = table.least(FAMILIES, row, measure)
            if mine is not None and best is not None:
                # What both recover exactly differs by rounding only.
                ratio = max(mine, RECOVERED) / max(best[0], RECOVERED)
                ratios.append((ratio, row, best[1]))
        if ratios:
            good = sum(ratio <= FACTOR_OF_BEST_FAMILY for ratio, _, _ in ratios)
            worst = max(ratios)
            note = f"of {len(ratios)}; highest ratio {short(worst[0])}, {worst[1][0]} {worst[1][1]}"
            what = f"{measure} at most twice the best family's, share of cases"
            note += f" ({worst[2]})"
            yield Goal("A2", what, good / len(ratios), SHARE_OF_CASES, True, note)


def recovery_goals(table):
    value = table.median(METHOD, RECOVERY, MEASURES[0]) if RECOVERY in table.rows else None
    if value is not None:
        yield Goal("A3", f"value_nrmse, {RECOVERY[0]} {RECOVERY[1]}", value, RECOVERED)


def quick_goals(table):
    for row, limits in QUICK.items():
        if row not in table.rows:
            continue
        for measure, limit in zip(MEASURES, limits, strict=True):
            value = table.median("quick", row, measure)
            if value is not None:
                yield Goal("dPCA", f"{measure}, {row[0]} {row[1]}", value, limit)


def repaired_goals(table):
    """Errors of the repaired recipe over ours, on smooth functions of the suite."""
    rows = [
        row
        for row in table.shared(METHOD, REPAIRED, table.rows)
        if row[0] in workloads.SUITE
        and row[1] == SMOOTH_SAMPLES
        and not workloads.PROBLEMS[row[0]].is_noisy
    ]
    for measure, limit in zip(MEASURES[:2], TIMES_BELOW_REPAIRED, strict=True):
        ratios = [
            table.median(REPAIRED, row, measure) / max(table.median(METHOD, row, measure), LEAST)
            for row in rows
        ]
        if ratios:
            what = f"{measure} of the repaired recipe over ours, median, {SMOOTH_SAMPLES} samples"
            note = f"{len(rows)} smooth problems"
            yield Goal("auto", what, statistics.median(ratios), limit, True, note)


def is_worse(table, peer, row, measure):
    """Whether each seed of ours is worse than each of the peer's: more than chance explains."""
    mine, theirs = (
        [result[measure] for result in table.of_seeds(method, row) if "error" not in result]
        for method in (METHOD, peer)
    )
    return min(mine) > max(max(theirs), RECOVERED)


def peer_goals(table, peers):
    """In how many cases the automatic choice is worse than some peer, which shall be none."""
    for measure in MEASURES[:2]:
        compared, worse = 0, []
        for row in table.rows:
            rivals = [peer for peer in peers if table.shared(METHOD, peer, [row])]
            better = [peer for peer in rivals if is_worse(table, peer, row, measure)]
            compared += bool(rivals)
            if better:
                least, peer = table.least(better, row, measure)
                ratio = table.median(METHOD, row, measure) / least
                worse.append((ratio, f"{row[0]} {row[1]} {short(ratio)} times {peer}"))
        if compared:
            note = ", ".join([f"of {compared}", *(text for _, text in sorted(worse)[::-1])])
            what = f"{measure} above some peer's in all seeds, cases"
            yield Goal("auto", what, len(worse), 0, note=note)


def of_table(table, peers):
    """Those that the table has results for; peers are the names of methods that are not ours."""
    value, gradient, _ = MEASURES
    return [
        *share_goals("A1", table, value, VALUE_SHARES),
        *family_goals(table),
        *recovery_goals(table),
        *share_goals("A4", table, gradient, GRADIENT_SHARES),
        *quick_goals(table),
        *repaired_goals(table),
        *peer_goals(table, peers),
    ]


def number(value):
    if value == math.floor(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return short(value)


def print_goals(goals):
    """A table; the sentences of the goals that are missed."""
    if goals:
        print("\n## What we ask of ourselves\n")
        print("| bar | what | asked | measured | |")
        print("|---|---|---|---|---|")
    for goal in goals:
        asked = f"{'>=' if goal.at_least else '<='} {number(goal.limit)}"
        verdict = "met" if goal.is_met() else "MISSED"
        note = f" ({goal.note})" if goal.note else ""
        print(f"| {goal.bar} | {goal.what} | {asked} | {number(goal.value)}{note} | {verdict} |")
    return [f"{goal.bar}: {goal.what}" for goal in goals if not goal.is_met()]
