#!/usr/bin/env python3
"""Derivatives of the workloads of tests/bench/ad_workloads.h: our engine beside others, in one run.

    tests/bench/ad_peers.py --ours build/release/tests/bench/ad_bench
    tests/bench/ad_peers.py --ours build/release/tests/bench/ad_bench --peer NAME=PROGRAM ...

Each engine is a program that speaks the protocol of tests/bench/ad_runner.h; a peer is the engine
of another library behind the same header, built elsewhere with the same flags. This script builds
nothing.

For each workload all engines are started afresh, each in a process of its own, and they take turns
in slices of half a millisecond of work, so that a change of clock rate or a busy neighbour meets
them all. Of the slices (thread CPU time) the 6th percentile counts, and of the passes the median.
First every engine must compute the same numbers, before and after the slices: derivatives agree to
10 digits of the largest entry, interval bounds to 6, and those of a replay, which come from other
formulas, overlap. If one does not, the script says which and exits with 1.

Prints one table per mode, in ns per point with the ratio to the double-precision value in brackets,
then for our scalar types the ratios next to the bounds of the theory (Griewank and Walther 2008,
chapters 3 and 4): a tangent costs at most 2.5 values, a gradient at most 4, or 5 if the cost of
reading and writing counts too (Baur and Strassen 1983). Batched replay, the variants that begin
with "replay", has a list of its own: per point, against the compiled value, the fastest peer, and
what we ask of it.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time

DIGITS = {"interval_value": 6, "interval_gradient": 6}
BOUNDS = {"tangent": ("w_tan", 2.5), "gradient": ("w_grad", 4.0)}
# How many times faster than the fastest peer a batched replay shall be.
SPEEDUPS = {
    ("a_speelpenning", "gradient"): 12,
    ("b_two_variables", "gradient"): 12,
    ("b_two_variables", "interval_gradient"): 20,
    ("c_libor", "gradient"): 10,
    ("c_libor", "hessian_vector"): 3,
    ("d_basket", "gradient"): 12,
    ("e_burgers", "gradient"): 5,
    ("f1_mlp_inputs", "gradient"): 12,
}
# How many compiled values a batched replay may cost: half of one where tapes are well, and a sparse
# Jacobian two right-hand sides.
VALUES = {
    ("a_speelpenning", "gradient"): 0.5,
    ("b_two_variables", "gradient"): 0.5,
    ("c_libor", "gradient"): 0.5,
    ("d_basket", "gradient"): 0.5,
    ("f1_mlp_inputs", "gradient"): 0.5,
    ("g_brusselator", "jacobian"): 2,
}
EXPLANATIONS = {
    "a_speelpenning": "one multiplication per statement: to record it costs more than to do it",
    "e_burgers": "the compiler vectorises the value and cannot vectorise a tape: 30 to 120 is what "
    "tapes take here",
    "f1_mlp_inputs": "the value is fused multiply-adds, and each is a statement on the tape",
    "f2_mlp_parameters": "the value is fused multiply-adds, and each is a statement on the tape",
}


class Engine:
    """A program that answers one line to each request while it runs for one workload."""

    def __init__(self, name, program):
        self.name = name
        self.program = program
        self.process = None
        self.open("")
        self.workloads = [item.split(":")[0] for item in self.ask("list").split()]
        self.close()

    def open(self, workload):
        self.process = subprocess.Popen(
            [self.program, "--serve", "--only", workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name}: no answer to '{request}'")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Subject:
    """One measurement of one engine, which must be open for its workload."""

    def __init__(self, engine, index, workload, mode, variant):
        self.engine = engine
        self.index = index
        self.workload = workload
        self.mode = mode
        self.variant = variant
        self.row = f"{engine.name} {variant}".strip()
        self.passes = []
        self.is_slow = False
        self.numbers = self.check()
        self.bytes = int(engine.ask(f"bytes {index}"))

    def check(self):
        return [float(word) for word in self.engine.ask(f"check {self.index}").split()]

    def slice(self, micros):
        """Time per point of a slice of work."""
        start = time.monotonic()
        ns = float(self.engine.ask(f"slice {self.index} {micros}"))
        self.is_slow = time.monotonic() - start > 0.1
        return ns

    @property
    def ns(self):
        return statistics.median(self.passes)


def is_replay(subject):
    return subject.variant.startswith("replay")


def enclosures_disagree(numbers, reference):
    """Whether bounds by another formula miss those of the reference or are over twice as wide.

    Intervals forget which terms depend on each other: a tangent and an adjoint enclose the same
    derivative, with widths of their own.
    """
    pairs = list(zip(numbers[::2], numbers[1::2], reference[::2], reference[1::2], strict=True))
    return not all(
        low <= reference_high
        and reference_low <= high
        and high - low <= 2 * (reference_high - reference_low)
        for low, high, reference_low, reference_high in pairs
    )


def disagreements(subjects):
    """Sentences about engines that do not compute what the first one computes."""
    first, found = {}, []
    for subject in subjects:
        numbers = subject.check()
        key = (subject.workload, subject.mode)
        reference_row, reference = first.setdefault(key, (subject.row, numbers))
        digits = DIGITS.get(subject.mode, 10)
        where = f"{subject.workload} {subject.mode}: {subject.row} against {reference_row}"
        if len(numbers) != len(reference):
            found.append(f"{where}: {len(numbers)} numbers, expected {len(reference)}")
            continue
        if is_replay(subject) and subject.mode.startswith("interval"):
            if enclosures_disagree(numbers, reference):
                found.append(f"{where}: {numbers}, expected {reference}")
            continue
        scale = max(map(abs, reference))
        worst = max(
            range(len(numbers)),
            # Not a number sorts as the worst error of all.
            key=lambda i: math.inf if math.isnan(numbers[i]) else abs(numbers[i] - reference[i]),
        )
        if not abs(numbers[worst] - reference[worst]) <= 10**-digits * scale:
            found.append(f"{where}: entry {worst} is {numbers[worst]}, expected {reference[worst]}")
    return found


def require_agreement(subjects):
    found = disagreements(subjects)
    if found:
        sys.exit("engines disagree:\n" + "\n".join(found))


def low_percentile(samples):
    ordered = sorted(samples)
    return ordered[round(0.06 * (len(ordered) - 1))]


def subjects_of(engines, workload):
    """Opens the engines that know the workload, and lists what they can do."""
    subjects = []
    for engine in engines:
        if workload in engine.workloads:
            engine.open(workload)
            for index, item in enumerate(engine.ask("list").split()):
                subjects.append(Subject(engine, index, *item.split(":")))
    return subjects


def close_all(subjects):
    for engine in dict.fromkeys(subject.engine for subject in subjects):
        engine.close()


def measure(subjects, rounds, micros):
    """One pass over the subjects of one workload, whose engines are open."""
    samples = {subject: [] for subject in subjects}
    for turn in range(rounds):
        # Whoever follows a cache-hungry neighbour changes with every turn.
        shift = turn % len(subjects)
        for subject in subjects[shift:] + subjects[:shift]:
            # What takes long is asked less often, but often enough to compare.
            if turn % 10 == 0 or not subject.is_slow:
                samples[subject].append(subject.slice(micros))
    for subject in subjects:
        subject.passes.append(low_percentile(samples[subject]))


def nanoseconds(value):
    if value >= 1e6:
        return f"{value / 1e3:.0f} us"
    if value >= 1e4:
        return f"{value / 1e3:.1f} us"
    return f"{value:.0f} ns" if value >= 1000 else f"{value:.1f} ns"


def print_tables(subjects, ours):
    value = {s.workload: s.ns for s in subjects if s.mode == "value" and s.row == ours}
    subjects = [s for s in subjects if not is_replay(s)]
    for mode in dict.fromkeys(s.mode for s in subjects):
        of_mode = [s for s in subjects if s.mode == mode]
        workloads = list(dict.fromkeys(s.workload for s in of_mode))
        print(f"\n## {mode}\n\n| engine | " + " | ".join(workloads) + " |")
        print("|---" * (len(workloads) + 1) + "|")
        for row in dict.fromkeys(s.row for s in of_mode):
            cells = []
            for workload in workloads:
                subject = next(
                    (s for s in of_mode if s.workload == workload and s.row == row), None
                )
                if subject is None:
                    cells.append("-")
                elif mode == "value" or workload not in value:
                    cells.append(nanoseconds(subject.ns))
                else:
                    cells.append(f"{nanoseconds(subject.ns)} ({subject.ns / value[workload]:.2f})")
            print(f"| {row} | " + " | ".join(cells) + " |")
    return value


def print_tape_bytes(subjects):
    operations = {s.workload: s.numbers[0] for s in subjects if s.mode == "operations"}
    lines = []
    for subject in subjects:
        used = subject.bytes if subject.mode == "gradient" else 0
        if used:
            per = operations.get(subject.workload)
            ratio = f", {used / per:.1f} bytes per operation" if per else ""
            lines.append(f"- {subject.workload}, {subject.row}: {used} bytes{ratio}")
    if lines:
        print("\n## Tape\n")
        print("\n".join(lines))


def print_bounds(subjects, ours, value):
    lines = []
    for subject in subjects:
        if subject.row.split()[0] != ours or is_replay(subject) or subject.workload not in value:
            continue
        name, bound = BOUNDS.get(subject.mode, (None, None))
        if name is None:
            continue
        ratio = subject.ns / value[subject.workload]
        verdict = "within" if ratio <= bound else "beyond"
        if name == "w_grad" and 4.0 < ratio <= 5.0:
            verdict = "within Baur-Strassen 5, beyond"
        line = f"- {subject.workload}, {subject.row}: {name} = {ratio:.2f}, {verdict} {bound}"
        if ratio > bound and subject.workload in EXPLANATIONS:
            line += f" ({EXPLANATIONS[subject.workload]})"
        lines.append(line)
    if lines:
        print("\n## Bounds\n")
        print("\n".join(lines))


def fastest_peer(subject, subjects, ours):
    """The fastest of the other engines at what `subject` does, or None."""
    peers = [
        s
        for s in subjects
        if (s.workload, s.mode) == (subject.workload, subject.mode) and s.row.split()[0] != ours
    ]
    return min(peers, key=lambda s: s.ns, default=None)


def against(figure, bar, met):
    """A figure next to what was asked for, which may be nothing."""
    return figure if bar is None else f"{figure} ({'meets' if met else 'MISSES'} {bar})"


def print_replays(subjects, ours, value):
    replays = [s for s in subjects if is_replay(s) and s.mode != "scaling"]
    if not replays:
        return
    print("\n## Batched replay, per point, one thread\n")
    print("| workload, mode, variant | time | values | faster than the fastest peer |")
    print("|---|---|---|---|")
    for subject in replays:
        key = (subject.workload, subject.mode) if subject.variant == "replay" else None
        ratio = subject.ns / value[subject.workload] if subject.workload in value else math.nan
        limit = VALUES.get(key)
        values = against(f"{ratio:.2f}", limit, limit is not None and ratio <= limit)
        peer = fastest_peer(subject, subjects, ours)
        speedup = "-"
        if peer is not None:
            factor, bar = peer.ns / subject.ns, SPEEDUPS.get(key)
            speedup = against(f"{factor:.1f}x", bar, bar is not None and factor >= bar)
            speedup += f" {peer.row}"
        print(
            f"| {subject.workload} {subject.mode} {subject.variant} | {nanoseconds(subject.ns)} "
            f"| {values} | {speedup} |"
        )


def print_replay_ratios(subjects):
    """Ratios of one replay to another."""
    ns = {(s.workload, s.mode, s.variant): s.ns for s in subjects if is_replay(s)}
    lines = []

    def compare(text, above, below):
        if above in ns and below in ns:
            lines.append(f"- {text}: {ns[above] / ns[below]:.2f}")

    compare(
        "g_brusselator, sparse Jacobian over replayed right-hand side (2 asked for)",
        ("g_brusselator", "jacobian", "replay"),
        ("g_brusselator", "value", "replay"),
    )
    burgers = [key for key in ns if key[:2] == ("e_burgers", "gradient")]
    for key in burgers:
        compare(
            f"e_burgers, gradient unrolled over {key[2]}",
            ("e_burgers", "gradient", "replay-unrolled"),
            key,
        )
    for workload in dict.fromkeys(key[0] for key in ns):
        gradient = (workload, "gradient", "replay")
        compare(f"{workload}, gradient over value", gradient, (workload, "value", "replay"))
        compare(
            f"{workload}, one thread over two, on the wall",
            (workload, "scaling", "replay-threads-1"),
            (workload, "scaling", "replay-threads-2"),
        )
    if lines:
        print("\n## Replay against replay\n")
        print("\n".join(lines))


def print_race(subjects, ours):
    """The time of our scalar types over that of the fastest peer, per mode and workload."""
    lines = []
    for subject in subjects:
        if subject.row.split()[0] != ours or is_replay(subject):
            continue
        best = fastest_peer(subject, subjects, ours)
        if best is not None:
            lines.append(
                f"- {subject.workload} {subject.mode}, {subject.row}: "
                f"{subject.ns / best.ns:.3f} of the time of {best.row}"
            )
    if lines:
        print("\n## Against the fastest peer\n")
        print("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", required=True, help="our program, tests/bench/ad_bench")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--only", default="", help="workloads whose name begins so")
    parser.add_argument("--rounds", type=int, default=60, help="slices per pass")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--micros", type=float, default=500, help="length of a slice")
    parser.add_argument("--json", help="write all times to this file, too")
    arguments = parser.parse_args()

    engines = [Engine("ours", arguments.ours)]
    for peer in arguments.peer:
        name, _, program = peer.partition("=")
        engines.append(Engine(name, program))
    workloads = [
        workload
        for workload in dict.fromkeys(w for engine in engines for w in engine.workloads)
        if workload.startswith(arguments.only)
    ]
    subjects = []
    for workload in workloads:
        of_workload = subjects_of(engines, workload)
        require_agreement(of_workload)
        close_all(of_workload)
        subjects += of_workload
    timed = [subject for subject in subjects if subject.mode != "operations"]
    for _ in range(arguments.passes):
        for workload in workloads:
            of_workload = [subject for subject in timed if subject.workload == workload]
            for engine in dict.fromkeys(subject.engine for subject in of_workload):
                engine.open(workload)
            measure(of_workload, arguments.rounds, arguments.micros)
            require_agreement(of_workload)  # A tape that was reused a thousand times may be stale.
            close_all(of_workload)

    value = print_tables(timed, "ours")
    print_replays(timed, "ours", value)
    print_replay_ratios(timed)
    print_race(timed, "ours")
    print_bounds(timed, "ours", value)
    print_tape_bytes(subjects)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(
                [
                    {"engine": s.row, "workload": s.workload, "mode": s.mode, "ns": s.passes}
                    for s in timed
                ],
                file,
                indent=1,
            )


if __name__ == "__main__":
    main()
