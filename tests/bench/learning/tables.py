"""Tables of the suite: every case, geometric means, and what the automatic choice came to."""

from __future__ import annotations

import collections
import math
import statistics

import cases
import workloads

MEASURES = ("value_nrmse", "grad_nrmse", "cpu_seconds")
LEAST = 1e-16  # Errors below rounding count as this much in a geometric mean.


class Table:
    """Medians over the seeds of the results of methods in (problem, size) rows."""

    def __init__(self, results, methods, case_list):
        self.methods = methods
        self.rows = list(dict.fromkeys((case.problem, case.size) for case in case_list))
        self.seeds = list(dict.fromkeys(case.seed for case in case_list))
        self.results = results

    def of_seeds(self, method, row):
        found = (self.results.get(method, cases.Case(*row, seed)) for seed in self.seeds)
        return [result for result in found if result is not None]

    def median(self, method, row, measure):
        """None if there is no result, or if the fit fails for half of the seeds."""
        found = [result for result in self.of_seeds(method, row)]
        good = [result[measure] for result in found if "error" not in result]
        return statistics.median(good) if 2 * len(good) > len(found) else None

    def least(self, methods, row, measure):
        """(value, method) of the method that is best there, or None."""
        found = [(self.median(method, row, measure), method) for method in methods]
        return min(((value, m) for value, m in found if value is not None), default=None)

    def cell(self, method, row):
        values = [self.median(method, row, measure) for measure in MEASURES]
        if None not in values:
            return f"{short(values[0])} {short(values[1])} {values[2]:.2f}s"
        failures = [r["error"] for r in self.of_seeds(method, row) if "error" in r]
        if not failures:
            return ""
        if "CPU seconds" in failures[0]:
            return "> " + failures[0].split()[2] + "s"
        return "out of reach" if failures[0].startswith(("more", "less")) else "failed"

    def geometric_mean(self, method, rows, measure):
        values = [self.median(method, row, measure) for row in rows]
        if not values or None in values:
            return None
        return math.exp(statistics.fmean(math.log(max(value, LEAST)) for value in values))

    def shared(self, first, second, rows):
        """The rows in which both have a result."""
        return [
            row
            for row in rows
            if all(self.median(m, row, MEASURES[0]) is not None for m in (first, second))
        ]

    def ratios(self, method, peer, rows):
        """Geometric means of method over peer for each measure, in the rows that both have."""
        rows = self.shared(method, peer, rows)
        if not rows:
            return None
        means = [
            self.geometric_mean(method, rows, measure) / self.geometric_mean(peer, rows, measure)
            for measure in MEASURES
        ]
        return means, len(rows)


def short(value):
    """Two digits: 0.012, 3.4e-05."""
    return f"{value:.2g}" if 1e-3 <= value < 100 else f"{value:.1e}"


def groups(rows):
    """The rows by kind of problem."""
    found = {}
    for row in rows:
        problem = workloads.PROBLEMS[row[0]]
        if row[0] in workloads.SUITE:
            kind = "noisy labels" if problem.is_noisy else "exact labels"
        else:
            samples = row[1] // problem.n
            kind = f"functions of {'2-3' if problem.n <= 3 else '8-15'} inputs, {samples} n samples"
        found.setdefault(kind, []).append(row)
    return found


def print_cases(table):
    print("\n## Errors of values, of gradients, and CPU seconds to fit\n")
    print("| problem, samples | " + " | ".join(table.methods) + " |")
    print("|---" * (len(table.methods) + 1) + "|")
    for row in table.rows:
        cells = (table.cell(method, row) for method in table.methods)
        print(f"| {row[0]} {row[1]} | " + " | ".join(cells) + " |")


def print_means(table):
    """Over the rows where a method has results; the number of the others in brackets."""
    print("\n## Geometric means (failures in brackets, which flatter)\n")
    print("| group | " + " | ".join(table.methods) + " |")
    print("|---" * (len(table.methods) + 1) + "|")
    for kind, rows in groups(table.rows).items():
        cells = []
        for method in table.methods:
            good = table.shared(method, method, rows)
            means = [table.geometric_mean(method, good, measure) for measure in MEASURES]
            failed = f" ({len(rows) - len(good)})" if len(good) < len(rows) else ""
            cells.append(
                f"{short(means[0])} {short(means[1])} {means[2]:.2f}s{failed}" if good else ""
            )
        print(f"| {kind}, {len(rows)} cases | " + " | ".join(cells) + " |")


def print_ratios(table, ours):
    """How many times less than the peers: larger is better for us."""
    summary = {}
    print("\n## How many times ours are below: value error, gradient error, CPU seconds\n")
    for method in (m for m in ours if m in table.methods):
        for kind, rows in {"all": table.rows, **groups(table.rows)}.items():
            for peer in (m for m in table.methods if m not in ours):
                found = table.ratios(method, peer, rows)
                if found:
                    (value, gradient, seconds), count = found
                    summary[f"{method}/{peer}/{kind}"] = [1 / value, 1 / gradient, 1 / seconds]
                    print(
                        f"- {method}, {kind}, {peer}: {1 / value:.3g} {1 / gradient:.3g} "
                        f"{1 / seconds:.3g} in {count} cases"
                    )
    return summary


def print_best(table, ours):
    """Against the best peer of each case, which nobody knows beforehand."""
    peers = [method for method in table.methods if method not in ours]
    print("\n## Error of the best peer of each case over ours\n")
    for method in (m for m in ours if m in table.methods):
        for measure in MEASURES[:2]:
            ratios = []
            for row in table.rows:
                mine = table.median(method, row, measure)
                best = table.least(peers, row, measure)
                if mine is not None and best is not None:
                    ratios.append((max(best[0], LEAST) / max(mine, LEAST), row, best[1]))
            if ratios:
                mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _, _ in ratios))
                wins = sum(ratio >= 1 for ratio, _, _ in ratios)
                worst = ", ".join(
                    f"{row[0]} {row[1]} {ratio:.2g} ({peer})"
                    for ratio, row, peer in sorted(ratios)[:5]
                )
                print(
                    f"- {method}, {measure}: geometric mean {mean:.3g}, better in {wins} of "
                    f"{len(ratios)} cases; lowest {worst}"
                )


def commonest(names):
    """The name that most seeds have, and how many if not all."""
    (name, count), *_ = collections.Counter(names).most_common()
    return name if count == len(names) else f"{name} ({count} of {len(names)})"


def choice(table, method, row):
    """Cells: the winner, the runner-up and its score in parts of the winner's, trials, seconds."""
    found = [result for result in table.of_seeds(method, row) if "recipe" in result]
    if not found:
        return None
    seconds = [result["cpu_seconds"] for result in found]
    trials = [result["trials"] for result in found if "trials" in result]
    others = [result for result in found if "runner_up" in result]
    second, behind = "", ""
    if others:
        second = commonest([result["runner_up"] for result in others])
        behind = short(statistics.median(result["runner_up_score"] for result in others))
    return [
        commonest([result["recipe"] for result in found]),
        second,
        behind,
        f"{statistics.median(trials):.0f}" if trials else "",
        f"{statistics.median(seconds):.1f}",
    ]


def print_choices(table, methods):
    """The score is the geometric mean of the relative errors on held-out samples."""
    for method in methods:
        cells = {row: choice(table, method, row) for row in table.rows}
        if any(cells.values()):
            print(f"\n## What {method} chose\n")
            print("| problem, samples | winner | runner-up | its score | tried | CPU s |")
            print("|---|---|---|---|---|---|")
            for row in (row for row in table.rows if cells[row]):
                print(f"| {row[0]} {row[1]} | " + " | ".join(cells[row]) + " |")
